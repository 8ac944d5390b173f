"""The machine: in each step something happens to the world, and at the end all has to be as it should be.

The steps are plain data, so that hypothesis can leave out those that a failure does not need. A step for which no
instance is in the state that it needs does nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from lab.faults import Fault, Kill
from tests.functional.views import OWNER, checks
from tests.soak.world import API, RIVAL, WEB, World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COVERED: Counter[str] = Counter()
"""How often each thing happened, in all runs of this process."""

NUMBERS = st.integers(0, 7)
SECONDS = st.sampled_from([0, 0, 1, 5, 10, 30, 60, 130])
TAGS = st.sampled_from([[WEB], [WEB], [API], [WEB, API], []])
REQUESTS = st.sampled_from(
    [
        "*",
        "ec2:DescribeInstances",
        "route53:*",
        "route53:ListResourceRecordSets",
        "route53:ChangeResourceRecordSets",
        "route53:CreateHealthCheck",
        "route53:DeleteHealthCheck",
        "route53:ListHealthChecks",
        "autoscaling:*",
        "cloudwatch:*",
        "ssm:*",
        "sqs:*",
        "events:*",
    ]
)
FAULTS = st.sampled_from(Fault)
KILLS = st.sampled_from(Kill)


type Step = tuple[str, dict[str, Any], int]
"""The name of a method of Machine, its arguments, and how many seconds pass afterwards."""

_STEPS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}


def _step[F: Callable[..., None]](**arguments: st.SearchStrategy[Any]) -> Callable[[F], F]:
    """Make a method one of the steps, with its arguments."""

    def register(method: F) -> F:
        _STEPS[method.__name__] = st.fixed_dictionaries(arguments)
        return method

    return register


DISTURBING = frozenset({"pose", "edit_record", "lose_events", "delay_events", "fail", "kill", "disrupt_zone"})
"""The steps after which fleet53 may need an audit."""


class Machine:
    """Anything that may happen to a stack."""

    def __init__(self, world: World) -> None:
        self.world, self.lab, self.fleet = world, world.lab, world.lab.fleet

    def take(self, step: Step) -> None:
        """Let one thing happen, and time pass."""
        name, arguments, seconds = step
        getattr(self, name)(**arguments)
        COVERED["seconds"] += seconds
        self.lab.run(seconds, step=min(seconds, 10) or 1)

    def _ids(self, *states: str) -> list[str]:
        described = ((each, self.world.state(each)) for each in self.fleet.ids())
        return [each for each, state in described if state in states]

    def _ungrouped(self, *states: str) -> list[str]:
        return [each for each in self._ids(*states) if self.fleet.group_of(each) is None]

    def _is_spot(self, instance_id: str) -> bool:
        return self.fleet.describe(instance_id).get("InstanceLifecycle") == "spot"

    def _one(self, number: int, of: list[str], covered: str) -> list[str]:
        """Return one of some, none where there are none."""
        COVERED[covered] += bool(of)
        return [of[number % len(of)]] if of else []

    # -- instances

    @_step(tags=TAGS, spot=st.booleans(), count=st.integers(1, 4))
    def launch(self, tags: list[str], count: int, *, spot: bool) -> None:
        COVERED["launched"] += count
        for _ in range(count):
            self.fleet.launch(tags, spot=spot)

    @_step(number=NUMBERS)
    def terminate(self, number: int) -> None:
        for instance_id in self._one(number, self._ids("running"), "terminated"):
            self.fleet.terminate(instance_id)

    @_step(number=NUMBERS)
    def stop(self, number: int) -> None:
        stoppable = [each for each in self._ungrouped("running") if not self._is_spot(each)]
        for instance_id in self._one(number, stoppable, "stopped"):
            self.fleet.stop(instance_id)

    @_step(number=NUMBERS)
    def start(self, number: int) -> None:
        for instance_id in self._one(number, self._ungrouped("stopped"), "started"):
            self.fleet.start(instance_id)

    @_step(number=NUMBERS, tags=TAGS)
    def retag(self, number: int, tags: list[str]) -> None:
        for instance_id in self._one(number, self._ids("running"), "retagged"):
            self.fleet.retag(instance_id, tags)

    @_step(number=NUMBERS)
    def associate_address(self, number: int) -> None:
        for instance_id in self._one(number, self._ungrouped("running"), "address associated"):
            self.fleet.associate_address(instance_id)

    @_step(number=NUMBERS)
    def disassociate_address(self, number: int) -> None:
        for instance_id in self._one(number, self._ungrouped("running"), "address disassociated"):
            self.fleet.disassociate_address(instance_id)

    @_step(number=NUMBERS)
    def warn_of_spot(self, number: int) -> None:
        spot = [each for each in self._ids("running") if self._is_spot(each)]
        if spot:
            COVERED["Spot warning"] += 1
            self.fleet.spot.warn(spot[number % len(spot)])

    @_step(number=NUMBERS)
    def break_server(self, number: int) -> None:
        for instance_id in self._one(number, self._ids("running"), "server broken"):
            self.lab.serving.break_(instance_id)

    @_step()
    def repair_servers(self) -> None:
        COVERED["servers repaired"] += 1
        for instance_id in self.fleet.ids():
            self.lab.serving.repair(instance_id)

    # -- groups

    @_step(desired=st.integers(0, 3))
    def resize(self, desired: int) -> None:
        COVERED["group resized"] += 1
        self.lab.client("autoscaling").set_desired_capacity(AutoScalingGroupName="fleet", DesiredCapacity=desired)

    @_step()
    def launch_in_group(self) -> None:
        COVERED["launched in a group"] += 1
        self.fleet.launch(group="posed")

    @_step(number=NUMBERS, state=st.sampled_from(["Standby", "InService", "EnteringStandby"]))
    def pose(self, number: int, state: str) -> None:
        running = [each for each in self._ids("running") if self.fleet.group_of(each) == "posed"]
        if running:
            COVERED[f"lifecycle state {state}"] += 1
            self.fleet.set_lifecycle_state(running[number % len(running)], state)
            self.world.disturb()  # no event reports it here

    # -- pools

    @_step(ttl=st.sampled_from([30, 60, 120]))
    def change_ttl(self, ttl: int) -> None:
        COVERED["TTL changed"] += 1
        self.world.put_pool(WEB, ttl=ttl)

    @_step(path=st.sampled_from(["/", "/health"]))
    def change_check(self, path: str) -> None:
        COVERED["health check changed"] += 1
        self.world.put_pool(WEB, health_check={"url": f"http://:80{path}"})

    @_step(name=st.sampled_from(["api.example.com", "new.example.com"]))
    def rename(self, name: str) -> None:
        COVERED["pool renamed"] += 1
        self.world.put_pool(API, record_name=name)

    @_step(name=st.sampled_from(["app.example.com", "api.example.com", "new.example.com"]))
    def claim(self, name: str) -> None:
        COVERED["place claimed by another pool"] += 1
        self.world.put_pool(RIVAL, record_name=name)

    @_step()
    def stop_claiming(self) -> None:
        self.world.delete_pool(RIVAL)

    @_step()
    def break_pool(self) -> None:
        COVERED["pool broken"] += 1
        self.lab.put_pool_text(API, "no JSON")

    @_step(fallback=st.sampled_from([None, "52.94.0.100"]))
    def change_fallback(self, fallback: str | None) -> None:
        COVERED["fallback changed"] += 1
        self.world.put_pool(WEB, fallback=fallback)

    @_step()
    def delete_pool(self) -> None:
        COVERED["pool deleted"] += 1
        self.world.delete_pool(API)

    # -- what a person does in Route 53

    @_step(number=NUMBERS)
    def delete_record(self, number: int) -> None:
        ours = [each for each in self.world.all_records() if each.get("SetIdentifier", "").startswith(OWNER)]
        if ours:
            COVERED["record deleted by hand"] += 1
            self.world.change("DELETE", ours[number % len(ours)])

    @_step(number=NUMBERS)
    def edit_record(self, number: int) -> None:
        ours = [each for each in self.world.all_records() if each.get("SetIdentifier", "").startswith(OWNER)]
        if ours:
            COVERED["record edited by hand"] += 1
            self.world.change("UPSERT", {**ours[number % len(ours)], "ResourceRecords": [{"Value": "192.0.2.1"}]})
            self.world.disturb()

    @_step(number=NUMBERS)
    def edit_check(self, number: int) -> None:
        known = sorted(checks(self.lab))
        if known:
            COVERED["check edited by hand"] += 1
            check_id = known[number % len(known)]
            self.lab.route53.call("UpdateHealthCheck", {"HealthCheckId": check_id, "ResourcePath": "/edited"})

    @_step(number=NUMBERS)
    def put_foreign_record(self, number: int) -> None:
        COVERED["foreign record"] += 1
        self.world.put_foreign(
            {
                "Name": ("app.example.com", "api.example.com")[number % 2],
                "Type": "A",
                "SetIdentifier": f"somebody-{number}",
                "MultiValueAnswer": True,
                "TTL": 60,
                "ResourceRecords": [{"Value": f"192.0.2.{number + 10}"}],
            }
        )

    @_step()
    def drop_foreign_records(self) -> None:
        self.world.drop_foreign()

    # -- events and AWS

    @_step(count=st.integers(1, 4))
    def lose_events(self, count: int) -> None:
        COVERED["events lost"] += count
        self.world.lose_events(count)

    @_step(count=st.integers(1, 4))
    def delay_events(self, count: int) -> None:
        COVERED["events delayed"] += count
        self.world.delay_events(count)

    @_step(reverse=st.booleans())
    def deliver_delayed(self, *, reverse: bool) -> None:
        self.world.deliver_delayed(reverse=reverse)

    @_step(number=NUMBERS)
    def repeat_event(self, number: int) -> None:
        COVERED["event repeated"] += 1
        self.world.repeat_event(number)

    @_step(what=st.sampled_from(["instances", "tags", "states"]), seconds=st.sampled_from([0, 3, 20, 60]))
    def lag(self, what: str, seconds: float) -> None:
        COVERED[f"EC2 shows {what} late"] += 1
        setattr(self.fleet.late, what, seconds)

    @_step(fault=FAULTS, asked=REQUESTS, calls=st.integers(1, 6), after=st.integers(0, 9))
    def fail(self, fault: Fault, asked: str, calls: int, after: int) -> None:
        COVERED[f"fault {fault.value}"] += 1
        self.lab.faults.order(fault, asked, calls=calls, after=after)
        self.world.disturb()

    @_step(fault=KILLS, asked=REQUESTS, after=st.integers(0, 15))
    def kill(self, fault: Kill, asked: str, after: int) -> None:
        COVERED[f"function ended {fault.value} a request"] += 1
        self.lab.faults.order(fault, asked, calls=1, after=after)
        self.world.disturb()

    @_step(number=NUMBERS)
    def disrupt_zone(self, number: int) -> None:
        there = self._ids("pending", "running", "stopping", "stopped", "shutting-down", "terminated")[number % 2 :: 2]
        COVERED["zone disrupted"] += bool(there)
        self.world.disrupt_zone(there)

    @_step()
    def end_faults(self) -> None:
        self.world.end_faults()

    @_step()
    def cold_start(self) -> None:
        COVERED["cold start"] += 1
        self.lab.functions.cold_start()

    # -- in the middle of an invocation

    @_step(after=st.integers(0, 25), number=NUMBERS)
    def terminate_meanwhile(self, after: int, number: int) -> None:
        self.world.meanwhile(lambda: self.terminate(number), after)

    @_step(after=st.integers(0, 25), number=NUMBERS, tags=TAGS)
    def retag_meanwhile(self, after: int, number: int, tags: list[str]) -> None:
        self.world.meanwhile(lambda: self.retag(number, tags), after)

    @_step()
    def end_while_admitted(self) -> None:
        self.world.end_while_admitted()

    @_step(after=st.integers(0, 25), number=NUMBERS)
    def move_address_meanwhile(self, after: int, number: int) -> None:
        self.world.meanwhile(lambda: self.associate_address(number), after)

    @_step(after=st.integers(0, 25), ttl=st.sampled_from([20, 40]))
    def change_ttl_meanwhile(self, after: int, ttl: int) -> None:
        self.world.meanwhile(lambda: self.world.put_pool(WEB, ttl=ttl), after)

    @_step(after=st.integers(0, 25), name=st.sampled_from(["api.example.com", "new.example.com"]))
    def rename_meanwhile(self, after: int, name: str) -> None:
        self.world.meanwhile(lambda: self.world.put_pool(API, record_name=name), after)

    @_step(after=st.integers(0, 25), tags=TAGS)
    def launch_meanwhile(self, after: int, tags: list[str]) -> None:
        self.world.meanwhile(lambda: self.fleet.launch(tags), after)

    @_step(after=st.integers(0, 25), number=NUMBERS)
    def delete_record_meanwhile(self, after: int, number: int) -> None:
        self.world.meanwhile(lambda: self.delete_record(number), after)

    # -- fleet53

    @_step(repair=st.booleans())
    def audit(self, *, repair: bool) -> None:
        COVERED["audits"] += 1
        self.lab.invoke("AuditFunction", {"repair": True} if repair else {})

    @_step(body=st.sampled_from(["no JSON", json.dumps({"source": "fleet53", "detail-type": "Reconcile"})]))
    def send(self, body: str) -> None:
        self.lab.send(body)


STEPS: st.SearchStrategy[Step] = st.one_of(
    [st.tuples(st.just(name), arguments, SECONDS) for name, arguments in sorted(_STEPS.items())]
)


def play(steps: Sequence[Step], *, gentle: bool) -> None:
    """Let these things happen to a new stack, and check what has to hold meanwhile and at the end.

    A `gentle` run leaves out what only an audit repairs, so that a wrong address has to leave DNS at once.
    """
    with World(COVERED) as world:
        machine = Machine(world)
        for step in steps:
            if not (gentle and step[0] in DISTURBING):
                machine.take(step)
        world.calm()
        world.check_end()
    COVERED["gentle runs" if gentle else "runs"] += 1
