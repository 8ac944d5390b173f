"""A pool that is given another type of address: the old records stay until the new ones stand.

Every test asks DNS in every second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import wait_in_lab_time
from tests.functional.queries import asking
from tests.functional.views import admitted, audit, checks, values

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "app.example.com"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab in which the time that a function waits passes."""
    with Lab(start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        yield lab


def unanswered(lab: Lab, seconds: int) -> list[int]:
    """Let seconds pass, and return those in which neither an A nor an AAAA query had an answer."""
    gaps = []
    for second in range(seconds):
        lab.run(1)
        if not lab.answers(APP) and not lab.answers(APP, "AAAA"):
            gaps.append(second)
    return gaps


def test_an_update_from_public_ipv4_to_ipv6_keeps_the_a_records_until_the_aaaa_records_stand(lab: Lab) -> None:
    for number in (1, 2):
        admitted(lab, 1, ipv6=f"2600:1f18::{number}")
    assert lab.update_stack({"AddressType": "ipv6"}, pause=1) == "UPDATE_COMPLETE"
    lab.settle()
    assert len(values(lab)) == 2
    for number in (1, 2):
        lab.report_health(f"2600:1f18::{number}")
    assert unanswered(lab, 150) == []
    assert (values(lab), values(lab, record_type="AAAA")) == (set(), {"2600:1f18::1", "2600:1f18::2"})
    assert (len(checks(lab)), audit(lab)["in_sync"]) == (2, True)


def test_a_pool_from_public_ipv4_to_dualstack_keeps_its_a_records(lab: Lab) -> None:
    admitted(lab, 1, ipv6="2600:1f18::1")
    before = values(lab)
    lab.put_pool("web", address="dualstack")
    lab.settle()
    lab.report_health("2600:1f18::1")
    assert unanswered(lab, 60) == []
    assert (values(lab), values(lab, record_type="AAAA")) == (before, {"2600:1f18::1"})


def test_a_pool_from_private_to_public_addresses_keeps_the_private_ones_until_the_public_ones_are_healthy(
    lab: Lab,
) -> None:
    lab.put_pool("web", address="private-ipv4", health_check=None, admit_when="running")
    web = lab.fleet.launch()
    lab.settle()
    (private,) = values(lab)
    queries = asking(lab, APP, [web])
    lab.run(25)
    lab.put_pool("web", address="public-ipv4", health_check={"url": "http://:80/"}, admit_when="healthy")
    lab.run(5)
    assert values(lab) == {private}
    assert unanswered(lab, 120) == []
    assert values(lab) == {lab.fleet.describe(web)["PublicIpAddress"]}
    assert (queries.negative, len(checks(lab)), audit(lab)["in_sync"]) == ([], 1, True)


def test_a_member_without_an_address_of_the_new_type_keeps_its_record(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    before = values(lab)
    lab.put_pool("web", address="ipv6")
    lab.run(120)
    assert values(lab) == before
    lab.fleet.terminate(web)
    lab.run(5)
    assert values(lab) == set()
