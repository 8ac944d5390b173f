"""A pool that is given another type of address: the old records stay until the new ones stand.

Every test asks DNS in every second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.queries import asking
from tests.functional.views import admitted, audit, check_of, checks, delete_check, findings, values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.world import Lab
    from tests.functional.queries import Queries

APP = "app.example.com"

pytestmark = pytest.mark.usefixtures("lab_time")


def both_types(lab: Lab, members: Iterable[str]) -> Queries:
    return asking(lab, APP, members, record_types=["A", "AAAA"])


def test_an_update_from_public_ipv4_to_ipv6_keeps_the_a_records_until_the_aaaa_records_stand(lab: Lab) -> None:
    members = [*admitted(lab, 1, ipv6="2600:1f18::1"), *admitted(lab, 1, ipv6="2600:1f18::2")]
    queries = both_types(lab, members)
    lab.run(25)
    assert lab.update_stack({"AddressType": "ipv6"}, pause=1) == "UPDATE_COMPLETE"
    assert len(values(lab)) == 2
    lab.run(150)
    assert (values(lab), values(lab, record_type="AAAA")) == (set(), {"2600:1f18::1", "2600:1f18::2"})
    assert (len(checks(lab)), audit(lab)["in_sync"], queries.wrong) == (2, True, [])


def test_a_pool_from_public_ipv4_to_dualstack_keeps_its_a_records(lab: Lab) -> None:
    members = admitted(lab, 1, ipv6="2600:1f18::1")
    a_records, both = asking(lab, APP, members), both_types(lab, members)
    before = values(lab)
    lab.run(25)
    lab.put_pool("web", address="dualstack")
    lab.run(90)
    assert (values(lab), values(lab, record_type="AAAA")) == (before, {"2600:1f18::1"})
    assert (a_records.wrong, both.wrong) == ([], [])


def test_a_pool_from_private_to_public_addresses_keeps_the_private_ones_until_the_public_ones_are_healthy(
    lab: Lab,
) -> None:
    lab.put_pool("web", address="private-ipv4", health_check=None, admit_when="running")
    web = lab.fleet.launch()
    lab.settle()
    (private,) = values(lab)
    queries = asking(lab, APP, [web], others=[private])
    lab.run(25)
    lab.put_pool("web", address="public-ipv4", health_check={"url": "http://:80/"}, admit_when="healthy")
    lab.run(5)
    assert values(lab) == {private}
    lab.run(120)
    assert values(lab) == {lab.fleet.describe(web)["PublicIpAddress"]}
    assert (queries.wrong, len(checks(lab)), audit(lab)["in_sync"]) == ([], 1, True)


def test_a_member_without_an_address_of_the_new_type_keeps_its_record(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    queries = both_types(lab, [web])
    before = values(lab)
    lab.put_pool("web", address="ipv6")
    lab.run(120)
    assert (values(lab), queries.wrong) == (before, [])
    lab.fleet.terminate(web)
    lab.run(5)
    assert values(lab) == set()


def test_a_record_of_the_former_type_whose_check_is_deleted_by_hand_is_reported(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    check_id = check_of(lab, web)
    lab.put_pool("web", address="ipv6")
    lab.settle()
    assert (len(values(lab)), findings(audit(lab), "dead-check-reference")) == (1, [])
    delete_check(lab, check_id)

    (finding,) = findings(audit(lab), "dead-check-reference")
    assert (finding["instance_id"], finding["health_check_id"]) == (web, check_id)
    assert finding["because"] == (
        f"its record refers to health check {check_id}, which is gone; "
        "its A record stays until its new records are in DNS"
    )
