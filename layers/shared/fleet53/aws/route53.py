"""Route 53: hosted zones, records and health checks. Lists are read to the last page."""

from __future__ import annotations

import re
from collections import defaultdict
from http import HTTPStatus
from ipaddress import ip_network
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from fleet53.aws.check_config import read_config, write_config
from fleet53.aws.record_order import is_between, order
from fleet53.aws.retrier import reason_of
from fleet53.aws.zone_account import OwnAccount
from fleet53.config.pools import normal_name
from fleet53.domain.errors import (
    BatchRefusedError,
    CheckQuotaError,
    CheckRefusedError,
    OutOfTimeError,
    ReferenceBurnedError,
    RoleRefusedError,
    TryLaterError,
    ZoneElsewhereError,
    ZoneGoneError,
    ZoneUnansweredError,
    ZoneUnreadableError,
)
from fleet53.domain.health_check import Check
from fleet53.domain.ids import CheckId, ZoneId
from fleet53.domain.pool import Zone
from fleet53.domain.record import Protection, Record, RecordType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_route53.type_defs import (
        ChangeBatchTypeDef,
        ChangeTypeDef,
        ResourceRecordSetOutputTypeDef,
        ResourceRecordSetTypeDef,
    )

    from fleet53.aws.zone_account import ZoneAccount
    from fleet53.domain.alarm import AlarmConfig
    from fleet53.domain.health_check import CheckConfig
    from fleet53.domain.ingress import IPNetwork

_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_RECORDS_PER_PAGE: Final = "300"  # ListResourceRecordSets, MaxItems
_PROTECTIONS_PER_PAGE: Final = "300"  # ListResourceRecordSetProtections, MaxResults
_ABOUT_THE_ZONE: Final = frozenset({"AccessDenied", "InvalidInput", "NoSuchHostedZone"})
"""Codes with which Route 53 refuses every request about a zone (Route 53 API Reference, Common Errors)."""
_OF_ANOTHER_ACCOUNT: Final = "is not authorized to access this resource"
"""How the message of AccessDenied ends where another account has the zone. IAM's own refusals name the action (not
documented; aws/aws-sdk-php issue 2141)."""
_CHECKS_PER_PAGE: Final = "1000"  # ListHealthChecks, MaxItems
_LOCKED: Final = "is marked disabled for mutation"
"""What the message says while accelerated recovery of a hosted zone is turned on or off, which takes some minutes. Its
code is not documented (go-to-k/cdkd issue 1467)."""
_NOT_DELETED: Final = frozenset({"HealthCheckInUse", "InvalidInput"})  # DeleteHealthCheck, Errors

FEWEST_OBSERVATIONS: Final = 3
"""Checkers that must have reported before their result counts: the fewest regions a health check can have."""


