"""Any message that the queue can hold, alone and in a batch with a good one, through the real handler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.test_hostile_messages import HOSTILE
from tests.functional.test_messages import TO_WEB
from tests.functional.views import delete_record, in_dns, records

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "events").glob("*.json"))]

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
"""What SQS takes as a message: Unicode without most control characters (SendMessage, MessageBody)."""
NASTY: st.SearchStrategy[Any] = st.sampled_from(
    [
        *("*", "", "\ud800", "i-*", "i-0a1b2c3d4e5f60001", "eni-0a1b2c3d4e5f60001", "x" * 3000, "\u202e", "\x00"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-05T12:00:00Z"),
        *(0, -1, 10**30, 1e400, True, None, [], {}, [[]], [None], {"": None}),
    ]
)
LEAVES = NASTY | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container inside a JSON value with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from places(inner)


@st.composite
def changed_events(draw: st.DrawFn) -> str:
    """Return an event of the samples of which one to three values are missing or others."""
    changed = json.loads(draw(st.sampled_from(EVENTS)))
    for _ in range(draw(st.integers(1, 3))):
        at = list(places(changed))
        if at:
            container, key = draw(st.sampled_from(at))
            if isinstance(container, dict) and draw(st.booleans()):
                del container[key]
            else:
                container[key] = draw(JSON)
    return json.dumps(changed)


MESSAGES = (
    st.sampled_from(EVENTS) | changed_events() | JSON.map(json.dumps) | TEXT | st.sampled_from([*HOSTILE.values()])
)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Lab, str]]:
    """Return a lab with a member in DNS, and that member, for all examples."""
    with Lab(start=MONDAY_NOON) as lab:
        lab.put_pool("web", health_check=None, admit_when="running")
        web = lab.fleet.launch()
        lab.settle()
        yield lab, web


def batch(*bodies: str) -> dict[str, Any]:
    """Return the event of an invocation with these messages; the ids are their numbers."""
    attributes = {"ApproximateReceiveCount": "1"}
    return {
        "Records": [
            {"messageId": f"m{n}", "receiptHandle": "none", "body": body, "attributes": attributes}
            for n, body in enumerate(bodies)
        ]
    }


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(message=MESSAGES, first=st.booleans())
def test_a_good_message_is_handled_at_once_whichever_message_is_received_with_it(
    running: tuple[Lab, str], message: str, *, first: bool
) -> None:
    lab, web = running
    for record in records(lab).values():
        delete_record(lab, record)
    good = 1 if first else 0
    invocation = lab.invoke("ReconcilerFunction", batch(*((message, TO_WEB) if first else (TO_WEB, message))))

    assert invocation.error is None
    assert {"itemIdentifier": f"m{good}"} not in invocation.result["batchItemFailures"]
    assert in_dns(lab) == {web}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(message=MESSAGES)
def test_any_message_alone_is_handled_or_returned_and_never_fails_the_function(
    running: tuple[Lab, str], message: str
) -> None:
    lab, _ = running
    invocation = lab.invoke("ReconcilerFunction", batch(message))

    assert invocation.error is None
    assert invocation.result["batchItemFailures"] in ([], [{"itemIdentifier": "m0"}])
