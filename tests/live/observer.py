"""What AWS says of a stack and its members: the story of `make live` compares this with what it expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from fleet53.domain.identity import Owner
from lab import dig

if TYPE_CHECKING:
    from tests.live.place import Place

HEALTHY_ABOVE: Final = 18
"""Percent of the checkers above which Route 53 counts an endpoint healthy."""
METRICS_REGION: Final = "us-east-1"


@dataclass(slots=True)
class Observer:
    """Reads everything from AWS each time. The stack's records and health checks are known by its owner's ids."""

    place: Place
    _owner: Owner = field(init=False)

    def __post_init__(self) -> None:
        account = self.place.client("sts").get_caller_identity()["Account"]
        self._owner = Owner(f"{self.place.stack}.{self.place.region}.{account}")

    @property
    def _ec2(self) -> Any:
        return self.place.client("ec2")

    @property
    def _route53(self) -> Any:
        return self.place.client("route53")

    def name(self, pool: str) -> str:
        """Return the full name of a pool's records."""
        return f"{pool}.{self.place.stack}.{self.place.zone_name}"

    def answer(self, pool: str) -> frozenset[str]:
        """Return the addresses that a name server of the hosted zone answers for a pool now."""
        return dig.ask(*self.place.name_server, self.name(pool)).addresses

    def described(self, instance_id: str) -> dict[str, Any]:
        """Return an instance as EC2 describes it; nothing if EC2 does not show it yet."""
        by_id = [{"Name": "instance-id", "Values": [instance_id]}]
        found = self._ec2.describe_instances(Filters=by_id)["Reservations"]
        return dict(found[0]["Instances"][0]) if found else {}

    def state(self, instance_id: str) -> str:
        """Return an instance's EC2 state, `unknown` if EC2 does not show it."""
        return str(self.described(instance_id).get("State", {}).get("Name", "unknown"))

    def address(self, instance_id: str) -> str | None:
        """Return the public address of a running instance."""
        described = self.described(instance_id)
        running = described.get("State", {}).get("Name") == "running"
        return described.get("PublicIpAddress") if running else None

    def group(self) -> dict[str, str]:
        """Return the lifecycle state of each instance of the group."""
        named = self.place.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.place.stack])
        members = [each for group in named["AutoScalingGroups"] for each in group["Instances"]]
        return {str(each["InstanceId"]): str(each["LifecycleState"]) for each in members}

    def held(self, state: str) -> bool:
        """Tell whether an instance of the group is in this lifecycle state."""
        return state in self.group().values()

    def records(self) -> list[dict[str, Any]]:
        """Return the stack's records at all names."""
        pages = self._route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.place.zone_id)
        found = [each for page in pages for each in page["ResourceRecordSets"]]
        return [each for each in found if self._owner.holder(each.get("SetIdentifier"))]

    def record(self, pool: str, instance_id: str) -> dict[str, Any] | None:
        """Return an instance's record in a pool, None if there is none."""
        identifier = self._owner.identifier(instance_id)
        same = (f"{self.name(pool)}.", identifier)
        return next((each for each in self.records() if (each["Name"], each["SetIdentifier"]) == same), None)

    def _all_checks(self) -> dict[str, str]:
        """Return the id of each health check of the stack by its CallerReference."""
        pages = self._route53.get_paginator("list_health_checks").paginate()
        found = {str(each["CallerReference"]): str(each["Id"]) for page in pages for each in page["HealthChecks"]}
        return {reference: each for reference, each in found.items() if self._owner.read_reference(reference)}

    def checks(self, instance_id: str) -> dict[str, str]:
        """Return the id of each of an instance's health checks by its CallerReference."""
        return {reference: each for reference, each in self._all_checks().items() if f"/{instance_id}/" in reference}

    def share_of_success(self, check_id: str) -> float:
        """Return the percentage of the checkers whose status begins with Success."""
        found = self._route53.get_health_check_status(HealthCheckId=check_id)["HealthCheckObservations"]
        good = [each for each in found if each["StatusReport"]["Status"].startswith("Success")]
        return 100 * len(good) / len(found) if found else 0.0

    def percent_healthy(self, check_id: str) -> bool:
        """Tell whether CloudWatch has a datapoint of the last minutes that says that a health check is healthy."""
        end = datetime.now(UTC)
        points = self.place.client("cloudwatch", METRICS_REGION).get_metric_statistics(
            Namespace="AWS/Route53",
            MetricName="HealthCheckPercentageHealthy",
            Dimensions=[{"Name": "HealthCheckId", "Value": check_id}],
            StartTime=end - timedelta(minutes=5),
            EndTime=end,
            Period=60,
            Statistics=["Average"],
        )["Datapoints"]
        return any(each["Average"] > HEALTHY_ABOVE for each in points)

    def left(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the records and the ids of the health checks that there are of the stack."""
        return self.records(), list(self._all_checks().values())

    def sweep(self) -> list[str]:
        """Delete the stack's records and health checks that the stack itself has left, and return what went wrong."""
        try:
            records, checks = self.left()
            changes = [{"Action": "DELETE", "ResourceRecordSet": each} for each in records]
            if changes:
                batch = {"Changes": changes}
                self._route53.change_resource_record_sets(HostedZoneId=self.place.zone_id, ChangeBatch=batch)
            for each in checks:
                self._route53.delete_health_check(HealthCheckId=each)
        except (BotoCoreError, ClientError) as error:
            return [str(error)]
        return []