class Route53:
    """The part of Route 53 that fleet53 uses.

    `account` gets the requests about hosted zones and records; None is the account of `client`. `zones` keeps hosted
    zones that were read, because a zone's name and name servers never change. A zone that does not exist or may not be
    read is remembered for one invocation, the life of this object, because many pools may name it.
    """

    def __init__(self, client: Route53Client, zones: dict[ZoneId, Zone], account: ZoneAccount | None = None) -> None:
        self._client = client
        self._account = account or OwnAccount(client)
        self._zones = zones
        self._refused: dict[tuple[str, ZoneId], ClientError] = {}

    def zone(self, zone_id: ZoneId) -> Zone:
        """Return the hosted zone, or raise ZoneUnreadableError."""
        if zone_id not in self._zones:
            answer = self._read_zone("GetHostedZone", zone_id, lambda zones: zones.get_hosted_zone(Id=zone_id))
            found = answer["HostedZone"]
            self._zones[zone_id] = Zone(
                zone_id,
                _read_name(found["Name"]),
                private=found.get("Config", {}).get("PrivateZone", False),
                name_servers=frozenset(map(_read_name, answer.get("DelegationSet", {}).get("NameServers", []))),
            )
        return self._zones[zone_id]

    def records_at(self, zone_id: ZoneId, name: str) -> tuple[Record, ...]:
        """Return every record set of any type at `name`. Reads only that name's pages."""
        return self.records_at_names(zone_id, [name])[name]

    def records_at_names(self, zone_id: ZoneId, names: Iterable[str]) -> dict[str, tuple[Record, ...]]:
        """Return every record set of any type at each of these names. Reads only these names' pages.

        A page that begins at one name also has the names after it, which then take no request of their own.
        """
        found: dict[str, tuple[Record, ...]] = {}
        wanted = sorted(set(names), key=order)
        for first in wanted:
            if first in found:
                continue
            records: list[Record] = []
            end: str | None = None
            for page, goes_on in self._pages(zone_id, first):
                records += page
                end = records[-1].name if records and goes_on else None
                if end != first:
                    break
            at_names: defaultdict[str, list[Record]] = defaultdict(list)
            for record in records:
                at_names[record.name].append(record)
            found |= {name: tuple(at_names[name]) for name in wanted if name == first or is_between(first, name, end)}
        return found

    def records_in(self, zone_id: ZoneId) -> tuple[Record, ...]:
        """Return every record set of a zone."""
        return tuple(record for page, _ in self._pages(zone_id, None) for record in page)

    def _pages(self, zone_id: ZoneId, start: str | None) -> Iterator[tuple[list[Record], bool]]:
        """Yield the pages of a zone from a name on, or all of them, each with whether another one follows."""
        request: dict[str, Any] = {"HostedZoneId": zone_id, "MaxItems": _RECORDS_PER_PAGE}
        if start is not None:
            request["StartRecordName"] = start
        while True:
            ask = methodcaller("list_resource_record_sets", **request)
            page = self._read_zone("ListResourceRecordSets", zone_id, ask)
            yield [_read_record(listed) for listed in page["ResourceRecordSets"]], page["IsTruncated"]
            if not page["IsTruncated"]:
                return
            request = {"HostedZoneId": zone_id, "MaxItems": _RECORDS_PER_PAGE} | {
                f"Start{key.removeprefix('Next')}": value
                for key, value in page.items()
                if key in {"NextRecordName", "NextRecordType", "NextRecordIdentifier"}
            }

    def _read_zone[Answer](self, operation: str, zone_id: ZoneId, ask: Callable[[Route53Client], Answer]) -> Answer:
        """Return Route 53's answer about a zone, or raise ZoneUnreadableError. A refused request is not sent again.

        Raises ZoneUnansweredError if there is no answer, and OutOfTimeError if no time is left to ask.
        """
        refused = self._refused.get((operation, zone_id))
        if refused is not None:
            raise _unreadable(zone_id, refused) from refused
        try:
            return self._account.ask(ask)
        except RoleRefusedError as error:
            raise ZoneUnreadableError(zone_id, str(error)) from error
        except OutOfTimeError:
            raise
        except TryLaterError as error:
            raise ZoneUnansweredError(zone_id, str(error)) from error
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABOUT_THE_ZONE:
                self._refused[operation, zone_id] = error
            raise _unreadable(zone_id, error) from error

    def change_records(self, zone_id: ZoneId, *, deletions: Iterable[Record], creations: Iterable[Record]) -> None:
        """Make all these changes in one atomic batch, deletions first, or raise BatchRefusedError and make none.

        Route 53 refuses the deletion of a record that is not exactly as given, and the creation of one that exists.
        Raises ZoneUnansweredError while the hosted zone is locked.
        """
        batch: ChangeBatchTypeDef = {"Changes": write_changes(deletions=deletions, creations=creations)}
        try:
            self._account.ask(lambda zones: zones.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch))
        except RoleRefusedError as error:
            raise BatchRefusedError(zone_id, str(error)) from error
        except ClientError as error:
            refusal = ZoneUnansweredError if _LOCKED in reason_of(error) else BatchRefusedError
            raise refusal(zone_id, reason_of(error)) from error

    def protections(self, zone_id: ZoneId) -> tuple[Protection, ...]:
        """Return every record set protection of a zone, or raise ZoneUnreadableError.

        Where AWS does not have the operation yet, or not in this partition, there are no protections.
        """
        request = {"HostedZoneId": zone_id, "MaxResults": _PROTECTIONS_PER_PAGE}
        found: list[Protection] = []
        while True:
            ask = methodcaller("list_resource_record_set_protections", **request)  # unknown to the published types
            try:
                page = self._read_zone("ListResourceRecordSetProtections", zone_id, ask)
            except ZoneUnreadableError as error:
                if _unknown_operation(error.__cause__):
                    return ()
                raise
            found += (
                Protection(_read_name(listed["RecordName"]), listed["RecordType"], listed.get("Comment"))
                for listed in page["ResourceRecordSetProtections"]
            )
            if not page.get("NextToken"):
                return tuple(found)
            request["NextToken"] = page["NextToken"]

    def checks(self) -> dict[CheckId, Check]:
        """Return every health check of the account."""
        found: dict[CheckId, Check] = {}
        request: dict[str, Any] = {"MaxItems": _CHECKS_PER_PAGE}
        while True:
            page = self._client.list_health_checks(**request)
            for listed in page["HealthChecks"]:
                check_id, config = CheckId(listed["Id"]), listed["HealthCheckConfig"]
                children = frozenset(map(CheckId, config.get("ChildHealthChecks", ())))
                found[check_id] = Check(check_id, listed["CallerReference"], read_config(config), children)
            if not page["IsTruncated"]:
                return found
            request["Marker"] = page["NextMarker"]

    def create_check(self, reference: str, config: CheckConfig | AlarmConfig) -> CheckId:
        """Return the id of the health check with this CallerReference, created now or by an earlier, equal call.

        Raises ReferenceBurnedError, CheckQuotaError or CheckRefusedError.
        """
        try:
            created = self._client.create_health_check(
                CallerReference=reference, HealthCheckConfig=write_config(config)
            )["HealthCheck"]
        except ClientError as error:
            match error.response["Error"]["Code"]:
                case "HealthCheckAlreadyExists":
                    raise ReferenceBurnedError(reason_of(error)) from error
                case "TooManyHealthChecks":
                    raise CheckQuotaError(reason_of(error)) from error
            raise CheckRefusedError(reason_of(error)) from error
        except BotoCoreError as error:
            raise CheckRefusedError(str(error)) from error
        if read_config(created["HealthCheckConfig"]) != config:
            raise ReferenceBurnedError(f"the health check of {reference} was edited since")
        return CheckId(created["Id"])

    def delete_check(self, check_id: CheckId) -> None:
        """Delete a health check. A health check that is already deleted is not an error. Raises CheckRefusedError."""
        try:
            self._client.delete_health_check(HealthCheckId=check_id)
        except self._client.exceptions.NoSuchHealthCheck:
            return
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_DELETED:
                raise CheckRefusedError(reason_of(error)) from error
            raise

    def percent_healthy(self, check_id: CheckId) -> float | None:
        """Return the percentage of checkers that succeed now, or None if too few have reported."""
        try:
            status = self._client.get_health_check_status(HealthCheckId=check_id)
        except self._client.exceptions.NoSuchHealthCheck:
            return None
        reports = [seen["StatusReport"]["Status"] for seen in status["HealthCheckObservations"]]
        if len(reports) < FEWEST_OBSERVATIONS:
            return None
        return 100 * sum(report.startswith("Success") for report in reports) / len(reports)

    def checker_ranges(self) -> tuple[IPNetwork, ...]:
        """Return the IPv4 and IPv6 ranges that Route 53 checks from (GetCheckerIpRanges), in any order."""
        answer = self._client.get_checker_ip_ranges()
        return tuple(ip_network(cidr) for cidr in answer["CheckerIpRanges"])

    def check_limit(self) -> tuple[int, int]:
        """Return the number of health checks of the account and its limit (GetAccountLimit)."""
        answer = self._client.get_account_limit(Type="MAX_HEALTH_CHECKS_BY_OWNER")
        return answer["Count"], answer["Limit"]["Value"]

    def record_limit(self, zone_id: ZoneId) -> tuple[int, int]:
        """Return the number of record sets of a zone and its limit (GetHostedZoneLimit).

        Raises ZoneUnreadableError.
        """
        answer = self._read_zone(
            "GetHostedZoneLimit",
            zone_id,
            lambda zones: zones.get_hosted_zone_limit(HostedZoneId=zone_id, Type="MAX_RRSETS_BY_ZONE"),
        )
        return answer["Count"], answer["Limit"]["Value"]


