"""Random worlds for the planner's properties: pools, a fleet, and a Route 53 account in any state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from fleet53.domain.alarm import Alarm, AlarmSettings, status_rule
from fleet53.domain.identity import FALLBACK
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.pool import AddressType, AdmitWhen
from fleet53.domain.record import Record
from fleet53.planning.situation import OrphanRecord, Situation
from tests.unit.account import Account, place
from tests.unit.build import (
    HTTP,
    LAUNCHED,
    NOW,
    OTHER_PATH,
    OWNER,
    ZONE,
    check,
    foreign_check,
    instance,
    pool,
    record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fleet53.domain.health_check import Check
    from fleet53.domain.ids import CheckId
    from fleet53.domain.instance import Instance
    from fleet53.domain.pool import Pool
    from tests.unit.account import Place

NAMES: Final = {"web": "app.example.com", "api": "api.example.com", "gone": "old.example.com"}
IDS: Final = tuple(f"i-{n:02}" for n in range(4))
MOST_CHECKS: Final = 6
GHOSTS: Final = ("i-98", "i-99")  # instances that EC2 does not know
STRANGERS: Final = {4: "203.0.113.7", 6: "2001:db8:ffff::7"}
FALLBACKS: Final = {4: "198.51.100.9", 6: "2001:db8::9999"}
KINDS: Final = {
    AddressType.PUBLIC_IPV4: (None, ip_address(FALLBACKS[4])),
    AddressType.IPV6: (None, ip_address(FALLBACKS[6])),
    AddressType.DUALSTACK: (None, ip_address(FALLBACKS[4]), ip_address(FALLBACKS[6])),
}
STATES: Final = ("running", "running", "running", "pending", "stopping", "stopped", "terminated", "resting")
LIFECYCLES: Final = (
    *("no group", "no group", "no group", "InService", "InService", "Pending", "Pending:Wait"),
    *("Terminating:Wait", "RootVolumeReplaced", "Standby", "Resting", None),
)
TAGS: Final = tuple(frozenset(map(PoolName, names)) for names in (["web"], ["web", "api"], ["web"], ["api"], []))


def own_address(instance_id: str, version: int) -> str:
    n = int(instance_id.removeprefix("i-"))
    return f"192.0.2.{n}" if version == 4 else f"2001:db8::{n:x}"


@dataclass
class World:
    """What there is. Only the account changes."""

    pools: tuple[Pool, ...]
    instances: tuple[Instance, ...]
    lifecycle_states: dict[InstanceId, str]
    spot: dict[InstanceId, str]
    account: Account
    first_healthy: frozenset[CheckId]

    def look(
        self, healthy: Iterable[CheckId] | None = None, arrange: Callable[[Sequence[Any]], Sequence[Any]] = tuple
    ) -> Situation:
        """Return the situation after a sweep; without `healthy` all health checks are. `arrange` orders listings."""
        records = arrange(list(self.account.records.items()))
        names = {each.record_name for each in self.pools}
        checks = arrange(list(self.account.checks.items()))
        return Situation(
            owner=OWNER,
            pools=tuple(arrange(self.pools)),
            declared=frozenset(each.name for each in self.pools),
            instances={each.id: each for each in arrange(self.instances)},
            lifecycle_states=self.lifecycle_states,
            spot=self.spot,
            records={
                each.name: tuple(one for _, one in records if one.name == each.record_name) for each in self.pools
            },
            orphans=tuple(
                OrphanRecord(ZONE, one)
                for _, one in records
                if OWNER.holder(one.identifier) is not None and one.name not in names
            ),
            checks=dict(checks),
            alarms={
                name: Alarm(name, is_ok=True, rule=rule) for name, rule in arrange(list(self.account.rules.items()))
            },
            healthy=dict.fromkeys(self.account.checks if healthy is None else healthy, True),
            swept=True,
        )


RULES: Final = st.sampled_from(
    [
        {},
        {},
        {"fleet53/other.eu-west-1.123456789012/web/i-98": status_rule(InstanceId("i-98"))},
        {OWNER.alarm_name(PoolName("web"), InstanceId("i-98")): status_rule(InstanceId("i-98"))},
        {OWNER.alarm_name(PoolName("gone"), InstanceId("i-00")): status_rule(InstanceId("i-00"))},
        {OWNER.alarm_name(PoolName("web"), InstanceId("i-00")): status_rule(InstanceId("i-01"))},
    ]
)
"""The alarms that there are: of another stack, left, and edited."""

# One draw decides many things, and no draw makes a strategy: hypothesis spends its time on draws and on new strategies,
# not on what they choose.
POOLS: Final = st.sampled_from(
    [
        (kind, asks, when, ttl, fallback)
        for kind, fallbacks in KINDS.items()
        for asks in (HTTP, OTHER_PATH, AlarmSettings(), None)
        for when in (AdmitWhen if asks else [AdmitWhen.RUNNING])
        for ttl in (60, 5)
        for fallback in fallbacks
    ]
)
MEMBERS: Final = st.sampled_from(
    list(product(STATES, (LAUNCHED, NOW), TAGS, (True, True, False), (True, False), LIFECYCLES))
)
CHECKS: Final = st.sampled_from(
    list(
        product(
            [*IDS, *GHOSTS],
            (4, 4, 6),
            (False, False, False, True),
            (HTTP, OTHER_PATH),
            ("web", "web", "api", "gone"),
            (LAUNCHED, NOW),
            (0, 0, 1),
            (False, False, False, True),
        )
    )
)
RECORDS: Final = st.sampled_from(
    list(
        product(
            [*IDS, *IDS, *GHOSTS, FALLBACK],
            (4, 4, 6),
            (False, False, False, True),
            (*NAMES.values(), NAMES["web"]),
            (60, 60, 5),
        )
    )
)


HEALTHY: Final = st.frozensets(st.integers(0, MOST_CHECKS - 1))
"""Which of the health checks are healthy at first, by their numbers."""
MARKED: Final = st.frozensets(st.sampled_from(IDS), max_size=1)
BY_HAND: Final = st.tuples(
    st.lists(st.sampled_from([own_address(each, 4) for each in IDS]), min_size=1, unique=True),
    st.sampled_from([[], [], [STRANGERS[4]]]),
    st.sampled_from([None, "c-theirs"]),
    st.booleans(),
)
"""Of records made by hand: instances' addresses, others, the health check, whether one set has all."""


