"""The whole system on one machine: the real template and the real handlers, in an AWS of their own."""

from __future__ import annotations

import contextlib
import random
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from lab.account import empty_account
from lab.clock import Clock
from lab.faults import Faults
from lab.moto import cloud, cloudwatch, gaps, roles
from lab.moto.bus import Bus
from lab.route53.api import Route53
from lab.route53.checkers import Checkers
from lab.route53.health import HealthMetrics
from lab.route53.resolver import Resolver
from lab.scaling.api import ScalingApi
from lab.scaling.fleet import Fleet
from lab.scaling.status_checks import StatusChecks
from lab.stack.alarms import Alarms
from lab.stack.answer_urls import AnswerUrls
from lab.stack.deploy import STACK
from lab.stack.life import Stack
from lab.stack.pools import FURTHER, Pools
from lab.stack.several import Stacks
from lab.stack.streams import Streams
from lab.traffic.reported import Reported
from lab.traffic.servers import Servers, wanted
from lab.traffic.serving import Serving
from lab.traffic.visitors import Visitors, asking_route53, over_http

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime
    from types import TracebackType

    from lab.route53.limits import Limits
    from lab.stack.custom_resource import CustomResource
    from lab.stack.deploy import Deployment
    from lab.stack.functions import Functions, Invocation
    from lab.stack.sources import Poller, Timer
    from lab.traffic.visitors import Ask, Crowd

TEMPLATE: Final = Path(__file__).resolve().parent.parent / "template.yaml"
ZONE: Final = "example.com"
RECORD: Final = "app.example.com"


