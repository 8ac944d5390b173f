from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from fleet53.aws.retrier import Limits, Retrier
from fleet53.domain.errors import OutOfTimeError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINT = "https://route53.amazonaws.com"


@dataclass
class Clock:
    """A function's time: sleeping uses it up. `dice` is what every draw of chance gives."""

    left: float = 300.0
    dice: float = 0.5
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left -= seconds

    def retrier(self) -> Retrier:
        return Retrier(remaining=lambda: self.left, sleep=self.sleep, random=lambda: self.dice)


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "ListHealthChecks",
    )


def answers(*given: Exception | str) -> Callable[[], str]:
    """Return a call that raises or returns each of `given` in turn."""
    rest = iter(given)

    def call() -> str:
        answer = next(rest)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return call


def test_an_answer_is_returned_at_once() -> None:
    clock = Clock()
    retrier = clock.retrier()
    assert retrier.call(answers("yes")) == "yes"
    assert (retrier.calls.total(), retrier.throttled.total(), clock.slept) == (1, 0, [])


@pytest.mark.parametrize(
    ("error", "throttled"),
    [
        (refusal("Throttling"), 1),
        (refusal("ThrottlingException"), 1),
        (refusal("PriorRequestNotComplete"), 0),
        (refusal("InternalFailure", 500), 0),
        (refusal("ServiceUnavailable", 503), 0),
        (ReadTimeoutError(endpoint_url=ENDPOINT), 0),
        (ConnectTimeoutError(endpoint_url=ENDPOINT), 0),
        (EndpointConnectionError(endpoint_url=ENDPOINT), 0),
    ],
)
def test_what_only_asks_to_wait_is_tried_again(error: Exception, throttled: int) -> None:
    retrier = Clock().retrier()
    assert retrier.call(answers(error, "yes")) == "yes"
    assert (retrier.calls.total(), retrier.throttled.total()) == (2, throttled)


@pytest.mark.parametrize(
    "error", [refusal("InvalidChangeBatch"), refusal("AccessDenied", 403), refusal("NoSuchHealthCheck", 404)]
)
def test_any_other_refusal_is_the_callers(error: ClientError) -> None:
    clock = Clock()
    with pytest.raises(ClientError) as caught:
        clock.retrier().call(answers(error, "yes"))
    assert caught.value is error
    assert clock.slept == []


def test_an_error_before_the_wire_is_the_callers() -> None:
    with pytest.raises(NoCredentialsError):
        Clock().retrier().call(answers(NoCredentialsError(), "yes"))


@pytest.mark.parametrize(
    ("dice", "expected"),
    [
        (0.0, [0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0]),
        (0.5, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]),
        (1.0, [0.75, 1.5, 3.0, 6.0, 12.0, 12.0, 12.0]),
    ],
)
def test_pauses_double_up_to_eight_seconds_give_or_take_a_half(dice: float, expected: list[float]) -> None:
    clock = Clock(dice=dice)
    clock.retrier().call(answers(*[refusal("Throttling")] * 7, "yes"))
    assert clock.slept == expected


def test_eight_refusals_are_enough() -> None:
    retrier = Clock().retrier()
    with pytest.raises(TryLaterError, match=r"^tried 8 times: .*Throttling") as caught:
        retrier.call(answers(*[refusal("Throttling")] * 8, "yes"))
    assert not isinstance(caught.value, OutOfTimeError)
    assert (retrier.calls.total(), retrier.throttled.total()) == (8, 8)


def test_the_creation_of_a_health_check_is_tried_four_times() -> None:
    clock = Clock()
    with pytest.raises(TryLaterError, match=r"^tried 4 times: .*Throttling"):
        clock.retrier().call(answers(*[refusal("Throttling")] * 8), operation="CreateHealthCheck")
    assert sum(clock.slept) < 6


