"""What fleet53 sends itself it can read: every message is read back as the signal that was written."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from hypothesis import strategies as st

from fleet53.aws.retrier import Retrier
from fleet53.domain.finding import FindingKind
from fleet53.domain.ids import CheckId, InstanceId, PoolName
from fleet53.domain.lifecycle import Action, Transition
from fleet53.planning.changes import DeleteRecord, PoolStatus, PutRecord, Waiting
from fleet53.planning.situation import OrphanRecord
from fleet53.reconcile.hooks import complete_hooks
from fleet53.reconcile.outcome import Outcome
from fleet53.reconcile.passes import Run
from fleet53.reconcile.requeue import requeue_waiting
from fleet53.signals.messages import reconcile_message
from fleet53.signals.model import InstanceSignal, PoolSignal
from fleet53.signals.read import read_signal
from tests.unit.account import Logbook
from tests.unit.build import NAME, NOW, OWNER, ZONE, instance, pool, record, settings
from tests.unit.scaling import Box, Scaling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.aws.clients import Aws
    from fleet53.aws.queue import Queue

IDS = st.sampled_from([InstanceId(f"i-0123456789abcde{n:02}") for n in range(6)])
NAMES = st.sampled_from([PoolName(each) for each in ("web", "api", "theirs")])
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
AROUND = st.integers(-4000, 100).map(lambda seconds: NOW + timedelta(seconds=seconds))
TEXTS = st.text(min_size=1)
TRANSITIONS = st.sampled_from(Transition)

# The forms of fleet53.signals.fields. Hypothesis draws a text at once, and from a regular expression each character.
GROUPS = st.text(
    st.characters(codec="utf-8", min_codepoint=32, include_characters="\t\n\r", exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=255,
)
HOOKS = st.text(f"{string.ascii_letters}{string.digits}_/-", min_size=1, max_size=255)
ACTION_TOKENS = st.text(st.characters(min_codepoint=ord("!"), max_codepoint=ord("~")), min_size=36, max_size=36)


def actions(times: st.SearchStrategy[datetime], *, hook: st.SearchStrategy[str]) -> st.SearchStrategy[Action]:
    return st.builds(
        Action,
        group=GROUPS,
        hook=hook,
        instance_id=IDS,
        transition=TRANSITIONS,
        at=times,
        heartbeat_at=times,
        token=st.none() | ACTION_TOKENS,
        warm=st.booleans(),
        ttl=st.none() | st.integers(0, 2_147_483_647),
        gone_at=st.none() | times,
    )


TOLD = st.lists(actions(AROUND, hook=st.just("fleet53-hook")), max_size=3)


def read(detail: Mapping[str, Any]) -> PoolSignal:
    """Return a message as the next run reads it."""
    body = json.dumps({"source": "fleet53", "detail-type": "Reconcile", "detail": detail})
    signal = read_signal(body, "fleet53:pool")
    assert isinstance(signal, PoolSignal)
    return signal


@given(
    pools=st.none() | st.frozensets(NAMES, min_size=1),
    because=TEXTS,
    sweep=st.booleans(),
    repair=st.booleans(),
    force=st.booleans(),
    adopt=st.booleans(),
    ordered=st.none() | TIMES,
    attempt=st.integers(0, 1000),
    since=st.dictionaries(IDS, TIMES),
    waits=st.lists(actions(TIMES, hook=HOOKS), max_size=3),
    unnamed=st.frozensets(st.text(st.characters(codec="utf-8")).map(CheckId), max_size=3),
)
def test_every_message_is_read_back_as_the_signal_that_was_written(
    pools: frozenset[PoolName] | None,
    because: str,
    *,
    sweep: bool,
    repair: bool,
    force: bool,
    adopt: bool,
    ordered: datetime | None,
    attempt: int,
    since: dict[InstanceId, datetime],
    waits: list[Action],
    unnamed: frozenset[CheckId],
) -> None:
    message = reconcile_message(
        pools,
        because,
        sweep=sweep,
        repair=repair,
        force=force,
        adopt=adopt,
        ordered=ordered,
        attempt=attempt,
        since=since,
        actions=waits,
        unnamed=unnamed,
    )
    assert read(message["detail"]) == PoolSignal(
        pools,
        because,
        sweep=sweep or pools is None,
        repair=repair,
        force=force,
        adopt=adopt,
        ordered=ordered if force or adopt else None,
        attempt=attempt,
        since=since,
        actions=tuple(waits),
        unnamed=unnamed,
    )


PLACES = st.frozensets(IDS, max_size=4)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    """Return what a run may have found: passed pools, some of them undeclared by now, and instances of any tag."""
    passed = draw(st.frozensets(NAMES))
    tags = draw(st.dictionaries(IDS, st.frozensets(NAMES, max_size=2)))
    outcome = Outcome(
        declared=draw(st.frozensets(NAMES)),
        pools={each: pool(each) for each in passed},
        instances={each: instance(each, pools=named) for each, named in tags.items()},
        actions=draw(TOLD),
        statuses={each: PoolStatus(each, NAME, frozenset(), draw(PLACES), frozenset(), frozenset()) for each in passed},
        ready={each: draw(PLACES) for each in passed},
        unhealthy={each: draw(PLACES) for each in passed},
    )
    outcome.made = [
        DeleteRecord(name, ZONE, each, record(each), FindingKind.ORPHAN_RECORD, "a test")
        if draw(st.booleans())
        else PutRecord(name, ZONE, each, record(each), FindingKind.MISSING_RECORD, "a test", admits=True)
        for name in passed
        for each in draw(PLACES)
    ]
    outcome.former = {each: {OrphanRecord(ZONE, record(each))} for each in draw(PLACES)}
    outcome.waiting = {each: [Waiting(each, one, "it waits", NOW) for one in draw(PLACES)] for each in passed}
    return outcome


SIGNALS = st.lists(
    st.builds(InstanceSignal, st.frozensets(IDS, min_size=1), TEXTS, AROUND, TOLD.map(tuple))
    | st.builds(
        PoolSignal,
        st.none() | st.frozensets(NAMES, min_size=1),
        TEXTS,
        attempt=st.integers(0, 9),
        since=st.dictionaries(IDS, AROUND),
        actions=TOLD.map(tuple),
    ),
    max_size=4,
).map(lambda batch: {f"m{n}": each for n, each in enumerate(batch)})
"""The signals of a batch, events and messages of fleet53's own, as they are read."""