def pools(name: str) -> st.SearchStrategy[Pool]:
    def made(chosen: tuple[Any, ...]) -> Pool:
        kind, asks, when, ttl, fallback = chosen
        of = {"address": kind, "check": asks, "admit_when": when, "ttl": ttl, "fallback": fallback}
        return pool(name, record_name=NAMES[name], **of)

    return POOLS.map(made)


FIRST: Final = pools("web")
SECOND: Final = st.none() | pools("api")


def check_of_ours(check_id: str, chosen: tuple[Any, ...]) -> Check:
    holder, version, strange, asks, pool_name, launched, attempt, edited = chosen
    address = STRANGERS[version] if strange else own_address(holder, version)
    return check(
        check_id,
        holder,
        address,
        asks=asks,
        pool_name=pool_name,
        launched=launched,
        attempt=attempt,
        edited=edited,
    )


def record_of_ours(chosen: tuple[Any, ...], check_id: str | None) -> Record:
    holder, version, strange, name, ttl = chosen
    if holder == FALLBACK:
        return record(holder, FALLBACKS[version], None, name=name, ttl=ttl)
    address = STRANGERS[version] if strange else own_address(holder, version)
    return record(holder, address, check_id, name=name, ttl=ttl)


def foreign_records(name: str) -> st.SearchStrategy[list[Record]]:
    theirs = record(name=name, address="198.51.100.77", check_id="c-theirs")
    six = replace(theirs, type="AAAA", values=("2001:db8::77",))
    return st.sampled_from(
        [
            [],
            [],
            [Record(name, "TXT", ('"theirs"',), ttl=60)],
            [replace(theirs, identifier="theirs"), replace(six, identifier="blue")],
            [replace(theirs, identifier=None, multivalue=False)],
            [Record(name, "CNAME", ("elsewhere.example.com",), ttl=60)],
        ]
    )


