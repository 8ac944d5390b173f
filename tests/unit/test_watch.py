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
    from fleet53.aws.clients import Aws


@dataclass
class Scene:
    """A run that received three messages, and a queue with this load; None is a queue that cannot be read.

    A signal `comes` at a later time.
    """

    loads: Load | None
    now: datetime = NOW
    asked: int = 0
    comes: datetime = NOW + timedelta(hours=1)
    watch: Watch = field(init=False)
    pacer: Pacer = field(init=False)

    def __post_init__(self) -> None:
        self.pacer = Pacer(lambda: self.now.timestamp(), lambda: 0.0)  # noqa: PLW0108 - `now` is another one later
        aws = SimpleNamespace(queue=self, pacer=self.pacer, retrier=Retrier(lambda: 300.0, self.sleep, lambda: 0.5))
        self.watch = Watch(cast("Aws", aws), Logbook(), lambda: self.now, received=3)

    def load(self) -> Load:
        self.asked += 1
        if self.loads is None:
            raise EndpointConnectionError(endpoint_url="https://sqs")
        return self.loads

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        if self.now >= self.comes:
            self.loads = Load(waiting=1, in_flight=3)

    def goes_on(self, *, after: float = 0) -> bool:
        self.now += timedelta(seconds=after)
        return self.watch.goes_on()

    def creates(self, left: int) -> bool:
        return self.watch.creates(left)


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


def empty_bucket(*, comes: float = 3600) -> Scene:
    """Return a run that knows that the bucket of creations is empty now. A signal comes after so many seconds."""
    scene = Scene(Load(waiting=0, in_flight=3), comes=NOW + timedelta(seconds=comes))
    for _ in range(3):
        scene.pacer.pause("CreateHealthCheck")
        scene.pacer.throttled("CreateHealthCheck")
    return scene


def test_a_run_creates_checks_without_a_pause_while_no_bucket_is_known_to_be_empty() -> None:
    scene = Scene(Load(waiting=0, in_flight=3))
    assert [scene.creates(500), scene.creates(499), scene.now] == [True, True, NOW]


def test_a_run_waits_for_its_last_creations() -> None:
    scene = empty_bucket()
    assert scene.creates(14)
    assert timedelta(seconds=2) <= scene.now - NOW <= timedelta(seconds=2.2)


def test_a_run_leaves_creations_for_which_it_would_have_to_wait_long() -> None:
    scene = empty_bucket()
    assert [scene.creates(16), scene.now] == [False, NOW]
    scene.now += timedelta(seconds=2.2)
    assert scene.creates(16)


def test_a_run_that_waits_to_create_a_check_leaves_it_within_a_second_of_a_signal() -> None:
    scene = empty_bucket(comes=0.5)
    assert not scene.creates(1)
    assert scene.now - NOW <= timedelta(seconds=1)
