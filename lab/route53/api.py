"""Route 53 in memory, as its API documentation describes it.

moto accepts many requests that Route 53 refuses, and so would hide mistakes of fleet53. The lab therefore has its own
Route 53: tests/contract proves each of its rules, and can prove the same rules on a real account. What is not played is
refused: traffic policies, DNSSEC, shared delegation sets, and routing by the place of the resolver. The quota of 10,000
records per hosted zone is reported, not enforced.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from lab.route53 import checker_ranges
from lab.route53.alarms import any_alarm
from lab.route53.answers import Answer, Answers, tested
from lab.route53.changes import Changes
from lab.route53.checks import Checks
from lab.route53.constraints import refuse_unmet
from lab.route53.copies import copied
from lab.route53.error import Route53Error, invalid_input, no_such_health_check
from lab.route53.names import InvalidNameError, Name, parse_name
from lab.route53.recovery import Recovery
from lab.route53.refusals import Refusals
from lab.route53.tags import Tags
from lab.route53.zones import Zones

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from lab.route53.alarms import FindAlarm
    from lab.route53.limits import Limits
    from lab.route53.record_set import RecordSet

__all__ = ["Call", "Route53", "Route53Error"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `code` is the error code of the answer, None if the request succeeded."""

    operation: str
    parameters: Mapping[str, Any]
    code: str | None


