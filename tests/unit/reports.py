"""Reports as an audit could have made them, for tests of their forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fleet53.domain.finding import Finding, FindingKind
from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
from fleet53.planning.membership import Membership
from fleet53.report.model import Cost, MemberReport, PoolReport, Quota, Quotas, Report

OWNER: Final = "fleet53.eu-west-1.123456789012"
AT: Final = datetime(2026, 11, 20, 10, 5, 12, tzinfo=UTC)
WEB: Final = PoolName("web")
_IN_SERVICE: Final = "Auto Scaling says InService"
_HELD: Final = (
    "EC2 does not know the instance; held by the guard: 3 of 4 members would be withdrawn without evidence that "
    "they are gone, more than "
    "MaxWithdrawPercent=50 allows; if they still run, restore their tag or the pool; "
    'to withdraw them, invoke the audit with {"repair": true, "force": true}'
)
_UNSEEN: Final = "Route 53 has not seen it yet"


def member(number: int, **changes: Any) -> MemberReport:
    """Return a member that is in DNS and healthy; the number makes its id and address its own."""
    settings: dict[str, Any] = {
        "instance_id": instance_id(number),
        "state": "running",
        "lifecycle_state": "InService",
        "group": "web",
        "addresses": (f"52.95.{number // 250}.{number % 250 + 1}",),
        "launched": AT - timedelta(hours=3 + number),
        "membership": Membership.ADMIT,
        "in_dns": True,
        "because": _IN_SERVICE,
        "check_ids": (CheckId(f"5800ca8f-ff39-4f90-ba40-{number:012}"),),
        "percent_healthy": 100.0,
        "seen_since": AT - timedelta(minutes=max(59 - 7 * number, 12) if number < 7 else 59),
    }
    return MemberReport(**settings | changes)


def instance_id(number: int) -> InstanceId:
    """Return an instance id of AWS's length, the same for the same number."""
    return InstanceId(f"i-{(number + 1) * 0x9E3779B97F4A7C15 % 2**68:017x}")


def pool(*instances: MemberReport, name: str = "web", **changes: Any) -> PoolReport:
    """Return a pool of these members, counted."""
    settings: dict[str, Any] = {
        "name": PoolName(name),
        "record_name": "app.example.com" if name == "web" else f"{name}.example.com",
        "members": len(instances),
        "in_dns": sum(each.in_dns for each in instances),
        "healthy": sum(each.in_dns and (each.percent_healthy or 0) > 18 for each in instances),
        "pending": sum(not each.in_dns for each in instances),
        "standby": 0,
        "instances": instances,
    }
    return PoolReport(**settings | changes)


def finding(kind: FindingKind, because: str, number: int | None = None, **changes: Any) -> Finding:
    """Return a finding about pool web, and about an instance where a number is given."""
    about = None if number is None else instance_id(number)
    return Finding(**{"kind": kind, "because": because, "pool": WEB, "instance_id": about} | changes)


def missing_record(number: int) -> Finding:
    """Return the finding that a healthy member has no record."""
    because = f"{_IN_SERVICE}; Route 53 sees it healthy"
    return finding(FindingKind.MISSING_RECORD, because, number, drift=True, record_name="app.example.com")


def held(number: int) -> Finding:
    """Return the finding that the guard holds a withdrawal."""
    return finding(FindingKind.WITHDRAWAL_HELD, _HELD, number, drift=True, held=True)


def report(*pools: PoolReport, **changes: Any) -> Report:
    """Return a report on these pools, with no finding and limits far away."""
    checks = sum(len(each.check_ids) for one in pools for each in one.instances)
    settings: dict[str, Any] = {
        "owner": OWNER,
        "at": AT,
        "pools": pools,
        "findings": (),
        "quotas": Quotas(
            health_checks=Quota(checks + 12, 200),
            check_creations=Quota(min(checks, 31), 1000),
            records={ZoneId("Z0123456789ABC"): Quota(checks + 44, 10_000)},
        ),
        "cost": Cost(checks, 1.0 * checks, 10.4),
    }
    return Report(**settings | changes)