def test_nothing_is_begun_in_the_reserve() -> None:
    retrier = Clock(left=9.9).retrier()
    with pytest.raises(OutOfTimeError, match=r"^10 s left, and 10 s are kept for a clean end$"):
        retrier.call(answers("yes"))
    assert retrier.calls.total() == 0


def test_the_last_moment_before_the_reserve_still_counts() -> None:
    assert Clock(left=10.0).retrier().call(answers("yes")) == "yes"


def test_a_pause_that_would_end_in_the_reserve_is_not_begun() -> None:
    clock = Clock(left=10.4)
    with pytest.raises(OutOfTimeError, match=r"^no time left to try again: .*Throttling"):
        clock.retrier().call(answers(refusal("Throttling"), "yes"))
    assert clock.slept == []


def test_a_try_begins_only_if_it_can_end_before_the_reserve() -> None:
    clock = Clock(left=22.9)
    with pytest.raises(
        OutOfTimeError, match=r"^a request may take 13 s: 23 s left, and 10 s are kept for a clean end$"
    ):
        clock.retrier().call(answers("yes"), longest=13)
    assert Clock(left=23.0).retrier().call(answers("yes"), longest=13) == "yes"


def test_a_pause_is_begun_only_if_the_next_try_fits_behind_it() -> None:
    clock = Clock(left=23.4)
    with pytest.raises(OutOfTimeError, match=r"^no time left to try again"):
        clock.retrier().call(answers(refusal("Throttling"), "yes"), longest=13)
    assert clock.slept == []


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "RequestThrottled", "TooManyRequestsException"])
def test_every_service_has_its_own_word_for_throttling(code: str) -> None:
    assert Clock().retrier().call(answers(refusal(code, 403), "yes")) == "yes"


def test_requests_are_counted_by_service() -> None:
    retrier = Clock().retrier()
    retrier.call(answers(refusal("Throttling"), "yes"), service="route53")
    retrier.call(answers("yes"), service="ec2")
    assert (retrier.calls, retrier.throttled) == ({"route53": 2, "ec2": 1}, {"route53": 1})


def test_within_hurried_limits_a_service_that_timed_out_is_asked_nothing_more() -> None:
    retrier, timeout = Clock().retrier(), ReadTimeoutError(endpoint_url=ENDPOINT)
    with retrier.within(Limits(tries=2, hurried=True)):
        with pytest.raises(TryLaterError, match="Read timeout"):
            retrier.call(answers(timeout, "yes"), service="cloudwatch", region="us-east-1")
        with pytest.raises(TryLaterError, match=r"^cloudwatch in us-east-1 did not answer a request before$"):
            retrier.call(answers("yes"), service="cloudwatch", region="us-east-1")
        assert retrier.call(answers("yes"), service="cloudwatch", region="eu-west-1") == "yes"
        assert retrier.call(answers(refusal("Throttling"), "yes"), service="ec2") == "yes"
    assert retrier.call(answers("yes"), service="cloudwatch", region="us-east-1") == "yes"


def test_within_hurried_limits_a_service_that_was_asked_in_vain_is_then_asked_once() -> None:
    retrier, busy = Clock().retrier(), refusal("Throttling")
    with retrier.within(Limits(tries=2, hurried=True)):
        for tries in (2, 1, 1):
            with pytest.raises(TryLaterError, match=f"^tried {tries} times: "):
                retrier.call(answers(busy, busy), service="autoscaling", region="eu-west-1")
        assert retrier.call(answers(busy, "yes"), service="autoscaling", region="eu-west-2") == "yes"
    assert retrier.call(answers(busy, "yes"), service="autoscaling", region="eu-west-1") == "yes"


def test_other_limits_hold_until_their_end() -> None:
    retrier = Clock(left=30).retrier()
    with retrier.within(Limits(reserve=25)), pytest.raises(OutOfTimeError):
        retrier.call(answers("yes"), longest=7)
    assert retrier.call(answers("yes"), longest=7) == "yes"
