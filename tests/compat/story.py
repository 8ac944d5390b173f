"""The story of `make compat`: fleet53 in an emulator that is not ours, from `sam deploy` to `sam delete`.

What AWS does by itself and the emulator does not, the story does: it publishes EC2's events, and Route 53's metric.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tests.live.observer import METRICS_REGION, Observer
from tests.live.telling import StepEndedError, Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.live.place import Place

POOL: Final = "web"
MOVED: Final = "moved"
"""The label of the first pool's name after it has moved. Before, its name has the label `POOL`."""
PLAIN: Final = "plain"
"""A pool without health checks, which a parameter declares."""
MEMBERS: Final = 3
TAG: Final = "fleet53:pool"
FOREIGN: Final = "foreign"
_WITHIN: Final = 90.0
_LACKING: Final = ("GetAccountLimit", "GetHostedZoneLimit", "ListResourceRecordSetProtections")
"""What the audit reads and LocalStack does not have."""


@dataclass(slots=True)
class Story(Telling):
    """Tells the steps in an account of the emulator. `older` deploys version 0.1.0 to the same stack."""

    older: Place = field(kw_only=True)
    _aws: Observer = field(init=False)
    _label: str = POOL
    _fleet: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._aws = Observer(self.place)

    def tell(self) -> None:
        """Tell every step, and delete the stack at the end. After a step that could not go on, the next one follows."""
        for self._step, act in STEPS.items():
            if not self._take(act) and act is Story.deploy:
                return

    # -- the steps

    def deploy(self) -> None:
        """Deploy version 0.1.0 with `sam deploy`."""
        self.older.deploy(self._parameters())
        self._stack_is("CREATE_COMPLETE")
        outputs = self._outputs()
        self._note("it has ten outputs", f"{len(outputs)}", differs=len(outputs) != 10)
        self._change("CREATE", FOREIGN)

    def launch(self) -> None:
        """Launch a tagged fleet, and tell EventBridge as EC2 would: each member gets a health check, and no record."""
        self._fleet = self._launch(POOL, MEMBERS)
        for instance_id in self._fleet:
            self._tell_of(instance_id, "running")
        self._soon("each member gets a health check", lambda: all(map(self._aws.checks, self._fleet)))
        self._in_dns([], "no member has a record while nothing is known of the health checks")

    def admit(self) -> None:
        """Let Route 53's metric say that all are healthy: each member gets a record."""
        self._report_healthy(self._fleet)
        self._soon("each healthy member gets a record", lambda: all(map(self._record, self._fleet)))
        self._in_dns(self._fleet, "the records have the members' addresses, and name their health checks")

    def upgrade(self) -> None:
        """Deploy what `make build` has built: it replaces the queue and the rules, and changes nothing in Route 53."""
        records, checks = self._aws.records(), list(map(self._aws.checks, self._fleet))
        self.place.deploy(self._parameters())
        self._stack_is("UPDATE_COMPLETE")
        queue = self._outputs()["SignalsQueueUrl"].rpartition("/")[2]
        self._note("it has another queue", queue, differs=queue != f"{self.place.stack}-signals")
        added = {each: self._resource(each)["ResourceStatus"] for each in ("StackPrecondition", "StackHandover")}
        seen = ", ".join(f"{name} {status}" for name, status in added.items())
        self._note("it has two more custom resources", seen, differs=set(added.values()) != {"CREATE_COMPLETE"})
        self._same(records, self._aws.records(), "no record has changed")
        differs = list(map(self._aws.checks, self._fleet)) != checks
        self._note("each health check has its id and its CallerReference", f"{len(checks)} members", differs=differs)
        self._in_sync(self._audit({}))

    def grow(self) -> None:
        """Launch one more member, which gets a health check and then a record from the new version."""
        (member,) = self._launch(POOL, 1)
        self._fleet = [*self._fleet, member]
        self._tell_of(member, "running")
        self._soon("it gets a health check", lambda: self._aws.checks(member))
        self._report_healthy([member])
        self._soon("it gets a record when it is healthy", lambda: self._record(member))
        self._in_dns(self._fleet, "the others keep theirs")

    def audit(self) -> None:
        """Ask the stack's audit, which sees the same."""
        report = self._audit({})
        self._in_sync(report)
        (pool,) = report["pools"]
        seen, count = f"members {pool['members']}, in_dns {pool['in_dns']}", len(self._fleet)
        self._note("it counts the fleet", seen, differs=seen != f"members {count}, in_dns {count}")
        not_read = [each["because"] for each in report["findings"] if each["kind"] == "not-read"]
        lacking = [name for name in _LACKING if any(name in because for because in not_read)]
        seen = f"{len(not_read)} findings, of {', '.join(lacking)}"
        differs = (len(not_read), *lacking) != (len(_LACKING), *_LACKING)
        self._note("it says what it could not read, which is what LocalStack lacks", seen, differs=differs)

    def widget(self) -> None:
        """Ask the dashboard's widget for its page."""
        page = self._invoke("WidgetFunction", {"widgetContext": {"theme": "light"}})
        seen = [each for each in self._fleet if each in str(page)]
        self._note("the page names each member", f"{len(seen)} of {len(self._fleet)}", differs=seen != self._fleet)

    def pool(self) -> None:
        """Declare another pool by a parameter: LocalStack's own event starts a pass, which finds its member."""
        (member,) = self._launch(PLAIN, 1)
        settings = {"hosted_zone_id": self.place.zone_id, "record_name": self._aws.name(PLAIN)}
        value = json.dumps(settings | {"health_check": None, "admit_when": "running"})
        self.place.client("ssm").put_parameter(Name=self._parameter, Value=value, Type="String")
        self._soon("a member of the new pool gets a record", lambda: self._aws.record(PLAIN, member))

    def withdraw(self) -> None:
        """Terminate a member: its record goes, and then its health check. The others stay."""
        gone, *rest = self._fleet
        self.place.client("ec2").terminate_instances(InstanceIds=[gone])
        self._tell_of(gone, "shutting-down")
        self._fleet = rest
        self._soon("a terminated member loses its record", lambda: self._record(gone) is None)
        self._soon("and then its health check", lambda: not self._aws.checks(gone))
        self._in_dns(rest, "the others keep theirs")

    def repair(self) -> None:
        """Delete a record by hand: the audit reports it, and its repair puts it back."""
        record = self._record(self._fleet[0])
        self._change_set("DELETE", record or {})
        report = self._audit({"repair": True})
        missing = report["summary"].get("missing-record", 0)
        self._note("the audit reports the missing record", str(report["summary"]), differs=missing != 1)
        self._soon("the repair puts it back", lambda: self._record(self._fleet[0]) == record)

    def move(self) -> None:
        """Deploy with another name of the first pool, and allow the former one too: the records move."""
        before = self._records()
        self._label = MOVED
        self.place.deploy(self._parameters(AllowedRecordNames=",".join(map(self._aws.name, (PLAIN, POOL)))))
        self._stack_is("UPDATE_COMPLETE")
        self._soon("each member gets a record at the new name", lambda: all(map(self._record, self._fleet)))
        self._soon("and then loses that at the former name", lambda: not self._named(POOL))
        wanted = [each | {"Name": f"{self._aws.name(MOVED)}."} for each in before]
        self._same(wanted, self._records(), "the records are otherwise the same")
        self._in_sync(self._audit({}))

    def update(self) -> None:
        """Deploy with another TTL, with other settings of the alarms, and without the former name."""
        self.place.deploy(
            self._parameters(RecordTTL="30", AuditSchedule='"rate(30 minutes)"', UnhealthyAlarmPercent="75")
        )
        self._stack_is("UPDATE_COMPLETE")
        self._soon("each record gets the new TTL", lambda: {each["TTL"] for each in self._records()} == {30})
        self._in_dns(self._fleet, "the records are otherwise the same")
        name = self._resource("UnhealthyMembersAlarm")["PhysicalResourceId"]
        (alarm,) = self.place.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        seen = f"{alarm['Threshold']:.0f} %, {alarm['Period']} s"
        self._note(
            "an alarm has the new threshold, and the period that the custom resource answers",
            seen,
            differs=seen != "75 %, 1800 s",
        )
        self._in_sync(self._audit({}))

    def remove(self) -> None:
        """Delete the stack with `sam delete` while members are in DNS: it withdraws all that is its own."""
        self.place.delete()
        records, checks = self._aws.left()
        self._note("it leaves no record", str(records or "none"), differs=bool(records))
        self._note("it leaves no health check", str(checks or "none"), differs=bool(checks))
        foreign = [each for each in self._names() if each.startswith(FOREIGN)]
        self._note("a foreign record stays", ", ".join(foreign) or "none", differs=len(foreign) != 1)
        left = [each for each in self._resources() if each != self._parameter]
        self._note("it leaves no resource of its own", ", ".join(left) or "none", differs=bool(left))

    # -- what the story does in AWS's place

    def _tell_of(self, instance_id: str, state: str) -> None:
        """Publish EC2's event of an instance's state."""
        detail = json.dumps({"instance-id": instance_id, "state": state})
        entry = {"Source": "aws.ec2", "DetailType": "EC2 Instance State-change Notification", "Detail": detail}
        answer = self.place.client("events").put_events(Entries=[entry | {"Time": datetime.now(UTC)}])
        if answer["FailedEntryCount"]:
            raise StepEndedError(f"the event bus does not take the event: {answer['Entries']}")

    def _report_healthy(self, fleet: Sequence[str]) -> None:
        """Publish a healthy metric for the health checks of these members."""
        for check_id in (each for member in fleet for each in self._aws.checks(member).values()):
            datum = {
                "MetricName": "HealthCheckPercentageHealthy",
                "Dimensions": [{"Name": "HealthCheckId", "Value": check_id}],
                "Value": 100.0,
            }
            self.place.client("cloudwatch", METRICS_REGION).put_metric_data(Namespace="AWS/Route53", MetricData=[datum])

    # -- what the story asks and does as a person

    def _parameters(self, **others: str) -> dict[str, str]:
        """Return the stack's parameters, of which some have other values than usual."""
        return {
            "HostedZoneId": self.place.zone_id,
            "RecordName": self._aws.name(self._label),
            "AllowedRecordNames": self._aws.name(PLAIN),
            "RecordTTL": "60",
            "HealthCheckUrl": "http://:80/",
            "AuditMode": "report",
        } | others

    def _stack(self) -> dict[str, Any]:
        (stack,) = self.place.client("cloudformation").describe_stacks(StackName=self.place.stack)["Stacks"]
        return dict(stack)

    def _outputs(self) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self._stack()["Outputs"]}

    def _resource(self, logical_id: str) -> dict[str, Any]:
        client = self.place.client("cloudformation")
        described = client.describe_stack_resource(StackName=self.place.stack, LogicalResourceId=logical_id)
        return dict(described["StackResourceDetail"])

    def _stack_is(self, expected: str) -> None:
        stack = self._stack()
        status = str(stack["StackStatus"])
        self._note(f"the stack is {expected}", status, differs=status != expected)
        if status != expected:
            raise StepEndedError(str(stack.get("StackStatusReason")))

    def _launch(self, pool: str, count: int) -> list[str]:
        """Launch instances that are tagged for a pool and let everybody in on port 80, and return their ids."""
        ec2 = self.place.client("ec2")
        images = ec2.describe_images(Owners=["amazon"])["Images"]
        launched = ec2.run_instances(
            ImageId=min(each["ImageId"] for each in images),
            MinCount=count,
            MaxCount=count,
            SecurityGroupIds=[self._security_group()],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": TAG, "Value": pool}]}],
        )
        return [str(each["InstanceId"]) for each in launched["Instances"]]

    def _security_group(self) -> str:
        ec2 = self.place.client("ec2")
        group = ec2.create_security_group(GroupName=secrets.token_hex(4), Description="make compat of fleet53")
        port = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[port])
        return str(group["GroupId"])

    def _invoke(self, logical_id: str, event: dict[str, Any]) -> Any:
        function = self._resource(logical_id)["PhysicalResourceId"]
        answer = self.place.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        result = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise StepEndedError(f"{logical_id} failed: {result}")
        return result

    def _audit(self, event: dict[str, Any]) -> dict[str, Any]:
        report: dict[str, Any] = self._invoke("AuditFunction", event)
        return report

    def _in_sync(self, report: dict[str, Any]) -> None:
        seen = f"in_sync {report['in_sync']}, {report['summary']}"
        self._note("the audit is in sync", seen, differs=report["in_sync"] is not True)

    def _record(self, instance_id: str) -> dict[str, Any] | None:
        return self._aws.record(self._label, instance_id)

    def _in_dns(self, fleet: Sequence[str], expected: str) -> None:
        """Note whether the records are exactly those of these members."""
        wanted = sorted((str(self._aws.address(each)), *self._aws.checks(each).values()) for each in fleet)
        seen = sorted((each["ResourceRecords"][0]["Value"], str(each.get("HealthCheckId"))) for each in self._records())
        differs = seen != wanted
        self._note(expected, f"{seen}, not {wanted}" if differs else f"{len(seen)} records", differs=differs)

    def _same(self, wanted: list[dict[str, Any]], seen: list[dict[str, Any]], expected: str) -> None:
        """Note whether these records are the ones that are wanted, in any order."""
        by_id = [sorted(each, key=lambda one: (one["Name"], one["SetIdentifier"])) for each in (wanted, seen)]
        differs = by_id[0] != by_id[1]
        self._note(expected, f"{seen}, not {wanted}" if differs else f"{len(seen)} records", differs=differs)

    def _records(self) -> list[dict[str, Any]]:
        """Return the records of the first pool."""
        return self._named(self._label)

    def _named(self, label: str) -> list[dict[str, Any]]:
        return [each for each in self._aws.records() if each["Name"] == f"{self._aws.name(label)}."]

    @property
    def _parameter(self) -> str:
        return f"/fleet53/{self.place.stack}/pools/{PLAIN}"

    def _names(self) -> list[str]:
        sets = self.place.client("route53").list_resource_record_sets(HostedZoneId=self.place.zone_id)
        return [str(each["Name"]) for each in sets["ResourceRecordSets"]]

    def _change(self, action: str, label: str) -> None:
        values = [{"Value": "192.0.2.1"}]
        record = {"Name": f"{label}.{self.place.zone_name}", "Type": "A", "TTL": 60, "ResourceRecords": values}
        self._change_set(action, record)

    def _change_set(self, action: str, record: dict[str, Any]) -> None:
        self.place.client("route53").change_resource_record_sets(
            HostedZoneId=self.place.zone_id,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )

    def _resources(self) -> list[str]:
        """Return the names of functions, queues, rules and parameters that have the stack's name."""
        client, stack = self.place.client, self.place.stack
        found = [each["FunctionName"] for each in client("lambda").list_functions()["Functions"]]
        found += client("sqs").list_queues().get("QueueUrls", [])
        found += [each["Name"] for each in client("events").list_rules()["Rules"]]
        found += [each["Name"] for each in client("ssm").describe_parameters()["Parameters"]]
        return [each for each in found if stack in each]

    def _soon(self, expected: str, look: Callable[[], object]) -> None:
        self._eventually(expected, look, _WITHIN)


STEPS: Final[dict[str, Callable[[Story], None]]] = {
    "deploy": Story.deploy,
    "launch": Story.launch,
    "admit": Story.admit,
    "upgrade": Story.upgrade,
    "grow": Story.grow,
    "audit": Story.audit,
    "widget": Story.widget,
    "pool": Story.pool,
    "withdraw": Story.withdraw,
    "repair": Story.repair,
    "move": Story.move,
    "update": Story.update,
    "remove": Story.remove,
}
"""The steps by their names, in order."""
