from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fleet53.aws.pacer import SLOT, Pacer

START = 1_700_000_000 * SLOT
CREATE = "CreateHealthCheck"
DELETE = "DeleteHealthCheck"


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
            self.pacer.throttled(operation) if throttled else self.pacer.succeeded(operation)
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


def throttle_three(sender: Sender, operation: str) -> None:
    sender.send(*[operation] * 3, throttled=True)


def test_after_three_throttled_creations_the_next_one_waits_for_a_token() -> None:
    sender = Sender()
    throttle_three(sender, CREATE)
    assert sender.pacer.delay(CREATE) == pytest.approx(1.05 / 0.5)
    # The third one was sent in slot 2. A token takes 2 seconds, which is 9.8 slots.
    assert sender.send(*[CREATE] * 2) == [13, 22]


def test_after_three_throttled_deletions_three_a_second_are_sent() -> None:
    sender = Sender()
    throttle_three(sender, DELETE)
    sent = sender.send(*[DELETE] * 61)
    assert (sent[-1] - sent[0]) * SLOT == pytest.approx(60 / 3, abs=SLOT)


def test_two_throttled_creations_are_tried_again_in_the_next_slots() -> None:
    sender = Sender()
    assert sender.send(CREATE, CREATE, throttled=True) == [0, 1]
    assert sender.send(CREATE) == [2]


def test_where_more_creations_are_taken_than_an_empty_bucket_takes_it_is_not_empty() -> None:
    sender = Sender()
    for _ in range(10):
        sender.send(CREATE, throttled=True)
        sender.send(CREATE, CREATE)
    assert sender.pacer.delay(CREATE) == 0


def test_creations_that_are_rarely_throttled_do_not_mean_an_empty_bucket() -> None:
    sender = Sender()
    for _ in range(10):
        sender.send(CREATE, throttled=True)
        sender.at += 2.6
    assert sender.pacer.delay(CREATE) == 0


def test_a_known_bucket_gives_what_has_flowed_in_and_no_more_than_it_holds() -> None:
    sender = Sender()
    throttle_three(sender, CREATE)
    sender.at += 20
    assert sender.pacer.delay(CREATE, 10) == 0
    assert sender.pacer.delay(CREATE, 11) == pytest.approx(1.05 / 0.5)
    sender.at += 1000
    assert sender.pacer.delay(CREATE, 50) == 0
    assert sender.pacer.delay(CREATE, 60) == pytest.approx(10.05 / 0.5)


def test_of_two_functions_each_takes_half_of_what_flows_in() -> None:
    sender = Sender()
    sender.pacer.share(2)
    throttle_three(sender, CREATE)
    assert sender.pacer.delay(CREATE) == pytest.approx(2.05 / 0.5)
    sender.pacer.share(1)
    assert sender.pacer.delay(CREATE) == pytest.approx(1.05 / 0.5)


def test_what_is_throttled_from_a_known_bucket_leaves_others_a_larger_share() -> None:
    sender = Sender()
    throttle_three(sender, CREATE)
    sender.send(CREATE, throttled=True)
    assert sender.pacer.delay(CREATE) == pytest.approx(1.05 / 0.35)
    sender.send(*[CREATE] * 20, throttled=True)
    assert sender.pacer.delay(CREATE) == pytest.approx(1.05 / 0.125)
    sender.send(*[CREATE] * 15)
    sender.at += 1000
    assert sender.pacer.delay(CREATE, 51) == pytest.approx(1.05 / 0.5)


def test_four_statuses_are_asked_for_at_once_and_then_one_a_second_by_each_function() -> None:
    sender = Sender()
    sender.pacer.share(2)
    sent = sender.send(*["GetHealthCheckStatus"] * 10)
    assert sent[:4] == [0, 2, 4, 6]
    assert (sent[-1] - sent[3]) * SLOT == pytest.approx(6 - 3 * 2 * SLOT, abs=2 * SLOT)


def test_a_withdrawal_does_not_wait_for_the_bucket_of_creations() -> None:
    sender = Sender()
    throttle_three(sender, CREATE)
    assert sender.send("ListResourceRecordSets", "ListHealthChecks", "ChangeResourceRecordSets") == [2, 2, 4.98]


def test_throttling_by_other_functions_of_the_stack_does_not_mean_an_empty_bucket() -> None:
    sender = Sender()
    sender.send(CREATE, CREATE, throttled=True)
    sender.pacer.share(2)
    sender.send(CREATE, throttled=True)
    assert sender.pacer.delay(CREATE) == 0


def test_a_throttled_function_chooses_its_slot_again() -> None:
    sender = Sender()
    sender.pacer.share(2)
    sender.dice = 0.9
    assert sender.send(CREATE, throttled=True) == [0]
    assert sender.send(CREATE) == [3]


def test_a_throttled_reading_shows_that_the_account_takes_fewer_requests_and_that_no_bucket_is_empty() -> None:
    sender = Sender()
    throttle_three(sender, CREATE)
    sender.send("ListHealthChecks", throttled=True)
    assert sender.pacer.delay(CREATE) == 0
    sender.send(CREATE, CREATE, throttled=True)
    sender.send("ListHealthChecks", throttled=True)
    sender.send(CREATE, throttled=True)
    assert sender.pacer.delay(CREATE) == 0


def test_a_throttled_reading_changes_nothing() -> None:
    sender = Sender()
    sender.send(*["ListHealthChecks"] * 3, throttled=True)
    assert sender.pacer.interval == SLOT


def test_a_clock_that_is_set_back_makes_no_request_wait() -> None:
    sender = Sender()
    sender.send(*[CREATE] * 3)
    sender.at -= 3600
    assert sender.pacer.pause(CREATE) < 2 * SLOT