# -- the situations that people should see at a glance


def drifted() -> Report:
    """Return ten members, of which one lost its record by hand, one boots, and one is seen unhealthy."""
    members = (
        *(member(number) for number in range(7)),
        member(7, in_dns=False, because=f"is to be admitted: {_IN_SERVICE}; Route 53 sees it healthy"),
        member(8, percent_healthy=6.25, seen_since=AT - timedelta(minutes=4)),
        member(
            9,
            in_dns=False,
            launched=AT - timedelta(seconds=42),
            lifecycle_state="Pending:Wait",
            membership=Membership.PREPARE,
            percent_healthy=None,
            seen_since=None,
            because=_UNSEEN,
        ),
    )
    return report(pool(*members), findings=(missing_record(7),))


def crowd() -> Report:
    """Return a hundred members; some are out, and some are not healthy."""
    members = [member(number, group="web" if number % 3 else "web-spot") for number in range(100)]
    for number in (12, 57):
        members[number] = member(number, percent_healthy=0.0, seen_since=AT - timedelta(minutes=9))
    for number in (33, 80, 81):
        members[number] = member(
            number,
            in_dns=False,
            percent_healthy=None,
            seen_since=None,
            launched=AT - timedelta(minutes=2),
            lifecycle_state="Pending",
            membership=Membership.WAIT,
            because=_UNSEEN,
        )
    return report(pool(*members))


def unreadable() -> Report:
    """Return a pool that is in sync, beside one whose zone could not be read."""
    because = "hosted zone Z9876543210XYZ: AccessDenied when calling ListResourceRecordSets"
    return report(
        pool(*(member(number) for number in range(3))),
        findings=(finding(FindingKind.ZONE_UNREADABLE, because, pool=PoolName("api")),),
    )


def outage() -> Report:
    """Return a pool whose three members have ended, so that it is unanswered, beside a healthy one."""
    ended = {
        "state": "terminated",
        "lifecycle_state": None,
        "membership": Membership.WITHDRAW,
        "in_dns": False,
        "because": "EC2 says terminated",
        "check_ids": (),
        "percent_healthy": None,
    }
    because = "app.example.com has no member in DNS and no fallback: DNS queries for it get a negative answer"
    return report(
        pool(*(member(number, **ended) for number in range(3)), members=0, pending=0, answered=False),
        pool(*(member(number) for number in range(3, 6)), name="api"),
        findings=(finding(FindingKind.EMPTY_POOL, because, record_name="app.example.com"),),
    )


def empty() -> Report:
    """Return one pool without members."""
    return report(
        pool(),
        findings=(finding(FindingKind.EMPTY_POOL, "no instance is in DNS, and the pool has no fallback"),),
    )


def guarded() -> Report:
    """Return four members of which three vanished, so that the guard holds their withdrawal, and one limit near."""
    gone = {
        "state": None,
        "lifecycle_state": None,
        "group": None,
        "launched": None,
        "membership": Membership.WITHDRAW,
        "because": _HELD,
    }
    quotas = Quotas(Quota(187, 200), Quota(1000, 1000), {ZoneId("Z0123456789ABC"): Quota(44, 10_000)})
    return report(
        pool(member(0), *(member(number, **gone) for number in (1, 2, 3))),
        findings=(held(1), held(2), held(3)),
        quotas=quotas,
    )


def many_findings() -> Report:
    """Return thirty members that all lost their records, and two families of addresses."""
    members = [
        member(
            number,
            in_dns=False,
            addresses=(f"52.95.1.{number}", f"2600:1f18:1234:5600:abcd:ef01:2345:{number:04x}"),
            because=f"is to be admitted: {_IN_SERVICE}; Route 53 sees it healthy",
        )
        for number in range(30)
    ]
    return report(pool(*members), findings=tuple(missing_record(number) for number in range(30)))