def write_changes(*, deletions: Iterable[Record], creations: Iterable[Record]) -> list[ChangeTypeDef]:
    """Return the changes of a batch as ChangeResourceRecordSets takes them. A DELETE repeats the record as listed."""
    changes: list[ChangeTypeDef] = [{"Action": "DELETE", "ResourceRecordSet": write_listed(each)} for each in deletions]
    return changes + [{"Action": "CREATE", "ResourceRecordSet": _write_record(record)} for record in creations]


def write_listed(record: Record) -> ResourceRecordSetTypeDef:
    """Return a record set exactly as Route 53 listed it, or as it was written if it was not in DNS yet."""
    return cast("ResourceRecordSetTypeDef", record.listed) or _write_record(record)


def _unreadable(zone_id: ZoneId, error: ClientError) -> ZoneUnreadableError:
    reason = reason_of(error)
    match error.response["Error"]["Code"]:
        case "NoSuchHostedZone":
            return ZoneGoneError(zone_id, reason)
        case "AccessDenied" if reason.endswith(_OF_ANOTHER_ACCOUNT):
            return ZoneElsewhereError(zone_id, reason)
    return ZoneUnreadableError(zone_id, reason)


def _unknown_operation(error: BaseException | None) -> bool:
    """Whether AWS does not have the operation: HTTP 404. A deleted zone is 404 too, with an error code of its own."""
    if not isinstance(error, ClientError):
        return False
    not_found = error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND
    return not_found and error.response["Error"]["Code"] != "NoSuchHostedZone"


def _read_name(listed: str) -> str:
    return normal_name(_OCTAL.sub(lambda escape: chr(int(escape[1], 8)), listed))


def _read_record(listed: ResourceRecordSetOutputTypeDef) -> Record:
    check_id = listed.get("HealthCheckId")
    return Record(
        name=_read_name(listed["Name"]),
        type=listed["Type"],
        values=tuple(value["Value"] for value in listed.get("ResourceRecords", [])),
        identifier=listed.get("SetIdentifier"),
        ttl=listed.get("TTL"),
        check_id=CheckId(check_id) if check_id else None,
        multivalue=listed.get("MultiValueAnswer", False),
        listed=listed,
    )


def _write_record(record: Record) -> ResourceRecordSetTypeDef:
    written: ResourceRecordSetTypeDef = {
        "Name": record.name,
        "Type": RecordType(record.type).value,
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": value} for value in record.values],
    }
    if record.identifier is not None:
        written["SetIdentifier"] = record.identifier
    if record.ttl is not None:
        written["TTL"] = record.ttl
    if record.check_id is not None:
        written["HealthCheckId"] = record.check_id
    return written
