"""Deletions of health checks that are left to a later pass: the message that brings that pass."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fleet53.aws.queue import Load
from fleet53.convergence.apply import Applied
from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.domain.scope import Scope
from fleet53.planning.changes import DeleteCheck, Plan
from fleet53.reconcile.outcome import Outcome
from fleet53.reconcile.passes import Run, _delete_checks
from fleet53.signals.model import PoolSignal
from fleet53.signals.read import read_signal
from tests.unit.build import NOW


def message(scope: Scope) -> PoolSignal:
    """Return the message that a pass leaves when it has 26 deletions and signals wait, as it is read."""
    sent: list[dict[str, Any]] = []
    load = Load(waiting=1, in_flight=100)
    queue = SimpleNamespace(load=lambda: load, send=lambda body, *, delay: sent.append(body | {"delay": delay}))
    log = SimpleNamespace(info=lambda *_, **__: None)
    run = cast("Run", SimpleNamespace(aws=SimpleNamespace(queue=queue), log=log, now=lambda: NOW))
    deletions = tuple(
        DeleteCheck(
            None, InstanceId("i-0123456789abcdef0"), CheckId(f"c-{number}"), None, FindingKind.ORPHAN_CHECK, "-"
        )
        for number in range(26)
    )
    _delete_checks(Plan(delete_checks=deletions), scope, run, Outcome(), Applied())
    (left,) = sent
    assert left.pop("delay") == timedelta(seconds=60)
    signal = read_signal(json.dumps(left), "fleet53:pool")
    assert isinstance(signal, PoolSignal)
    return signal


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
