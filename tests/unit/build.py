"""Values for the unit tests: each builder makes a usual one, and takes only what differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fleet53.config.settings import read_settings
from fleet53.domain.health_check import Check, CheckConfig, CheckSettings
from fleet53.domain.identity import FALLBACK, Owner
from fleet53.domain.ids import CheckId, InstanceId, PoolName, ZoneId
from fleet53.domain.instance import Instance
from fleet53.domain.lifecycle import Action, Transition
from fleet53.domain.pool import Pool
from fleet53.domain.record import Record, RecordType
from fleet53.planning.guard import Guard
from fleet53.planning.situation import Situation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.config.settings import Settings

OWNER: Final = Owner("fleet53.eu-west-1.123456789012")
ZONE: Final = ZoneId("Z0123456789ABC")
NAME: Final = "app.example.com"
NOW: Final = datetime(2026, 11, 20, 10, tzinfo=UTC)
LAUNCHED: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)
HTTP: Final = CheckSettings(protocol="http", port=80, path="/")
OTHER_PATH: Final = CheckSettings(protocol="http", port=80, path="/health")
GUARD: Final = Guard(max_withdraw_percent=50)


def pool(name: str = "web", **differs: Any) -> Pool:
    return replace(Pool(name=PoolName(name), zone_id=ZONE, record_name=NAME, check=HTTP), **differs)


def instance(instance_id: str = "i-0a", **differs: Any) -> Instance:
    """Return a running member of pool web at 192.0.2.1."""
    usual = Instance(
        id=InstanceId(instance_id),
        state="running",
        launched=LAUNCHED,
        pools=frozenset({PoolName("web")}),
        public_ipv4=IPv4Address("192.0.2.1"),
    )
    return replace(usual, **differs)


def record(holder: str = "i-0a", address: str = "192.0.2.1", check_id: str | None = "c-1", **differs: Any) -> Record:
    """Return our record of an instance, or of FALLBACK."""
    usual = Record(
        name=NAME,
        type="AAAA" if ":" in address else "A",
        values=(address,),
        identifier=OWNER.identifier(holder),
        ttl=60,
        check_id=CheckId(check_id) if check_id else None,
        multivalue=True,
    )
    return replace(usual, **differs)


def fallback(address: str = "198.51.100.9", **differs: Any) -> Record:
    return replace(record(FALLBACK, address, None), **differs)


def check(
    check_id: str = "c-1",
    instance_id: str = "i-0a",
    address: str = "192.0.2.1",
    *,
    asks: CheckSettings = HTTP,
    pool_name: str = "web",
    launched: datetime = LAUNCHED,
    attempt: int = 0,
    edited: bool = False,
) -> Check:
    """Return our health check of an instance's address; an `edited` one was changed by hand after it was made."""
    config = CheckConfig.of(asks, ip_address(address))
    record_type = RecordType.AAAA if ":" in address else RecordType.A
    references = OWNER.references(PoolName(pool_name), InstanceId(instance_id), launched, record_type, config)
    reference = next(islice(references, attempt, None))
    return Check(CheckId(check_id), reference, replace(config, disabled=True) if edited else config)


def action(instance_id: str = "i-0a", transition: Transition = Transition.TERMINATING, **differs: Any) -> Action:
    """Return a member of group web-fleet that waits since NOW at our hook of the transition."""
    usual = Action(
        group="web-fleet",
        hook="fleet53-launch" if transition is Transition.LAUNCHING else "fleet53-terminate",
        instance_id=InstanceId(instance_id),
        transition=transition,
        at=NOW,
        heartbeat_at=NOW,
    )
    return replace(usual, **differs)


def settings(*, replace_unhealthy_after: int = 0) -> Settings:
    """Return the usual settings of a stack; `replace_unhealthy_after` in minutes."""
    return read_settings(
        {
            "FLEET53_OWNER": OWNER.name,
            "FLEET53_POOLS_PATH": "/fleet53/fleet53/pools",
            "FLEET53_POOL_TAG_KEY": "fleet53:pool",
            "FLEET53_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/signals",
            "FLEET53_ZONE_IDS": ZONE,
            "FLEET53_RECORD_NAMES": "app.example.com",
            "FLEET53_FIRST_POOL": "web",
            "FLEET53_MAX_WITHDRAW_PERCENT": "50",
            "FLEET53_ADMIT_TIMEOUT": "900",
            "FLEET53_HOOK_PREFIX": "fleet53",
            "FLEET53_UNHEALTHY_LAUNCH_RESULT": "CONTINUE",
            "FLEET53_REPLACE_UNHEALTHY_AFTER": str(replace_unhealthy_after),
        }
    )


def foreign_check(check_id: str = "c-theirs") -> Check:
    return replace(check(check_id), reference="made by hand")


def situation(
    *,
    pools: Iterable[Pool] = (pool(),),
    instances: Iterable[Instance] = (),
    records: Iterable[Record] = (),
    checks: Iterable[Check] | None = (),
    healthy: Iterable[str] = (),
    unhealthy: Iterable[str] = (),
    **differs: Any,
) -> Situation:
    """Return what is; `records` go to the pools whose name they have."""
    pools, records = tuple(pools), tuple(records)
    usual = Situation(
        owner=OWNER,
        pools=pools,
        declared=frozenset(each.name for each in pools),
        instances={each.id: each for each in instances},
        records={each.name: tuple(one for one in records if one.name == each.record_name) for each in pools},
        checks=None if checks is None else {each.id: each for each in checks},
        healthy={CheckId(each): True for each in healthy} | {CheckId(each): False for each in unhealthy},
    )
    return replace(usual, **differs)