@given(outcome=outcomes(), told=SIGNALS, again=st.frozensets(st.sampled_from(["m0", "m1"])))
def test_every_run_writes_only_messages_that_can_be_read(
    outcome: Outcome, told: dict[str, InstanceSignal | PoolSignal], again: frozenset[str]
) -> None:
    outcome.again = dict.fromkeys(again & told.keys(), timedelta(seconds=5))
    timeouts = dict.fromkeys((("fleet53-hook", each) for each in Transition), timedelta(minutes=10))
    scene = _Scene(autoscaling=Scaling(timeouts=timeouts))

    complete_hooks(told, Run(settings(), cast("Aws", scene), Logbook(), lambda: NOW), outcome)
    held = [action for detail, _ in scene.queue.sent for action in read(detail).actions]
    requeue_waiting(
        list(told.values()),
        waiting=outcome.waiting,
        fresh=(),
        owner=OWNER,
        admit_timeout=settings().admit_timeout,
        now=NOW,
        queue=cast("Queue", scene.queue),
    )

    for detail, delay in scene.queue.sent:
        signal = read(detail)
        assert signal.pools is None or signal.pools
        assert 0 < delay <= 900
    known = [each for signal in told.values() for each in signal.actions] + outcome.actions
    assert {_place(each) for each in held} <= {_place(each) for each in known}
    assert all(timedelta() < delay for delay in outcome.again.values())


def _place(action: Action) -> Action:
    """Return an action without what a run changes of it."""
    return replace(action, heartbeat_at=NOW, ttl=None, gone_at=None)


class _Scene:
    """What completing hooks talks to."""

    def __init__(self, autoscaling: Scaling) -> None:
        self.autoscaling = autoscaling
        self.queue = Box()
        self.retrier = Retrier(lambda: 300.0, lambda _: None, lambda: 0.5)
