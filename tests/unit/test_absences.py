"""What a warm function and the messages of the reconciler know of members that the guard holds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet53.aws.absences import Absences
from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.planning.looks import next_look_at_absent
from fleet53.reconcile.absent import absent_since, known_as_held, queue_look
from fleet53.signals.messages import reconcile_message
from fleet53.signals.model import PoolSignal
from fleet53.signals.read import read_signal
from tests.unit.build import NOW, OWNER
from tests.unit.scaling import Box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.aws.queue import Queue

WEB = PoolName("web")
A, B = InstanceId("i-0a"), InstanceId("i-0b")
EARLIER = NOW - timedelta(minutes=2)


def signal(**more: Any) -> PoolSignal:
    return PoolSignal(more.pop("pools", frozenset({WEB})), "a test", attempt=1, **more)


def test_a_message_about_absent_members_reads_as_it_was_written() -> None:
    held, absent = InstanceId("i-0123456789abcdef0"), InstanceId("i-0123456789abcdef1")
    message = reconcile_message(frozenset({WEB}), "a test", attempt=1, held=[held], absent={absent: NOW})
    assert message["detail"]["held"] == ["i-0123456789abcdef0"]
    read = read_signal(json.dumps(message), "fleet53:pool")
    assert read == signal(held=frozenset({held}), absent={absent: NOW})


@pytest.mark.parametrize("wrong", [{"held": "i-0a"}, {"held": [1]}, {"absent": ["i-0a"]}])
def test_a_message_with_wrong_absences_is_not_understood(wrong: Mapping[str, Any]) -> None:
    message = reconcile_message(frozenset({WEB}), "a test")
    message["detail"] |= wrong
    with pytest.raises(NotUnderstoodError, match="held is a list of instance ids"):
        read_signal(json.dumps(message), "fleet53:pool")


def test_what_is_held_is_known_from_messages_and_from_a_warm_function() -> None:
    absences = Absences()
    absences.note({(WEB, A)}, [WEB], now=NOW)
    told = [signal(held=frozenset({B})), signal(pools=None, held=frozenset({B}))]
    assert known_as_held(told, absences, now=NOW) == {(WEB, A), (WEB, B), (None, B)}


def test_a_warm_function_forgets_members_that_are_no_longer_held_and_old_sightings() -> None:
    absences = Absences()
    absences.note({(WEB, A), (None, B)}, [WEB, None], now=NOW)
    absences.note({(WEB, B)}, [WEB], now=NOW)
    assert absences.held(now=NOW) == {(WEB, B), (None, B)}
    assert absences.held(now=NOW + timedelta(minutes=6)) == {(WEB, B), (None, B)}
    assert absences.held(now=NOW + timedelta(minutes=6, seconds=1)) == frozenset()


def test_of_several_messages_the_earliest_time_counts() -> None:
    told = [signal(absent={A: NOW}), signal(absent={A: EARLIER, B: NOW})]
    assert absent_since(told) == {(WEB, A): EARLIER, (WEB, B): NOW}


def test_looks_at_held_members_become_rarer_after_an_hour_and_are_due_together() -> None:
    often = next_look_at_absent(OWNER, 59, waits=False, now=NOW)
    rare = next_look_at_absent(OWNER, 60, waits=False, now=NOW)
    assert next_look_at_absent(OWNER, 60, waits=True, now=NOW) == often
    assert (rare - often).total_seconds() % 60 == 0
    assert next_look_at_absent(OWNER, 60, waits=False, now=rare) - rare == timedelta(minutes=3)
    assert next_look_at_absent(OWNER, 0, waits=False, now=often) - often == timedelta(minutes=1)


def test_a_warm_function_queues_one_look_and_another_for_a_new_member() -> None:
    box = Box()
    for held in ([A], [A], [A, B]):
        queue_look(WEB, held, {}, 0, owner=OWNER, now=NOW, queue=cast("Queue", box))
    assert [detail["held"] for detail, _ in box.sent] == [["i-0a"], ["i-0a", "i-0b"]]


def test_a_message_names_two_thousand_instances_at_most() -> None:
    box = Box()
    held = [InstanceId(f"i-{number:017x}") for number in range(4_001)]
    queue_look(None, held, {}, 0, owner=OWNER, now=NOW, queue=cast("Queue", box))
    assert [len(detail["held"]) for detail, _ in box.sent] == [2_000, 2_000, 1]
    assert all(len(json.dumps(detail)) < 256_000 for detail, _ in box.sent)