class Lab:
    """One stack in an AWS of its own, for as long as it is entered.

    Nothing happens by itself: `settle`, `run` and `audit` move it, always in the same order, so that a test sees the
    same in every run. With `servers` the instances are servers on loopback and the checkers connect to them; without,
    `report_health` sets the results of the checkers. With `http` its AWS is served on loopback, and other programs that
    take `environment` reach it; without, only this process's boto3 does. Route 53 throttles only with `limits`, which
    are those of lab/route53/limits.py. `running` is how many instances run before the stack is created. The same `seed`
    makes the same ids: of two labs that run at once, each needs its own. `prepare` makes what the stack needs before it
    is created, and returns parameters.

    When the lab is entered, the stack is complete and its first pass is made: only what happens later is recorded.
    """

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        servers: bool = False,
        http: bool = False,
        template: Path = TEMPLATE,
        start: datetime | None = None,
        stack_name: str = STACK,
        limits: Callable[[], Limits] | None = None,
        running: int = 0,
        seed: int = cloud.SEED,
        prepare: Callable[[Lab], Mapping[str, str]] | None = None,
    ) -> None:
        self._parameters = dict(parameters or {})
        self._prepare = prepare
        self._with_servers = servers
        self._http = http
        self._template = template
        self._stack_name = stack_name
        self._limits = limits
        self._already_running = running
        self._stack = contextlib.ExitStack()
        self._seed = seed
        self._random = random.Random(seed)
        self.crowds: list[Crowd] = []
        self.clock = Clock(start)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.clock)
            self.route53 = Route53(
                now=self.clock.now,
                new_id=self._new_id,
                limits=self._limits,
                find_alarm=cloudwatch.described_alarm,
            )
            self.faults = Faults(self.clock.advance)
            account = empty_account(self.route53, self.faults, http=self._http, seed=self._seed)
            self.environment = stack.enter_context(account)
            self.bus = Bus(self.clock.now, self._new_id, self._start)
            self.fleet = Fleet(self.bus)
            self.scaling = self.fleet.scaling
            api, late = ScalingApi(self.scaling), self.fleet.late
            asked = (self._invoke, self._start_later, api, self.bus.put, late)
            stack.enter_context(gaps.filled(*asked, own=lambda: self.stack))
            self.resolver = stack.enter_context(Resolver(self.route53).entered())
            self.zone_id = self.create_zone(ZONE)
            self.running = tuple(self.fleet.launch(events=False) for _ in range(self._already_running))
            self.servers = stack.enter_context(Servers())
            self.checkers = stack.enter_context(Checkers(self.route53, self.servers.place, self.clock))
            self.serving = Serving(self.fleet, self.clock.now)
            self.health = HealthMetrics(self.route53, self.clock.now)
            self.status_checks = StatusChecks(self.clock.now)
            self.streams = Streams(self.clock.now)
            self.reported = Reported(self.route53, self.health, self.fleet.addresses, self.serving)
            self.answer_urls = stack.enter_context(AnswerUrls(http=self._http))
            usual = {"HostedZoneId": self.zone_id, "RecordName": RECORD, "AllowedRecordNames": ",".join(FURTHER)}
            prepared = {} if self._prepare is None else self._prepare(self)
            self._create_stack(usual | dict(prepared) | self._parameters)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _create_stack(self, parameters: Mapping[str, str]) -> None:
        create = partial(Stack, self._template, faults=self.faults, urls=self.answer_urls, clock=self.clock)
        self._stacks = Stacks(partial(create, go_on=self._go_on))
        self._stacks.add(self._stack_name, parameters)
        self.pools = Pools(f"/fleet53/{self._stack_name}/pools", self.bus)
        self.alarms = Alarms(self._stack_name, self.clock.now)
        self.stack.complete()
        self._make_first_pass()

    def _go_on(self, seconds: float) -> None:
        self.pools.emit_changes()
        self.run(seconds)

    def _make_first_pass(self) -> None:
        """Let the functions handle what the creation queued and started, and forget how."""
        self.settle()
        self.invocations.clear()
        self.functions.cold_start()
        self.route53.forget_calls()
        self.resolver.asked.clear()

    # -- what an operator has

    @property
    def stack(self) -> Stack:
        """The lab's own stack."""
        return self._stacks.own

    @property
    def deployment(self) -> Deployment:
        """The stack as it is deployed."""
        return self.stack.deployment

    @property
    def functions(self) -> Functions:
        """The functions of the stack."""
        return self.stack.functions

    @property
    def custom_resources(self) -> dict[str, CustomResource]:
        """The custom resources of the stack, by logical id."""
        return self.stack.custom_resources

    @property
    def pollers(self) -> tuple[Poller, ...]:
        """The event source mappings of the stack."""
        return self.stack.pollers

    @pollers.setter
    def pollers(self, pollers: tuple[Poller, ...]) -> None:
        self.stack.pollers = pollers

    @property
    def timers(self) -> tuple[Timer, ...]:
        """The schedules of the stack."""
        return self.stack.timers

    @timers.setter
    def timers(self, timers: tuple[Timer, ...]) -> None:
        self.stack.timers = timers

    @property
    def invocations(self) -> list[Invocation]:
        """Every call of every function, in order."""
        return self.functions.invocations

    def client(self, service: str, region: str = cloud.REGION, *, account: str = cloud.ACCOUNT) -> Any:
        """Return a boto3 client of this AWS, of a person who may do everything in the account."""
        return cloud.client(service, region, access_key=None if account == cloud.ACCOUNT else roles.key_of(account))

    def create_zone(self, name: str) -> str:
        """Create a public hosted zone and return its id."""
        zone = self.route53.call("CreateHostedZone", {"Name": name, "CallerReference": self._new_id()})
        self.route53.reset_calls()
        return str(zone["HostedZone"]["Id"]).rsplit("/", 1)[1]

    def put_pool(self, name: str, **changes: Any) -> None:
        """Change settings of a pool; a new one starts from the first pool's, under a name of its own."""
        if name in self.pools.names():
            settings = self.pools.settings(name)
        else:
            settings = {**self.pools.settings(self.pools.names()[0]), "record_name": f"{name}.{ZONE}"}
        self.pools.put(name, settings | changes)

    def put_pool_text(self, name: str, text: str) -> None:
        """Put any text, valid or not, where a pool's settings are."""
        self.pools.put_text(name, text)

    def delete_pool(self, name: str) -> None:
        """Delete a pool."""
        self.pools.delete(name)

    def update_stack(self, parameters: Mapping[str, str], *, pause: float = 0, template: Path | None = None) -> str:
        """Change the stack's parameters or template and return its status. `pause` seconds pass after each resource."""
        return self.stack.update(parameters, pause=pause, template=template)

    def delete_stack(self, *, retain: Collection[str] = ()) -> str:
        """Delete the stack as CloudFormation does, and return its status."""
        return self.stack.delete(retain=retain)

    def add_stack(self, name: str, parameters: Mapping[str, str]) -> Stack:
        """Create a further stack, whose members need another PoolTagKey, and let it make its first pass."""
        stack = self._stacks.add(name, {"HostedZoneId": self.zone_id, "RecordName": RECORD, **parameters})
        stack.complete()
        self.settle()
        return stack

    def create_stack(self) -> None:
        """Create the stack, of the same name and with the same parameters, after it was deleted."""
        self._create_stack(self.stack.parameters)

    def audit(self, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Invoke the audit by hand and return its report; what it raised is raised here."""
        invocation = self.functions.invoke("AuditFunction", dict(payload or {}))
        if invocation.error is not None:
            raise invocation.error
        return dict(invocation.result)

    def invoke(self, function: str, event: Any) -> Invocation:
        """Invoke a function, known by its logical id, with any event."""
        return self.functions.invoke(function, event)

    def send(self, body: str) -> None:
        """Put a message of any text into the signals queue."""
        self.client("sqs").send_message(QueueUrl=self.deployment.queue_url("Signals"), MessageBody=body)

    def answers(self, name: str = RECORD, record_type: str = "A") -> set[str]:
        """Return the addresses in DNS's answer for a name."""
        return set(self.route53.answer(name, record_type, self._random).values)

    def visitors(self, count: int, name: str = RECORD, *, ask: Ask | None = None, seed: int = cloud.SEED) -> Visitors:
        """Let clients connect to a name in every turn of the world from now on, and return them.

        They ask Route 53 for the name's A records, or what `ask` says.
        """
        source = random.Random(seed)
        clients = Visitors(
            count=count,
            ask=ask or asking_route53(self.route53, name, "A", source),
            connect=over_http(self.servers.place) if self._with_servers else self.serving.refusal,
            whose=self.fleet.whose,
            now=self.clock.now,
            source=source,
        )
        self.crowds.append(clients)
        return clients

    # -- how time passes

    def settle(self) -> int:
        """Run what was started, and what is in the queues until nothing can be received now. Return the batches."""
        return self._stacks.settle()

    def turn(self) -> None:
        """Do what the world does by itself and is due now.

        Groups scale, servers boot, checkers probe, health shows, alarms are evaluated.
        """
        self.fleet.interrupt_due()
        self.scaling.advance()
        if self._with_servers:
            self.servers.follow(self.fleet, wanted(self.pools.health_check_urls()), self.clock.now())
            self.checkers.probe_due()
        else:
            self.serving.follow()
        self.status_checks.turn()
        self.health.publish_due()
        self.alarms.turn()
        self.route53.see_metrics(self.streams.turn(self.route53.copied_alarms()))
        for crowd in self.crowds:
            crowd.turn()

    def work(self) -> None:
        """Do what fleet53 has to do now: run its schedules, and handle what is in its queue."""
        self.stack.carry_out_what_is_asked()
        self._stacks.fire_due()
        self.settle()

    def run(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass in steps, and do at each what is due."""
        end = self.clock.now().timestamp() + seconds
        while (left := end - self.clock.now().timestamp()) > 0:
            self.clock.advance(min(step, left))
            self.turn()
            self.work()

    # -- what the checkers see when there are no servers

    def checks_of(self, address: str) -> tuple[str, ...]:
        """Return the ids of the health checks of an address."""
        return self.reported.checks_of(address)

    def report_health(self, target: str, percent: float = 100) -> None:
        """Let that share of the regions see a health check as healthy, or all of an instance or an address.

        The metrics are published at once, so that the next pass can read them.
        """
        self.reported.share(target, percent)

    def report_serving(self) -> None:
        """Let every region see of every health check whether the instance at its address serves now."""
        self.reported.what_serves()

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _start(self, name: str, event: Any) -> Any:
        return self._stacks.having(name).invoke(name, event)

    def _start_later(self, name: str, event: Any) -> None:
        self._stacks.having(name).start(name, event)

    def _invoke(self, name: str, event: Any) -> tuple[Any, bool]:
        return self._stacks.having(name).answer(name, event)
