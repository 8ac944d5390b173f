"""Putting events: how many at once, what is tried again, and what is given up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from fleet53.aws.event_bus import Event, EventBus
from fleet53.aws.retrier import Retrier

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
REFUSED = {"ErrorCode": "ThrottlingException", "ErrorMessage": "too many"}


@dataclass
class Events:
    """An EventBridge client that answers calls in turn; each answer names the entries that are refused, or raises."""

    answers: list[set[int] | Exception] = field(default_factory=list)
    calls: list[list[dict[str, Any]]] = field(default_factory=list)

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.calls.append(Entries)
        answer = self.answers.pop(0) if self.answers else set()
        if isinstance(answer, Exception):
            raise answer
        return {"Entries": [REFUSED if place in answer else {"EventId": "e"} for place in range(len(Entries))]}


def event(number: int, because: str = "-") -> Event:
    detail = json.dumps({"pool": str(number), "because": because}, ensure_ascii=False)
    return Event("fleet53", "Withdrawal Held", detail, NOW)


def put(events: Events, count: int, remaining: float = 60, because: str = "-") -> list[str]:
    retrier = Retrier(lambda: remaining, lambda _seconds: None, lambda: 0.5)
    bus = EventBus(lambda: cast("EventBridgeClient", events), retrier)
    return bus.put(event(number, because) for number in range(count))


def test_an_event_is_put_on_the_default_bus_with_its_source_and_its_time() -> None:
    events = Events()
    assert put(events, 1) == []
    assert events.calls == [
        [
            {
                "Source": "fleet53",
                "DetailType": "Withdrawal Held",
                "Detail": '{"pool": "0", "because": "-"}',
                "Time": NOW,
            }
        ]
    ]


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_ten_events_are_put_at_once(count: int, sizes: list[int]) -> None:
    events = Events()
    assert put(events, count) == []
    assert [len(call) for call in events.calls] == sizes


def test_events_that_are_large_together_are_put_apart() -> None:
    events = Events()
    assert put(events, 3, because="é" * 50_000) == []
    assert [len(call) for call in events.calls] == [2, 1]


def test_only_what_was_refused_is_put_again() -> None:
    events = Events([{0, 2}, {1}])
    assert put(events, 3) == []
    pools = [[json.loads(entry["Detail"])["pool"] for entry in call] for call in events.calls]
    assert pools == [["0", "1", "2"], ["0", "2"], ["2"]]


def test_what_is_refused_three_times_is_given_up_with_the_reason() -> None:
    events = Events([{0}, {0}, {0}])
    assert put(events, 2) == ["Withdrawal Held: ThrottlingException: too many"]
    assert len(events.calls) == 3


def test_a_refused_call_gives_up_a_batch_and_not_the_next() -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutEvents")
    events = Events([error])
    assert put(events, 12) == [f"Withdrawal Held: {error}"] * 10
    assert [len(call) for call in events.calls] == [10, 2]


def test_after_a_bus_that_does_not_answer_the_rest_is_dropped_with_one_reason() -> None:
    error = ConnectTimeoutError(endpoint_url="https://events")
    events = Events([set(), error])
    assert put(events, 35) == [f"25 events dropped: {error}"]
    assert [len(call) for call in events.calls] == [10, 10]


def test_with_no_time_left_nothing_is_put() -> None:
    events = Events()
    assert put(events, 2, remaining=3.9) == ["2 events dropped: no time left"]
    assert events.calls == []
