"""A world in which anything may happen to a fleet, and what has to hold at every moment and at the end."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from lab.moto import ec2
from lab.moto.bus import Bus
from lab.route53.error import Route53Error
from lab.scaling.hooks import Hooks, launch_hook, terminate_hook
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import other_environments
from tests.functional.views import OWNER, checks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

WEB, API, RIVAL = "web", "api", "z"
SOON: Final = timedelta(seconds=180)
"""Within what time a wrong address leaves DNS while every event comes and AWS answers: EC2 may be behind an event for
two minutes (Note [EC2 is behind])."""
LATER: Final = timedelta(seconds=4500)
"""Within what time it leaves where events are lost, AWS fails, or functions are killed: audits come every 15 minutes,
and a message of a killed run is received again after half an hour, the second time perhaps killed again."""
ROUTE53_WRITES: Final = ("ChangeResourceRecordSets", "CreateHealthCheck", "DeleteHealthCheck", "UpdateHealthCheck")


@dataclass(slots=True)
class Gone:
    """When the last record of an instance left DNS, and the longest that resolvers may keep its address."""

    at: datetime
    drain: timedelta


@dataclass(slots=True)
class World:
    """One stack with two pools and two groups, until it is left.

    Pool `web` has health checks, pool `api` admits what runs, and pool `z` may claim the place of another. Group
    `fleet` has both lifecycle hooks; instances enter and leave standby in group `posed`. `covered` counts what
    happened.
    """

    covered: Counter[str] = field(default_factory=Counter)
    lab: Lab = field(init=False)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _foreign: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    _wrong: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    _healthy: set[str] = field(default_factory=set)
    _ended: dict[str, datetime] = field(default_factory=dict)
    _gone: dict[str, Gone] = field(default_factory=dict)
    _next_ends: bool = False
    _ended_meanwhile: set[str] = field(default_factory=set)
    _held_events: list[dict[str, Any]] = field(default_factory=list)
    _lost: int = 0
    _delayed: int = 0
    _disturbed: datetime | None = None
    _disrupted: bool = False

    def __enter__(self) -> Self:
        """Create the stack, its pools and its groups."""
        self.lab = self._stack.enter_context(Lab(start=MONDAY_NOON))
        self._stack.enter_context(patch.object(Bus, "deliver", self._delivering(Bus.deliver)))
        self._stack.enter_context(patch.object(Hooks, "complete", self._completing(Hooks.complete)))
        self._stack.enter_context(patch("time.sleep", self.lab.clock.advance))
        self._watch_route53()
        self.put_pool(API)
        self.lab.fleet.create_group("fleet", 1, hooks=(launch_hook(heartbeat=300), terminate_hook(heartbeat=300)))
        self.lab.fleet.create_group("posed")
        self.lab.crowds.append(self)
        self.lab.run(60, step=10)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    # -- what happens

    def disturb(self) -> None:
        """Note that from now on something is not as it should be, so that only an audit may repair it."""
        self._disturbed = self.lab.clock.now()

    def disrupt_zone(self, instance_ids: Collection[str]) -> None:
        """Disrupt the Availability Zone of these instances, until the faults end."""
        self._disrupted = self._disrupted or bool(instance_ids)
        self.lab.faults.disrupt_zone(instance_ids)

    def end_faults(self) -> None:
        """End all faults of AWS."""
        self._disrupted = False
        self.lab.faults.end()

    def lose_events(self, count: int) -> None:
        """Lose the next events."""
        self._lost += count
        self.disturb()

    def delay_events(self, count: int) -> None:
        """Keep the next events until `deliver_delayed`."""
        self._delayed += count
        self.disturb()

    def deliver_delayed(self, *, reverse: bool) -> None:
        """Deliver the events that were kept, in their order or in the reverse one."""
        events, self._held_events = self._held_events, []
        for event in reversed(events) if reverse else events:
            self.lab.bus.deliver(event)

    def repeat_event(self, number: int) -> None:
        """Deliver one of the latest events again."""
        latest = [event for event in self.lab.bus.sent[-30:] if event["source"].startswith("aws.")]
        if latest:
            self.lab.bus.deliver(latest[number % len(latest)])

    def meanwhile(self, act: Callable[[], object], after: int) -> None:
        """Let `act` happen, and another run of the reconciler, in the middle of the next invocation."""

        def run_too() -> None:
            self.covered["interleaved"] += 1
            with other_environments(self.lab):
                act()
                self.lab.settle()

        self.lab.faults.interrupt(run_too, after=after)

    def end_while_admitted(self) -> None:
        """Let the next instance that fleet53 admits end just before, and another run handle that."""
        self._next_ends = True

    def put_pool(self, pool: str, **changes: Any) -> None:
        """Change settings of `web`, or declare another pool: one that admits what runs, at api.example.com."""
        usual = {} if pool == WEB else {"health_check": None, "admit_when": "running", "record_name": "api.example.com"}
        self.lab.pools.put(pool, self.lab.pools.settings(WEB) | usual | changes)

    def delete_pool(self, pool: str) -> None:
        """Delete a pool if it is declared."""
        if pool in self.lab.pools.names():
            self.lab.delete_pool(pool)

    def put_foreign(self, record: Mapping[str, Any]) -> None:
        """Create or replace a record that is not fleet53's, where Route 53 lets it be."""
        if self.change("UPSERT", record):
            self._foreign[_key(record)] = self._record(_key(record))

    def drop_foreign(self) -> None:
        """Delete the records that are not fleet53's."""
        for key in list(self._foreign):
            assert self.change("DELETE", self._foreign.pop(key))

    def calm(self) -> None:
        """End everything that disturbs, and let fleet53 and two audits work."""
        fleet = self.lab.fleet
        self.end_faults()
        self._lost = self._delayed = 0
        self.deliver_delayed(reverse=False)
        fleet.late.instances = fleet.late.tags = fleet.late.states = 0
        self.drop_foreign()
        self.put_pool(API)
        self.delete_pool(RIVAL)
        self.lab.run(4000, step=50)

    # -- what has to hold

    def turn(self) -> None:
        """Let the checkers see the instances, and check what has to hold at every moment."""
        if self._disrupted:
            self.disturb()
        self.lab.report_serving()
        self._healthy |= {each for each in checks(self.lab) if (self.lab.route53.percent_healthy(each) or 0) > 18}
        now = self.lab.clock.now()
        for instance_id in self.lab.fleet.ids():
            if self.state(instance_id) in {"shutting-down", "terminated"}:
                self._ended.setdefault(instance_id, now)
        self.check()

    def check(self) -> None:
        """Check what has to hold at every moment."""
        known, now = checks(self.lab), self.lab.clock.now()
        records = list(self.all_records())
        for record in records:
            assert record.get("HealthCheckId") in {None, *known}, f"a record names a missing check: {record}"
        left = self._ended_meanwhile & {_holder(record) for record in records}
        assert not left or self._disturbed is not None, f"in DNS, though they ended while a run admitted them: {left}"
        self._ended_meanwhile.clear()
        wrong = {key for record in records if (key := self._why_wrong(record)) is not None}
        self._wrong = {key: self._wrong.get(key, now) for key in wrong}
        for key, since in self._wrong.items():
            disturbed = self._disturbed is not None and now - self._disturbed < LATER
            assert now - since <= (LATER if disturbed else SOON), f"since {since} in DNS: {key}"
        for key, record in self._foreign.items():
            assert self._record(key) == record, f"a foreign record was changed: {record}"

    def check_end(self) -> None:
        """Check that a forced repair leads to the desired state, and that a second one changes nothing."""
        self.lab.audit({"repair": True, "force": True})
        self.lab.run(300, step=10)
        for pool in self.lab.pools.names():
            settings = self.lab.pools.settings(pool)
            wanted, allowed = self._wanted(pool)
            standing = self._standing(settings["record_name"])
            assert standing - allowed == set(), f"these do not belong to pool {pool}"
            assert wanted - standing == set(), f"these are missing in pool {pool}"
        names = {self.lab.pools.settings(pool)["record_name"] for pool in self.lab.pools.names()}
        ours = [record for record in self.all_records() if _holder(record) is not None]
        assert {record["Name"].removesuffix(".") for record in ours} <= names
        used = {record["HealthCheckId"] for record in ours if "HealthCheckId" in record}
        running = self.lab.fleet.running_addresses()
        unused = {
            reference.split("/")[3]
            for key, each in checks(self.lab).items()
            if key not in used and (reference := each["CallerReference"]).startswith("fleet53/")
        }
        assert unused - running.keys() == set(), "health checks of instances that do not run"
        self.lab.route53.reset_calls()
        self.lab.audit({"repair": True, "force": True})
        self.lab.settle()
        changed = [call for call in self.lab.route53.calls if call.operation in ROUTE53_WRITES]
        assert changed == [], "a second repair changes something"

    def _wanted(self, pool: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Return the instances, with their addresses, that have to be at a pool's name, and those that may be."""
        checked = self.lab.pools.settings(pool)["health_check"] is not None
        wanted, allowed = set(), set()
        for instance_id, address in self.lab.fleet.running_addresses().items():
            tags = {tag["Key"]: tag["Value"] for tag in self.lab.fleet.describe(instance_id).get("Tags", [])}
            in_service = self._lifecycle(instance_id) in {None, "InService"}
            if not in_service or pool not in tags.get("fleet53:pool", "").split():
                continue
            allowed.add((instance_id, address))
            if not checked or self.lab.serving.serves(instance_id):
                wanted.add((instance_id, address))
        return wanted, allowed

    def _standing(self, name: str) -> set[tuple[str, str]]:
        return {
            (holder, value["Value"])
            for record in self.all_records()
            if record["Name"].removesuffix(".") == name and (holder := _holder(record)) is not None
            for value in record["ResourceRecords"]
        }

    def _why_wrong(self, record: Mapping[str, Any]) -> tuple[str, str, str] | None:
        """Return what identifies a record of fleet53 whose address is not its instance's; None for any other."""
        holder = _holder(record)
        if holder is None:
            return None
        (value,) = (each["Value"] for each in record["ResourceRecords"])
        if self.state(holder) == "running" and value in self.lab.fleet.addresses(holder):
            return None
        return record["Name"], holder, value

    # -- what is watched

    def _watch_route53(self) -> None:
        answer = self.lab.route53.call

        def watched(operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
            by_fleet53 = self.lab.faults.permissions.function is not None
            before = {_key(each) for each in self.all_records()} if operation == "ChangeResourceRecordSets" else set()
            if operation == "ChangeResourceRecordSets" and by_fleet53 and self._next_ends:
                self._end_one_of(parameters["ChangeBatch"]["Changes"], before)
            answered = answer(operation, parameters)
            if operation == "ChangeResourceRecordSets" and by_fleet53:
                self._check_batch(parameters["ChangeBatch"]["Changes"], before)
            return answered

        self._stack.enter_context(patch.object(self.lab.route53, "call", watched))

    def _end_one_of(self, changes: list[dict[str, Any]], before: set[tuple[str, str, str]]) -> None:
        """End an instance that the changes bring into DNS, unless EC2 would not show that at once."""
        records = [change["ResourceRecordSet"] for change in changes if change["Action"] != "DELETE"]
        admitted = (holder for each in records if _key(each) not in before and (holder := _holder(each)) is not None)
        ends, late = next(admitted, None), self.lab.fleet.late
        if ends is None or late.instances or late.states:
            return
        self._next_ends = False
        self.covered["ended while it was admitted"] += 1
        with self.lab.faults.meanwhile(), other_environments(self.lab):
            self.lab.fleet.terminate(ends)
            self.lab.settle()
        self._ended_meanwhile.add(ends)

    def _check_batch(self, changes: list[dict[str, Any]], before: set[tuple[str, str, str]]) -> None:
        now = self.lab.clock.now()
        for change in changes:
            record, holder = change["ResourceRecordSet"], _holder(change["ResourceRecordSet"])
            assert record.get("SetIdentifier", "").startswith(f"{OWNER}/"), (
                f"fleet53 changed a foreign record: {change}"
            )
            if holder is None:
                continue
            if change["Action"] == "DELETE":
                ttl = timedelta(seconds=record["TTL"])
                if not any(_holder(each) == holder for each in self.all_records()):
                    self._gone[holder] = Gone(now, ttl + timedelta(seconds=60))
            elif _key(record) not in before:
                self._gone.pop(holder, None)
                unseen = record.get("HealthCheckId") not in {None, *self._healthy}
                assert not unseen, f"{holder} entered DNS although no checker saw it healthy"
                ended = self._ended.get(holder)
                assert ended is None or now - ended < SOON, f"{holder} entered DNS after it had ended at {ended}"

    def _completing(self, complete: Callable[..., None]) -> Callable[..., None]:
        def watched(hooks: Hooks, group: str, *named: str | None) -> None:
            before = hooks.waiting(group)
            complete(hooks, group, *named)
            (done,) = (each for each in before if each not in hooks.waiting(group))
            self._check_completion(done)

        return watched

    def _check_completion(self, action: Any) -> None:
        now, holder = self.lab.clock.now(), action.instance_id
        standing = [record for record in self.all_records() if _holder(record) == holder]
        if "TERMINATING" in action.hook.transition:
            assert standing == [], f"{holder} may end while it is in DNS"
            gone = self._gone.get(holder)
            assert gone is None or now - gone.at >= gone.drain, f"{holder} may end {now - gone.at} after it left DNS"

    def _delivering(self, deliver: Callable[..., Any]) -> Callable[..., Any]:
        def through(bus: Bus, event: dict[str, Any]) -> tuple[str, ...]:
            if event["source"] == "fleet53" or not (self._lost or self._delayed):
                told: tuple[str, ...] = deliver(bus, event)
                return told
            bus.sent.append(event)
            if self._lost:
                self._lost -= 1
            else:
                self._delayed -= 1
                self._held_events.append(event)
            return ()

        return through

    # -- what is there

    def state(self, instance_id: str) -> str:
        return ec2.state_of(instance_id) or "unknown to EC2"

    def _lifecycle(self, instance_id: str) -> str | None:
        group = self.lab.fleet.group_of(instance_id)
        return None if group is None else self.lab.fleet.members(group)[instance_id]

    def all_records(self) -> Iterator[dict[str, Any]]:
        zone = self.lab.route53._zones.find(self.lab.zone_id)
        yield from zone.records.page({"MaxItems": "300"})["ResourceRecordSets"]

    def _record(self, key: tuple[str, str, str]) -> dict[str, Any]:
        return next((each for each in self.all_records() if _key(each) == key), {})

    def change(self, action: str, record: Mapping[str, Any]) -> bool:
        """Change a record as a person does, and tell whether Route 53 did it."""
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": dict(record)}]}
        with contextlib.suppress(Route53Error):
            self.lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": self.lab.zone_id, "ChangeBatch": batch})
            return True
        return False


def _key(record: Mapping[str, Any]) -> tuple[str, str, str]:
    return record["Name"].removesuffix("."), record["Type"], record.get("SetIdentifier", "")


def _holder(record: Mapping[str, Any]) -> str | None:
    """Return the instance of one of fleet53's records; None for any other record, and for the fallback's."""
    owner, _, holder = record.get("SetIdentifier", "").partition("/")
    return holder if owner == OWNER and holder.startswith("i-") else None
