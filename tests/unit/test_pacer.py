from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fleet53.aws.pacer import SLOT, Pacer

START = 1_700_000_000 * SLOT
CREATE = "CreateHealthCheck"


@dataclass
class Sender:
    """A function that waits as its pacer says, and whose requests take no time. `dice` is what every draw gives."""

    dice: float = 0.0
    at: float = START
    pacer: Pacer = field(init=False)

    def __post_init__(self) -> None:
        self.pacer = Pacer(lambda: self.at, lambda: self.dice)

    def send(self, *operations: str, throttled: bool = False) -> list[float]:
        """Send requests, and return when each was sent, in slots since the start."""
        sent = []
        for operation in operations:
            self.at += self.pacer.pause(operation)
            sent.append(round((self.at - START) / SLOT, 2))
            self.pacer.throttled(operation) if throttled else self.pacer.succeeded()
        return sent


def test_a_function_alone_creates_a_check_in_each_slot() -> None:
    assert Sender().send(*[CREATE] * 6) == [0, 1, 2, 3, 4, 5]


def test_no_second_has_more_than_five_requests_of_a_function_alone() -> None:
    sent = Sender().send(*[CREATE] * 100)
    assert max(sum(each <= other < each + 1 / SLOT for other in sent) for each in sent) == 5


def test_two_functions_take_turns() -> None:
    one, other = Sender(dice=0.0), Sender(dice=0.9)
    one.pacer.share(2)
    other.pacer.share(2)
    assert one.send(*[CREATE] * 3) == [0, 2, 4]
    assert other.send(*[CREATE] * 3) == [1, 3, 5]


def test_a_function_that_is_alone_again_uses_every_slot() -> None:
    sender = Sender()
    sender.pacer.share(2)
    sender.send(CREATE)
    sender.pacer.share(1)
    assert sender.send(*[CREATE] * 3) == [2, 3, 4]


def test_a_withdrawal_after_creations_is_sent_as_soon_as_the_second_has_room() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 10)
    assert sender.send("ListResourceRecordSets", "ListHealthChecks", "ChangeResourceRecordSets") == [9.98, 10.98, 11.98]


def test_what_was_sent_at_once_is_made_up_for_by_creations() -> None:
    sender = Sender()
    assert sender.send("ListResourceRecordSets", "ListHealthChecks", CREATE, CREATE) == [0, 0, 2, 3]


def test_only_three_requests_in_a_row_are_sent_at_once() -> None:
    assert Sender().send(*["ListResourceRecordSets"] * 6) == [0, 0, 0, 1, 2, 4.98]


def test_where_creations_are_slow_a_withdrawal_waits_for_a_slot_at_most() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 100, throttled=True)
    sender.at = START + 2000 * SLOT
    assert sender.send(*["ListResourceRecordSets"] * 5) == [2000, 2000, 2001, 2002, 2003]


def test_one_throttled_request_changes_the_slot_and_three_in_five_seconds_the_pace() -> None:
    sender = Sender()
    sender.pacer.share(2)
    sender.dice = 0.9
    assert sender.send(CREATE, throttled=True) == [0]
    assert sender.send(CREATE, throttled=True) == [3]
    assert sender.pacer.interval == pytest.approx(2 * SLOT)
    sender.send(CREATE, throttled=True)
    assert sender.pacer.interval == pytest.approx(2 * SLOT / 0.7)


def test_requests_that_are_throttled_seldom_change_only_the_slot() -> None:
    sender = Sender()
    for _ in range(10):
        sender.send(CREATE, throttled=True)
        sender.at += 2.6
    assert sender.pacer.interval == SLOT


def test_the_pace_does_not_go_down_for_ever() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 100, throttled=True)
    assert sender.pacer.interval == pytest.approx(SLOT / 0.1)


def test_after_half_a_minute_without_a_throttled_request_the_pace_grows_quickly() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 9, throttled=True)
    assert sender.pacer.interval == pytest.approx(SLOT / 0.343)
    began = sender.at
    while sender.at < began + 29:
        sender.send(CREATE)
    assert SLOT / 0.65 < sender.pacer.interval < SLOT / 0.6
    while sender.at < began + 35:
        sender.send(CREATE)
    assert sender.pacer.interval == SLOT


def test_what_others_of_the_stack_have_throttled_does_not_slow_down_their_shares() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 3, throttled=True)
    sender.pacer.share(2)
    assert sender.pacer.interval == 2 * SLOT


def test_a_throttled_reading_changes_nothing() -> None:
    sender = Sender()
    sender.send(*["ListHealthChecks"] * 3, throttled=True)
    assert sender.pacer.interval == SLOT


def test_a_clock_that_is_set_back_makes_nobody_wait() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 3)
    sender.at -= 3600
    assert sender.pacer.pause(CREATE) < 2 * SLOT