class Route53:
    """One account's Route 53; all methods may be called from any thread.

    Each account has its own hosted zones, health checks and quotas. DNS answers from the zones of all, with the health
    of the health checks of all. Another account is `beside` the first one.

    `now` returns the time of observations, changes and quotas; `new_id` returns ids, from which also the ids of hosted
    zones and changes are made. `limits` makes the limits of an account; without it no request is throttled.
    `find_alarm` returns the account's alarm in a region with a name, as DescribeAlarms lists it, None if there is none.
    """

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        *,
        limits: Callable[[], Limits] | None = None,
        find_alarm: FindAlarm = any_alarm,
        beside: Route53 | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self._now = now
        self._new_id = new_id
        self._limits = limits
        self._others: dict[str, Route53] = {}
        self._refusals = Refusals(now, limits() if limits is not None else None)
        self._lock = threading.RLock()
        zones, checks = (None, None) if beside is None else (beside._zones, beside._checks)  # noqa: SLF001 - its own class
        self._zones: Zones = Zones(lambda: self._resource_id("Z"), zones)
        self._checks: Checks = Checks(now, new_id, find_alarm, checks)
        self._changes = Changes(now, lambda: self._resource_id("C"))
        self._tags = Tags(self._refuse_unknown)
        self._recovery = Recovery(now)
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "CreateHostedZone": self._create_hosted_zone,
            "GetHostedZone": self._get_hosted_zone,
            "DeleteHostedZone": self._delete_hosted_zone,
            "GetHostedZoneCount": self._zones.count,
            "ListHostedZones": self._zones.page,
            "UpdateHostedZoneFeatures": self._update_hosted_zone_features,
            "ListHostedZonesByName": self._zones.page_by_name,
            "ListResourceRecordSets": self._list_resource_record_sets,
            "ChangeResourceRecordSets": self._change_resource_record_sets,
            "GetChange": self._changes.get,
            "TestDNSAnswer": self._test_dns_answer,
            "CreateHealthCheck": self._checks.create,
            "GetHealthCheck": self._checks.get,
            "UpdateHealthCheck": self._checks.update,
            "DeleteHealthCheck": self._checks.delete,
            "GetHealthCheckCount": self._checks.count,
            "ListHealthChecks": self._checks.page,
            "GetHealthCheckLastFailureReason": self._checks.last_failure_reason,
            "GetHealthCheckStatus": self._checks.status,
            "ChangeTagsForResource": self._tags.change,
            "ListTagsForResource": self._tags.of_one,
            "ListTagsForResources": self._tags.of_several,
            "GetAccountLimit": self._get_account_limit,
            "GetCheckerIpRanges": _get_checker_ip_ranges,
            "GetHostedZoneLimit": self._zones.limit,
            "CreateResourceRecordSetProtections": self._create_protections,
            "DeleteResourceRecordSetProtections": self._delete_protections,
            "ListResourceRecordSetProtections": self._list_protections,
        }

    def beside(self, account: str) -> Route53:
        """Return the Route 53 of another account, known by its id."""
        with self._lock:
            if account not in self._others:
                self._others[account] = Route53(self._now, self._new_id, limits=self._limits, beside=self)
            return self._others[account]

    @property
    def health_check_quota(self) -> int:
        """The number of health checks that the account may have."""
        return self._checks.quota

    @health_check_quota.setter
    def health_check_quota(self, value: int) -> None:
        self._checks.quota = value

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request, in botocore's names and shapes, or raise Route53Error; `calls` records it either way."""
        with self._lock:
            code = None
            try:
                return self._answer(operation, parameters)
            except Route53Error as error:
                code = error.code
                raise
            finally:
                self.calls.append(Call(operation, copied(dict(parameters)), code))

    def refuse(self, operation: str, parameters: Mapping[str, Any], because: str) -> NoReturn:
        """Refuse one request as IAM does, and record it."""
        with self._lock:
            self.calls.append(Call(operation, copied(dict(parameters)), "AccessDenied"))
        raise Route53Error("AccessDenied", because, HTTPStatus.FORBIDDEN)

    def forget_calls(self) -> None:
        """Forget the recorded calls, also for the limits of the account."""
        self.reset_calls()
        self._refusals.forget_rate()

    def reset_calls(self) -> None:
        """Forget the recorded calls."""
        with self._lock:
            self.calls.clear()

    def throttle(self, calls: int) -> None:
        """Refuse the next calls, of any operation, as AWS does above its limits."""
        with self._lock:
            self._refusals.throttle(calls)

    def busy(self, calls: int) -> None:
        """Refuse the next change batches because an earlier one is still being processed."""
        message = "The request was rejected because Route 53 was still processing a prior request."
        self.fail("ChangeResourceRecordSets", Route53Error("PriorRequestNotComplete", message), calls)

    def deny(self, zone_id: str) -> None:
        """Refuse every operation on this zone from now on, as IAM does."""
        with self._lock:
            self._refusals.deny(zone_id.removeprefix("/hostedzone/"))

    def fail(self, operation: str, error: Route53Error, calls: int) -> None:
        """Answer the next calls of one operation with this error."""
        with self._lock:
            self._refusals.fail(operation, error, calls)

    def protect(self, zone_id: str, name: str, record_type: str, comment: str) -> None:
        """Put a resource record set protection on a name and type."""
        with self._lock:
            zone = self._zones.find(zone_id.removeprefix("/hostedzone/"))
            zone.records.protections.create([{"RecordName": name, "RecordType": record_type, "Comment": comment}])

    def observe(self, check_id: str, region: str, succeeded: bool, status: str) -> None:  # noqa: FBT001 - spoken in this order
        """Record what the checker of a region saw; only the newest observation of each region is kept."""
        with self._lock:
            self._checks.observe(check_id, region, succeeded=succeeded, status=status)

    def copied_alarms(self) -> dict[str, Mapping[str, Any]]:
        """Return what each CLOUDWATCH_METRIC health check copied of its alarm, by the health check's id."""
        with self._lock:
            return self._checks.copied_alarms()

    def see_metrics(self, states: Mapping[str, str]) -> None:
        """Let CLOUDWATCH_METRIC health checks, by id, see what their metrics say: OK, ALARM or INSUFFICIENT_DATA."""
        with self._lock:
            self._checks.see_metrics(states)

    def healthy_children(self, check_id: str) -> int | None:
        """Return how many children of a CALCULATED health check are healthy; None for one of another type."""
        with self._lock:
            return self._checks.healthy_children(check_id)

    def percent_healthy(self, check_id: str) -> float | None:
        """Return the health check's HealthCheckPercentageHealthy, or None while there is no data."""
        with self._lock:
            return self._checks.percent_healthy(check_id)

    def is_healthy(self, check_id: str) -> bool:
        """Return whether DNS answers with the records that use this health check."""
        with self._lock:
            return self._checks.is_healthy(check_id)

    def records(self, name: str, record_type: str) -> tuple[RecordSet, ...]:
        """Return the record sets of exactly this name and type, from the zone that answers for the name."""
        with self._lock:
            zone = self._zones.answering(parse_name(name))
            return zone.records.at(parse_name(name), record_type) if zone else ()

    def zone_of(self, name: str) -> str | None:
        """Return the name of the zone that answers for a name, with trailing dot; None if none does."""
        with self._lock:
            zone = self._zones.answering(parse_name(name))
            return str(zone.name) if zone else None

    def name_servers(self, name: str) -> tuple[str, ...]:
        """Return the name servers, with trailing dot, of the first public hosted zone of this name."""
        with self._lock:
            zone = self._zones.public(parse_name(name))
            return zone.name_servers if zone else ()

    def has_name(self, name: str) -> bool:
        """Return whether the name or a name below it has a record; if not, DNS answers NXDOMAIN."""
        with self._lock:
            zone = self._zones.answering(parse_name(name))
            return zone is not None and zone.records.has_name(parse_name(name))

    def answer(self, name: str | Name, record_type: str, source: random.Random) -> Answer:
        """Answer a question in DNS from the most specific zone; REFUSED if there is none. `source` draws records."""
        with self._lock:
            asked = name if isinstance(name, Name) else parse_name(name)
            zone = self._zones.answering(asked)
            if zone is None:
                return Answer("REFUSED")
            return Answers(zone, self._checks.is_healthy_anywhere, source).to(asked, record_type)

    def _answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._refusals.check_rate(operation)
        answer = self._operations.get(operation)
        if answer is None:
            raise Route53Error(
                "NotImplemented",
                f"The lab's Route 53 does not know {operation}. It knows: {', '.join(self._operations)}",
                HTTPStatus.NOT_IMPLEMENTED,
            )
        self._refusals.check_request(operation, parameters)
        refuse_unmet(operation, parameters)
        return answer(parameters)

    def _resource_id(self, letter: str) -> str:
        return letter + self._new_id().replace("-", "").upper()[-20:]

    def _create_hosted_zone(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        zone = self._zones.create(parameters)
        return {
            "HostedZone": zone.described(),
            "ChangeInfo": self._changes.submit(),
            "Location": f"https://route53.amazonaws.com/2013-04-01/hostedzone/{zone.id}",
        } | zone.location()

    def _get_hosted_zone(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._zones.get(parameters)
        answer["HostedZone"] |= self._recovery.features(parameters["Id"])
        return answer

    def _update_hosted_zone_features(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._recovery.update(self._zones.find(parameters["HostedZoneId"]), parameters)

    def _delete_hosted_zone(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._recovery.refuse_locked(parameters["Id"])
        self._zones.delete(parameters["Id"])
        return {"ChangeInfo": self._changes.submit()}

    def _list_resource_record_sets(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._zones.find(parameters["HostedZoneId"]).records.page(parameters)

    def _change_resource_record_sets(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        zone = self._zones.find(parameters["HostedZoneId"])
        self._recovery.refuse_locked(zone.id)
        zone.records.change(parameters["ChangeBatch"], self._checks.can_be_named)
        return {"ChangeInfo": self._changes.submit()}

    def _test_dns_answer(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        zone = self._zones.find(parameters["HostedZoneId"])
        if zone.private:
            raise invalid_input("TestDNSAnswer supports public hosted zones only")
        try:
            name = parse_name(parameters["RecordName"])
        except InvalidNameError as error:
            raise invalid_input(str(error)) from error
        return tested(zone, self._checks.is_healthy_anywhere, name, parameters["RecordType"])

    def _refuse_unknown(self, kind: str, resource_id: str) -> None:
        if kind == "hostedzone":
            self._zones.find(resource_id)
        elif resource_id not in self._checks:
            raise no_such_health_check(resource_id)

    def _get_account_limit(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if parameters["Type"] != "MAX_HEALTH_CHECKS_BY_OWNER":
            raise invalid_input(f"The lab keeps no limit of type {parameters['Type']}")
        limit = {"Type": parameters["Type"], "Value": self._checks.quota}
        return {"Limit": limit, "Count": len(self._checks)}

    def _create_protections(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._zones.find(parameters["HostedZoneId"]).records.protections.create(parameters.get("Protections") or ())
        return {}

    def _delete_protections(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self._zones.find(parameters["HostedZoneId"]).records.protections.delete(parameters.get("Protections") or ())
        return {}

    def _list_protections(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._zones.find(parameters["HostedZoneId"]).records.protections.page(parameters)


def _get_checker_ip_ranges(_parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"CheckerIpRanges": [*checker_ranges.IPV4, *checker_ranges.IPV6]}
