from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from botocore.exceptions import EndpointConnectionError

from fleet53.aws.pacer import Pacer
from fleet53.aws.queue import Load
from fleet53.aws.retrier import Retrier
from fleet53.reconcile.watch import Watch
from tests.unit.account import Logbook
from tests.unit.build import NOW

if TYPE_CHECKING:
    from fleet53.reconcile.passes import Run


@dataclass
class Scene:
    """A run that received three messages, and a queue with this load; None is a queue that cannot be read."""

    loads: Load | None
    now: datetime = NOW
    asked: int = 0
    pacer: Pacer = field(default_factory=lambda: Pacer(lambda: 0.0, lambda: 0.0))
    watch: Watch = field(default_factory=Watch)

    def load(self) -> Load:
        self.asked += 1
        if self.loads is None:
            raise EndpointConnectionError(endpoint_url="https://sqs")
        return self.loads

    def goes_on(self, *, after: float = 0) -> bool:
        self.now += timedelta(seconds=after)
        retrier = Retrier(lambda: 300.0, lambda _: None, lambda: 0.5)
        aws = SimpleNamespace(queue=self, pacer=self.pacer, retrier=retrier)
        received = dict.fromkeys(("m1", "m2", "m3"), 1)
        run = SimpleNamespace(aws=aws, now=lambda: self.now, received=received, log=Logbook())
        return self.watch.goes_on(cast("Run", run))


def test_a_run_goes_on_while_no_signals_wait() -> None:
    scene = Scene(Load(waiting=0, in_flight=3))
    assert [scene.goes_on(after=1) for _ in range(3)] == [True, True, True]


def test_a_run_goes_on_for_a_second_and_then_stops_where_signals_wait() -> None:
    scene = Scene(Load(waiting=1, in_flight=3))
    assert [scene.goes_on(), scene.goes_on(after=0.9), scene.goes_on(after=0.1)] == [True, True, False]


def test_the_queue_is_asked_once_a_second() -> None:
    scene = Scene(Load(waiting=0, in_flight=3))
    for _ in range(20):
        scene.goes_on(after=0.2)
    assert scene.asked == 4


def test_messages_that_the_run_did_not_receive_are_those_of_another_function() -> None:
    scene = Scene(Load(waiting=0, in_flight=4))
    scene.goes_on()
    assert scene.pacer.functions == 2
    scene.loads = Load(waiting=0, in_flight=3)
    scene.goes_on(after=1)
    assert scene.pacer.functions == 1


def test_a_run_that_cannot_ask_the_queue_goes_on() -> None:
    scene = Scene(None)
    assert [scene.goes_on(), scene.goes_on(after=1)] == [True, True]
