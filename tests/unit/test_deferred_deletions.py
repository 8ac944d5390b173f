"""Deletions of health checks that are left to a later pass: the message that brings that pass."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fleet53.aws.queue import Load, Looks
from fleet53.convergence.apply import Applied
from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.domain.scope import Scope
from fleet53.planning.changes import DeleteCheck, Plan
from fleet53.planning.looks import next_deletions
from fleet53.reconcile.outcome import Outcome
from fleet53.reconcile.passes import Run, _delete_checks
from fleet53.signals.model import PoolSignal
from fleet53.signals.read import read_signal
from tests.unit.build import NOW, OWNER


def message(scope: Scope) -> PoolSignal:
    """Return the message that a pass leaves when it has 26 deletions and signals wait, as it is read."""
    (left,) = messages([26], scope, at=[NOW])
    assert timedelta(0) < left.pop("delay") <= timedelta(seconds=60)
    signal = read_signal(json.dumps(left), "fleet53:pool")
    assert isinstance(signal, PoolSignal)
    return signal


def messages(counts: list[int], scope: Scope, *, at: list[datetime]) -> list[dict[str, Any]]:
    """Return the messages that passes at these times leave when each has so many deletions and signals wait."""
    sent: list[dict[str, Any]] = []
    load, looks = Load(waiting=1, in_flight=100), Looks()
    send = lambda body, *, delay: sent.append(body | {"delay": delay})  # noqa: E731 - it is the queue's
    queue = SimpleNamespace(load=lambda: load, send=send, looks=looks)
    log = SimpleNamespace(info=lambda *_, **__: None)
    settings = SimpleNamespace(owner=OWNER)
    for count, now in zip(counts, at, strict=True):
        clock = partial(lambda moment: moment, now)
        run = cast("Run", SimpleNamespace(aws=SimpleNamespace(queue=queue), log=log, now=clock, settings=settings))
        _delete_checks(Plan(delete_checks=deletions(count)), scope, run, Outcome(), Applied())
    return sent


def deletions(count: int) -> tuple[DeleteCheck, ...]:
    return tuple(
        DeleteCheck(
            None, InstanceId("i-0123456789abcdef0"), CheckId(f"c-{number}"), None, FindingKind.ORPHAN_CHECK, "-"
        )
        for number in range(count)
    )


@pytest.mark.parametrize(
    ("scope", "pools", "sweep"),
    [
        (Scope(frozenset({PoolName("web")})), {"web"}, False),
        (Scope(), None, True),
        (Scope(frozenset(), sweep=True), None, True),  # only records of no pool were refused
    ],
)
def test_the_message_is_about_the_same_pools_and_can_be_read(scope: Scope, pools: set[str] | None, sweep: bool) -> None:
    signal = message(scope)
    assert (signal.pools, signal.sweep) == (pools, sweep)
    assert signal.since.keys() == {"i-0123456789abcdef0"}


def test_what_several_passes_leave_is_due_in_the_same_second() -> None:
    start = NOW.replace(second=0)
    times = [start + timedelta(seconds=seconds) for seconds in range(120)]
    sent = [messages([26], Scope(frozenset({PoolName("web")})), at=[now]) for now in times]
    due = {now + message["delay"] for now, (message,) in zip(times, sent, strict=True)}
    assert len(due) <= 3


def test_a_function_queues_the_deletion_of_a_check_once() -> None:
    scope = Scope(frozenset({PoolName("web")}))
    first = next_deletions(OWNER, now=NOW)
    soon = [first + timedelta(seconds=seconds) for seconds in (1, 2, 50)]
    assert len(messages([26, 26, 26], scope, at=soon)) == 1
    assert len(messages([26, 27], scope, at=soon[:2])) == 2
    assert len(messages([26, 26], scope, at=[soon[0], soon[0] + timedelta(seconds=61)])) == 2
