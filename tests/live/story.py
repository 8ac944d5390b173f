"""The story of `make live`: a stack and its members from the deployment to the removal, and what AWS does at each step.

The same code is told in the lab by tests/functional/test_live_story.py. The scheduled audit only reports, so whatever
happens is caused by an event. Route 53's own answers, and not fleet53's, say what is so.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tests.live.observer import HEALTHY_ABOVE, METRICS_REGION, Observer, share_of_success
from tests.live.resources import HOOK_PREFIX, TAG, Resources
from tests.live.telling import StepEndedError, Telling
from tests.live.watch import WATCHED, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.report import Outcome

POOL: Final = "checked"
PLAIN: Final = "plain"
TTL: Final = 10
DRAIN: Final = TTL + 60
UNSERVED: Final = 8053
"""A port at which no instance serves, and that the security group does not let in."""


@dataclass(slots=True)
class Story(Telling):
    """Tells the steps at a place in the order of STEPS."""

    _resources: Resources = field(init=False)
    _aws: Observer = field(init=False)
    _member: str = ""
    _plain: str = ""
    _watch: Watch | None = None

    def __post_init__(self) -> None:
        self._resources = Resources(self.place)
        self._aws = Observer(self.place)

    def tell(self) -> list[Outcome]:
        """Play every step, remove everything that was made, also after an error, and return the outcomes."""
        try:
            for self._step, act in STEPS.items():
                if not self._take(act) and act is Story.deploy:
                    break
        finally:
            self._step = "remove"
            self.remove()
        return self.outcomes

    # -- the steps

    def deploy(self) -> None:
        """Deploy the stack with one pool, whose members have health checks."""
        name = f"com.amazonaws.{self.place.region}.route53-healthchecks"
        named = [{"Name": "prefix-list-name", "Values": [name]}]
        lists = self.place.client("ec2").describe_managed_prefix_lists(Filters=named)["PrefixLists"]
        self._expect("the Region has the prefix list of Route 53's checkers", [each["PrefixListId"] for each in lists])
        self.place.deploy(
            {
                "HostedZoneId": self.place.zone_id,
                "RecordName": self._aws.name(POOL),
                "AllowedRecordNames": self._aws.name(PLAIN),
                "PoolName": POOL,
                "PoolTagKey": TAG,
                "RecordTTL": str(TTL),
                "HealthCheckUrl": "http://:80/",
                "HookPrefix": HOOK_PREFIX,
                "AuditMode": "report",
            }
        )
        (stack,) = self.place.client("cloudformation").describe_stacks(StackName=self.place.stack)["Stacks"]
        status = str(stack["StackStatus"])
        self._note("the stack is CREATE_COMPLETE", status, differs=status != "CREATE_COMPLETE")
        self._resources.prepare(str(lists[0]["PrefixListId"]))

    def launch(self) -> None:
        """Launch a member: it gets a health check, and no record yet."""
        self._member = self._resources.launch(POOL)
        self._eventually("the instance runs and has a public address", lambda: self._aws.address(self._member), 300)
        self._eventually(
            "a running instance gets a health check with the stack's CallerReference",
            lambda: self._aws.checks(self._member),
            120,
        )
        found = self._aws.record(POOL, self._member)
        self._note("it has no record when its health check is new", _shown(found), differs=found is not None)

    def admit(self) -> None:
        """Wait until the member is in DNS: Route 53 has seen it healthy by then."""
        record = self._eventually("a healthy member gets a record", lambda: self._aws.record(POOL, self._member), 600)
        check_id = str(record.get("HealthCheckId"))
        self._note(
            "the record names its health check",
            check_id,
            differs=check_id not in self._aws.checks(self._member).values(),
        )
        share = share_of_success(self._aws.statuses(check_id))
        self._note(
            f"more than {HEALTHY_ABOVE} % of the checkers have a status that begins with Success",
            f"{share:.0f} %",
            differs=share <= HEALTHY_ABOVE,
        )
        self._answered(POOL, self._member)
        self._eventually(
            f"HealthCheckPercentageHealthy in {METRICS_REGION} is above {HEALTHY_ABOVE} %",
            lambda: self._aws.percent_healthy(check_id),
            300,
        )

    def audit(self) -> None:
        """Ask the stack's audit, which sees the same."""
        stack = self.place.client("cloudformation")
        described = stack.describe_stack_resource(StackName=self.place.stack, LogicalResourceId="AuditFunction")
        function = described["StackResourceDetail"]["PhysicalResourceId"]
        payload = self.place.client("lambda").invoke(FunctionName=function, Payload=b"{}")["Payload"]
        report = json.loads(payload.read())
        seen = f"in_sync {report.get('in_sync')}, verdict {report.get('verdict')}, {report.get('summary')}"
        self._note(
            "the audit is in sync and its verdict is ok",
            seen,
            differs=(report.get("in_sync"), report.get("verdict")) != (True, "ok"),
        )

    def restart(self) -> None:
        """Stop the member and start it: it comes back with another address and another health check."""
        before, checks = self._aws.address(self._member), self._aws.checks(self._member)
        launched = self._aws.described(self._member)["LaunchTime"]
        self.place.client("ec2").stop_instances(InstanceIds=[self._member])
        self._withdrawn(POOL, self._member, "a stopped instance")
        self._eventually("the instance is stopped", lambda: self._aws.state(self._member) == "stopped", 300)
        address = self._aws.address(self._member)
        self._note("a stopped instance has no public address", str(address), differs=address is not None)
        self.place.client("ec2").start_instances(InstanceIds=[self._member])
        self._eventually("it runs again with an address", lambda: self._aws.address(self._member), 300)
        after = self._aws.address(self._member)
        self._note("that is another address", f"{before}, then {after}", differs=before == after)
        again = self._aws.described(self._member)["LaunchTime"]
        self._note("its LaunchTime is later", f"{launched}, then {again}", differs=again <= launched)
        self._eventually("it gets a record again", lambda: self._aws.record(POOL, self._member), 600)
        new = self._aws.checks(self._member)
        self._note(
            "it has another health check, with another CallerReference",
            f"{', '.join(checks)}, then {', '.join(new)}",
            differs=not new or bool(new.keys() & checks.keys()),
        )
        self._answered(POOL, self._member)

    def terminate(self) -> None:
        """Terminate the member: it leaves DNS."""
        address = self._aws.address(self._member)
        self.place.client("ec2").terminate_instances(InstanceIds=[self._member])
        self._withdrawn(POOL, self._member, "a terminated instance")
        self._eventually(
            "the hosted zone's name servers do not answer its address any more",
            lambda: address not in self._aws.answer(POOL),
            120,
        )

    def tag(self) -> None:
        """Declare a pool without a health check, and tag a running instance for it."""
        settings: dict[str, object] = {"hosted_zone_id": self.place.zone_id, "record_name": self._aws.name(PLAIN)}
        settings |= {"health_check": None, "admit_when": "running"}
        self._resources.put_pool(PLAIN, json.dumps(settings))
        self._plain = instance = self._resources.launch()
        self._eventually("an instance without a pool tag runs", lambda: self._aws.address(instance), 300)
        self.place.client("ec2").create_tags(Resources=[instance], Tags=[{"Key": TAG, "Value": PLAIN}])
        record = self._eventually(
            "an instance that is tagged for a pool without a health check gets a record",
            lambda: self._aws.record(PLAIN, instance),
            120,
        )
        check = record.get("HealthCheckId")
        self._note("the record names no health check", str(check), differs=check is not None)
        self._answered(PLAIN, instance)

    def new_check(self) -> None:
        """Create a health check of a port at which nobody serves, and watch it beside the next steps.

        The checkers see a server that still starts in the same way. If AWS said healthy, fleet53 would admit it.
        """
        address = self._eventually("the instance still runs", lambda: self._aws.address(self._plain), 60)
        self._watch = Watch(self.place, self._aws, self._resources.create_check(address, UNSERVED))
        self._beside = self._watch.look
        created = f"{datetime.now(UTC):%H:%M:%S} UTC"
        self._note(f"a health check of {address}:{UNSERVED} is created", created, differs=False)

    def launch_hook(self) -> None:
        """Create an Auto Scaling group whose instance waits for its health, and is in service after that."""
        self._resources.create_group(POOL)
        self._eventually("the instance waits in Pending:Wait", lambda: self._aws.held("Pending:Wait"), 300)
        self._member = next(iter(self._aws.group()))
        tags = {each["Key"]: each["Value"] for each in self._aws.described(self._member)["Tags"]}
        self._note("the group gives it the pool tag", str(tags.get(TAG)), differs=tags.get(TAG) != POOL)
        self._eventually("the launch hook is completed, and it is InService", lambda: self._aws.held("InService"), 900)
        statuses = map(self._aws.statuses, self._aws.checks(self._member).values())
        share = max(map(share_of_success, statuses), default=0.0)
        self._note("Route 53 sees it healthy by then", f"{share:.0f} %", differs=share <= HEALTHY_ABOVE)
        self._eventually("an instance in service gets a record", lambda: self._aws.record(POOL, self._member), 180)
        self._answered(POOL, self._member)

    def terminate_hook(self) -> None:
        """Let the group terminate its instance: it leaves DNS, is drained, and is terminated then."""
        began = self.place.now()
        self.place.client("autoscaling").set_desired_capacity(AutoScalingGroupName=self.place.stack, DesiredCapacity=0)
        self._eventually("the instance waits in Terminating:Wait", lambda: self._aws.held("Terminating:Wait"), 300)
        self._eventually(
            "an instance that Auto Scaling terminates loses its record",
            lambda: self._aws.record(POOL, self._member) is None,
            120,
        )
        seen = f"{self._aws.group().get(self._member)}, {self._aws.state(self._member)}"
        self._note("it waits and runs meanwhile", seen, differs=seen != "Terminating:Wait, running")
        self._eventually("the terminate hook is completed", lambda: not self._aws.held("Terminating:Wait"), 600)
        waited = self.place.now() - began
        self._note(
            f"that is at least TTL + 60 = {DRAIN} s after the termination began",
            f"{waited:.0f} s",
            differs=waited < DRAIN,
        )

    def new_check_health(self) -> None:
        """Report what CloudWatch and Route 53 have said of the new health check: never that it is healthy."""
        watch = self._watch
        if watch is None:
            raise StepEndedError("there is no new health check")
        self._eventually(
            f"CloudWatch and the checkers have results of a health check that is {WATCHED} s old",
            lambda: watch.has_results,
            WATCHED + 60,
        )
        self._note(
            f"no datapoint of HealthCheckPercentageHealthy was above {HEALTHY_ABOVE} %",
            watch.by_cloudwatch,
            differs=watch.healthy_by_cloudwatch,
        )
        self._note(
            f"at no time did more than {HEALTHY_ABOVE} % of the checkers have a status that begins with Success",
            watch.by_route53,
            differs=watch.healthy_by_route53,
        )

    def remove(self) -> None:
        """Delete the stack while a member is in DNS, and then everything that the story made."""
        try:
            self.place.delete()
            records, checks = self._aws.left()
            self._note(
                "the deleted stack leaves no record",
                ", ".join(map(_shown, records)) or "none",
                differs=bool(records),
            )
            self._note("it leaves no health check", ", ".join(checks) or "none", differs=bool(checks))
        except (BotoCoreError, ClientError, subprocess.SubprocessError) as error:
            self._note("the stack is deleted", str(error), differs=True)
        left = [*self._resources.remove(), *self._aws.sweep()]
        self._note("everything else is deleted", "; ".join(left) or "all of it", differs=bool(left))

    # -- expectations

    def _withdrawn(self, pool: str, instance_id: str, who: str) -> None:
        self._eventually(f"{who} loses its record", lambda: self._aws.record(pool, instance_id) is None, 120)
        self._eventually("and then its health check", lambda: not self._aws.checks(instance_id), 180)

    def _answered(self, pool: str, instance_id: str) -> None:
        address = self._aws.address(instance_id)
        self._eventually(
            "the hosted zone's name servers answer with its address", lambda: self._aws.answer(pool) == {address}, 120
        )


def _shown(record: dict[str, Any] | None) -> str:
    if record is None:
        return "no record"
    values = ", ".join(each["Value"] for each in record["ResourceRecords"])
    return f"{record['Name']} {record['Type']} {values}"


STEPS: Final[dict[str, Callable[[Story], None]]] = {
    "deploy": Story.deploy,
    "launch": Story.launch,
    "admit": Story.admit,
    "audit": Story.audit,
    "restart": Story.restart,
    "terminate": Story.terminate,
    "tag": Story.tag,
    "new-check": Story.new_check,
    "launch-hook": Story.launch_hook,
    "terminate-hook": Story.terminate_hook,
    "new-check-health": Story.new_check_health,
}
"""The steps by their ids, in order. `remove` always follows."""
IDS: Final = (*STEPS, "remove")
