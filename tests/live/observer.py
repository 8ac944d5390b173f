"""What AWS says of a stack and its members: the story of `make live` compares this with what it expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from fleet53.domain.identity import Owner
from lab import dig

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def statuses(self, check_id: str) -> list[str]:
        """Return the status that each checker has of a health check."""
        found = self._route53.get_health_check_status(HealthCheckId=check_id)["HealthCheckObservations"]
        return [str(each["StatusReport"]["Status"]) for each in found]

    def percent_healthy(self, check_id: str) -> bool:
        """Tell whether CloudWatch has a datapoint of the last minutes that says that a health check is healthy."""
        return any(percent > HEALTHY_ABOVE for percent in self.percents_healthy(check_id).values())

    def percents_healthy(self, check_id: str) -> dict[datetime, float]:
        """Return a health check's HealthCheckPercentageHealthy of the last minutes, by the times of the datapoints.

        They are read as fleet53 reads them.
        """
        now = datetime.now(UTC)
        metric = {
            "Namespace": "AWS/Route53",
            "MetricName": "HealthCheckPercentageHealthy",
            "Dimensions": [{"Name": "HealthCheckId", "Value": check_id}],
        }
        (found,) = self.place.client("cloudwatch", METRICS_REGION).get_metric_data(
            MetricDataQueries=[{"Id": "healthy", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}}],
            StartTime=(now - timedelta(minutes=5)).replace(second=0, microsecond=0),  # datapoints begin at full minutes
            EndTime=now + timedelta(minutes=1),
        )["MetricDataResults"]
        times = [at.astimezone(UTC) for at in found["Timestamps"]]
        return dict(zip(times, found["Values"], strict=True))

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


def share_of_success(statuses: Sequence[str]) -> float:
    """Return the percentage of the checkers' statuses that begin with Success."""
    good = [each for each in statuses if each.startswith("Success")]
    return 100 * len(good) / len(statuses) if statuses else 0.0