FOREIGN: Final = {name: foreign_records(name) for name in NAMES.values()}
FLEET: Final = st.tuples(*(MEMBERS for _ in IDS))
OUR_CHECKS: Final = st.lists(CHECKS, max_size=MOST_CHECKS)
OUR_RECORDS: Final = st.lists(st.tuples(RECORDS, st.integers(0, MOST_CHECKS + 2)), max_size=10)
"""Each with a number that chooses its health check among those that there are, one that is deleted, and none."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    first, second = draw(FIRST), draw(SECOND)
    fleet, lifecycles = [], {}
    for each, (state, launched, tags, has_4, has_6, lifecycle) in zip(IDS, draw(FLEET), strict=True):
        fleet.append(
            instance(
                each,
                state=state,
                launched=launched,
                pools=tags,
                public_ipv4=ip_address(own_address(each, 4)) if has_4 else None,
                ipv6=ip_address(own_address(each, 6)) if has_6 else None,
                group=None if lifecycle == "no group" else "web-fleet",
            )
        )
        lifecycles[InstanceId(each)] = lifecycle
    checks = {}
    for n, chosen in enumerate(draw(OUR_CHECKS)):
        made = check_of_ours(f"c-{n}", chosen)
        checks[made.reference] = made
    check_ids = [each.id for each in checks.values()]
    named = [*check_ids, "c-theirs", "c-dead", None]
    records: dict[Place, Record] = {}
    for of, n in draw(OUR_RECORDS):
        one = record_of_ours(of, named[n % len(named)])
        records[place(ZONE, one)] = one
    for name in NAMES.values():
        for theirs in draw(FOREIGN[name]):
            if not theirs.multivalue:  # nothing of ours can stand beside it
                same = {"A", "AAAA"} if theirs.type == "CNAME" else {theirs.type}
                records = {at: one for at, one in records.items() if one.name != name or one.type not in same}
            records[place(ZONE, theirs)] = theirs
    return World(
        pools=(first,) if second is None else (first, second),
        instances=tuple(fleet),
        lifecycle_states={
            each: state for each, state in lifecycles.items() if state is not None and state != "no group"
        },
        spot={InstanceId(each): "marked-for-termination" for each in draw(MARKED)},
        account=Account(
            records, {each.id: each for each in (*checks.values(), foreign_check())}, rules=dict(draw(RULES))
        ),
        first_healthy=frozenset(check_ids[n] for n in draw(HEALTHY) if n < len(check_ids)),
    )


@st.composite
def worlds_with_records_by_hand(draw: st.DrawFn) -> World:
    """Return a world with A records made by hand of instances' addresses at the first pool's name."""
    world = draw(worlds())
    name = NAMES["web"]
    own, strange, check_id, simple = draw(BY_HAND)
    addresses = [*own, *strange]
    theirs = record(name=name, address=addresses[0], check_id=check_id)
    if simple:
        made = [replace(theirs, identifier=None, multivalue=False, values=tuple(addresses))]
    else:
        made = [replace(theirs, identifier=f"by hand {each}", values=(each,)) for each in addresses]
    world.account.records = {
        at: one
        for at, one in world.account.records.items()
        if one.name != name or (one.type != "CNAME" and (one.type != "A" or (one.multivalue and not simple)))
    }
    world.account.records |= {place(ZONE, one): one for one in made}
    return world
