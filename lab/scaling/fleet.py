"""The instances, and the actions of an operator and of AWS on them.

Every change of an instance sends the events that EC2 sends. `events=False` loses them, as best-effort delivery may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lab.moto import autoscaling, cloud, ec2
from lab.moto.late import Late
from lab.scaling.changes import INSTANCE_ARN, Changes
from lab.scaling.groups import AutoScaling
from lab.scaling.secondary import SecondaryAddresses
from lab.scaling.security_groups import SecurityGroups
from lab.scaling.spot import Interruptions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lab.moto.bus import Bus
    from lab.scaling.hooks import Hook

POOL_TAG: Final = "fleet53:pool"


@dataclass(frozen=True, slots=True)
class WarmPool:
    """A warm pool of `size` instances, kept Stopped, Running or Hibernated; `reuse`: they return to it on scale-in."""

    size: int
    state: str = "Stopped"
    reuse: bool = False


@dataclass(slots=True)
class Fleet:
    """The lab's instances, by id.

    They are in the default security group, which allows all TCP traffic here, unless they are launched into others.
    """

    bus: Bus
    scaling: AutoScaling = field(init=False)
    security_groups: SecurityGroups = field(init=False)
    spot: Interruptions = field(init=False)
    secondary: SecondaryAddresses = field(init=False)
    late: Late = field(init=False)
    _changes: Changes = field(init=False)
    _ec2: Any = field(init=False)
    _autoscaling: Any = field(init=False)

    def __post_init__(self) -> None:
        self.late = Late(self.bus.now)
        self._changes = Changes(self.bus, self.late)
        self.scaling = AutoScaling(self.bus, self.bus.now, self.bus.new_id, self.emit_changes)
        self._ec2 = cloud.client("ec2")
        self._autoscaling = cloud.client("autoscaling")
        self.spot = Interruptions(self.bus, self._ec2)
        self.secondary = SecondaryAddresses(self._ec2, self._changes)
        self.security_groups = SecurityGroups(self._ec2)
        self.security_groups.open_default()
        self.security_groups.publish_checkers()

    # -- what an operator does

    def launch(
        self,
        pools: Sequence[str] = ("web",),
        *,
        tags: Mapping[str, str] | None = None,
        group: str | None = None,
        lifecycle_state: str = "InService",
        state: str = "running",
        spot: bool = False,
        address: str | None = None,
        ipv6: str | None = None,
        public: bool = True,
        security_groups: Sequence[str] = (),
        events: bool = True,
    ) -> str:
        """Launch an instance tagged for `pools` and return its id.

        `address` and `ipv6` choose its public addresses; `public=False` gives it only a private one. A Spot instance
        is always in the default security group.
        """
        tagged = {POOL_TAG: " ".join(pools)} if pools else {}
        tagged |= tags or {}
        given = [{"Key": key, "Value": value} for key, value in tagged.items()]
        instance_id = self._request_spot(given) if spot else self._run(given, security_groups)
        if address is not None or not public:
            ec2.put_public_address(instance_id, address)
        if ipv6 is not None:
            ec2.add_ipv6_address(instance_id, ipv6)
        if group is not None:
            self.scaling.attach(group, [instance_id], tags=False)
            self.set_lifecycle_state(instance_id, lifecycle_state)
        if state != "running":
            ec2.put_state(instance_id, state)
        self.emit_changes(lost=not events)
        if group is not None and events and lifecycle_state == "InService":
            self._emit_activity("EC2 Instance Launch Successful", group, instance_id)
        return instance_id

    def stop(self, instance_id: str, *, events: bool = True) -> None:
        """Stop an instance: its automatic public address is released."""
        self._ec2.stop_instances(InstanceIds=[instance_id])
        self.emit_changes(lost=not events)

    def start(self, instance_id: str, *, events: bool = True) -> None:
        """Start a stopped instance: a new launch time, and unless it has an Elastic IP a new address."""
        self._ec2.start_instances(InstanceIds=[instance_id])
        self.emit_changes(lost=not events)

    def terminate(self, instance_id: str, *, events: bool = True) -> None:
        """Terminate an instance, which releases its addresses.

        Its group replaces it after a health check; from a group with suspended processes it is removed at once.
        """
        group = None if self.scaling.drives(instance_id) else self.group_of(instance_id)
        self._ec2.terminate_instances(InstanceIds=[instance_id])
        if group is not None:
            self.scaling.drop(instance_id)
        self.emit_changes(lost=not events)
        if group is not None and events:
            self._emit_activity("EC2 Instance Terminate Successful", group, instance_id)

    def retag(self, instance_id: str, pools: Sequence[str], *, events: bool = True) -> None:
        """Change an instance's pool tag; without pools the tag is removed."""
        if pools:
            tags = [{"Key": POOL_TAG, "Value": " ".join(pools)}]
            self._ec2.create_tags(Resources=[instance_id], Tags=tags)
        else:
            self._ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": POOL_TAG}])
        self.emit_changes(lost=not events)

    def associate_address(self, instance_id: str, *, events: bool = True) -> str:
        """Give an instance an Elastic IP in place of its automatic address; return the address."""
        allocated = self._ec2.allocate_address(Domain="vpc")
        self._ec2.associate_address(InstanceId=instance_id, AllocationId=allocated["AllocationId"])
        self.emit_changes(lost=not events)
        return str(allocated["PublicIp"])

    def move_elastic_address(self, address: str, instance_id: str) -> None:
        """Associate an Elastic IP with another instance than its holder, which loses it in the same call."""
        described = self._ec2.describe_addresses(Filters=[{"Name": "public-ip", "Values": [address]}])
        (allocation,) = (each["AllocationId"] for each in described["Addresses"])
        self._ec2.associate_address(InstanceId=instance_id, AllocationId=allocation, AllowReassociation=True)
        self.emit_changes()

    def disassociate_address(self, instance_id: str, *, events: bool = True) -> None:
        """Release an instance's Elastic IP; a running instance gets a new automatic address."""
        described = self._ec2.describe_addresses(Filters=[{"Name": "instance-id", "Values": [instance_id]}])
        for address in described["Addresses"]:
            self._ec2.disassociate_address(AssociationId=address["AssociationId"])
            self._ec2.release_address(AllocationId=address["AllocationId"])
        self.emit_changes(lost=not events)

    # -- what AWS does

    def set_state(self, instance_id: str, state: str, *, events: bool = True) -> None:
        """Put an instance into an EC2 state that moto skips, for example `stopping`."""
        ec2.put_state(instance_id, state)
        self.emit_changes(lost=not events)

    def forget(self, instance_id: str) -> None:
        """Remove an instance from EC2's answers, as EC2 does about an hour after it was terminated."""
        ec2.forget_instance(instance_id)
        self._changes.forget(instance_id)

    def move_address(self, instance_id: str, address: str) -> None:
        """Change a running instance's automatic address, for which AWS sends no event."""
        ec2.put_public_address(instance_id, address)

    def attach_interface(self, instance_id: str, *, address: str | None = None, ipv6: Sequence[str] = ()) -> None:
        """Attach another network interface to an instance, with these public addresses."""
        described = self.describe(instance_id)
        created = self._ec2.create_network_interface(SubnetId=described["SubnetId"])["NetworkInterface"]
        interface_id = str(created["NetworkInterfaceId"])
        ec2.put_interface_addresses(interface_id, address, ipv6)
        said = {"InstanceId": instance_id, "NetworkInterfaceId": interface_id}
        self._ec2.attach_network_interface(DeviceIndex=len(described["NetworkInterfaces"]), **said)
        self._changes.tell_call(
            "AttachNetworkInterface", {"instanceId": instance_id, "networkInterfaceId": interface_id}
        )

    def detach_interface(self, instance_id: str) -> None:
        """Detach the last network interface of an instance, with its addresses."""
        interfaces = self.describe(instance_id)["NetworkInterfaces"]
        last = max((each["Attachment"] for each in interfaces), key=lambda each: int(each["DeviceIndex"]))
        self._ec2.detach_network_interface(AttachmentId=last["AttachmentId"])
        self._changes.tell_call("DetachNetworkInterface", {"attachmentId": last["AttachmentId"], "force": False})

    def replace_ipv6(self, instance_id: str, addresses: Sequence[str]) -> None:
        """Change the IPv6 addresses of an instance's first network interface, for which EC2 sends no event."""
        ec2.put_ipv6_addresses(instance_id, addresses)

    def create_group(
        self,
        name: str,
        desired: int | None = None,
        *,
        hooks: Sequence[Hook] = (),
        pools: Sequence[str] = ("web",),
        warm_pool: WarmPool | None = None,
        health_grace_period: int = 0,
        max_size: int = 1000,
        retain: bool = False,
        spot: bool = False,
    ) -> None:
        """Create an Auto Scaling group, which launches `desired` instances tagged for `pools` as time passes.

        Without `desired` its processes are suspended: `launch` puts instances into it, and `set_lifecycle_state` sets
        their states. The grace period is in seconds. With `retain` an instance whose terminate hook is abandoned is
        kept (InstanceLifecyclePolicy).
        """
        self._autoscaling.create_launch_configuration(
            LaunchConfigurationName=name,
            ImageId=cloud.IMAGE,
            InstanceType="t3.micro",
            **({"SpotPrice": "0.1"} if spot else {}),
        )
        tag = {"Key": POOL_TAG, "Value": " ".join(pools), "PropagateAtLaunch": True}
        self._autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=name,
            MinSize=0,
            MaxSize=max_size,
            DesiredCapacity=desired or 0,
            AvailabilityZones=[f"{cloud.REGION}a"],
            HealthCheckGracePeriod=health_grace_period,
            Tags=[tag] if pools else [],
            LifecycleHookSpecificationList=[each.specification() for each in hooks],
            InstanceLifecyclePolicy={
                "RetentionTriggers": {"TerminateHookAbandon": "retain" if retain else "terminate"},
            },
        )
        if desired is None:
            self._autoscaling.suspend_processes(AutoScalingGroupName=name)
        if warm_pool is not None:
            self._autoscaling.put_warm_pool(
                AutoScalingGroupName=name,
                MinSize=warm_pool.size,
                MaxGroupPreparedCapacity=0,
                PoolState=warm_pool.state,
                InstanceReusePolicy={"ReuseOnScaleIn": warm_pool.reuse},
            )

    def set_lifecycle_state(self, instance_id: str, state: str) -> None:
        """Put an instance into a lifecycle state of its Auto Scaling group and keep it there."""
        self.scaling.pose(instance_id)
        autoscaling.put_lifecycle_state(instance_id, state)

    def members(self, group: str) -> dict[str, str]:
        """Return the lifecycle state of each instance of a group, warm ones too, oldest first."""
        return {
            str(each.instance_id): str(each.lifecycle_state)
            for each in autoscaling.members()
            if each.auto_scaling_group_name == group
        }

    def group_of(self, instance_id: str) -> str | None:
        """Return the Auto Scaling group that an instance is in, if it is in one."""
        described = self._autoscaling.describe_auto_scaling_instances(InstanceIds=[instance_id])
        groups = [str(each["AutoScalingGroupName"]) for each in described["AutoScalingInstances"]]
        return groups[0] if groups else None

    def interrupt_due(self) -> None:
        """Interrupt the Spot instances whose time has come."""
        if self.spot.interrupt_due():
            self.emit_changes()

    # -- what can be read

    def describe(self, instance_id: str) -> dict[str, Any]:
        """Return the instance as DescribeInstances does."""
        (reservation,) = self._ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        return dict(reservation["Instances"][0])

    def address(self, instance_id: str) -> str:
        """Return an instance's public IPv4 address; a KeyError if it has none."""
        return str(self.describe(instance_id)["PublicIpAddress"])

    def addresses(self, instance_id: str) -> tuple[str, ...]:
        """Return every public IPv4 address and every IPv6 address of an instance."""
        ipv4, ipv6 = ec2.addresses_of(ec2.instance(instance_id))
        return (*ipv4, *ipv6)

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all instances that EC2 still knows, oldest first."""
        return tuple(instance.id for instance in ec2.instances())

    def running_addresses(self) -> dict[str, str]:
        """Return the public address of each running instance that has one, except while it reboots."""
        return {
            instance.id: instance.public_ip
            for instance in ec2.instances()
            if instance.state == "running" and instance.public_ip and instance.id not in self.scaling.machines.rebooting
        }

    def reachable_addresses(self) -> dict[str, tuple[str, ...]]:
        """Return every public IPv4 address and every IPv6 address of each running instance, except while it reboots."""
        return {
            instance.id: tuple(address for family in ec2.addresses_of(instance) for address in family)
            for instance in ec2.instances()
            if instance.state == "running" and instance.id not in self.scaling.machines.rebooting
        }

    def whose(self, address: str) -> tuple[str | None, str]:
        """Return the instance that has an address or had it last, with its EC2 and Auto Scaling states."""
        return self._changes.whose(address)

    def emit_changes(self, of: Collection[str] | None = None, *, lost: bool = False) -> None:
        """Send EC2's events for each change of those instances, or of all; with `lost` they are not delivered."""
        self._changes.emit(of, lost=lost)

    def _emit_activity(self, detail_type: str, group: str, instance_id: str) -> None:
        detail = {
            "StatusCode": "InProgress",
            "AutoScalingGroupName": group,
            "EC2InstanceId": instance_id,
            "StatusMessage": "",
        }
        where = f"arn:aws:autoscaling:{cloud.REGION}:{cloud.ACCOUNT}:autoScalingGroup"
        arn = f"{where}:lab:autoScalingGroupName/{group}"
        event = self.bus.event("aws.autoscaling", detail_type, detail, (arn, INSTANCE_ARN + instance_id))
        self.bus.deliver(event)

    def _run(self, tags: list[dict[str, str]], security_groups: Sequence[str]) -> str:
        launched = self._ec2.run_instances(
            ImageId=cloud.IMAGE,
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            SecurityGroupIds=list(security_groups),
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}] if tags else [],
        )
        return str(launched["Instances"][0]["InstanceId"])

    def _request_spot(self, tags: list[dict[str, str]]) -> str:
        (request,) = self._ec2.request_spot_instances(
            InstanceCount=1, LaunchSpecification={"ImageId": cloud.IMAGE, "InstanceType": "t3.micro"}
        )["SpotInstanceRequests"]
        self.spot.set_status(request["InstanceId"], "fulfilled")
        if tags:
            self._ec2.create_tags(Resources=[request["InstanceId"]], Tags=tags)
        return str(request["InstanceId"])
