"""Addresses that change under a running member, in pools of two families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.views import admitted, audit, checks, in_dns, launched, see_healthy, values, wait

if TYPE_CHECKING:
    from lab.world import Lab


def test_an_elastic_address_changes_only_the_a_record_of_a_dualstack_member(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = admitted(lab, 1, ipv6="2600:1f18::53")

    address = lab.fleet.associate_address(web)
    lab.settle()
    assert values(lab) == set()
    assert values(lab, record_type="AAAA") == {"2600:1f18::53"}
    see_healthy(lab, [web])

    assert values(lab) == {address}
    assert len(checks(lab)) == 2
    assert audit(lab)["in_sync"] is True


def test_a_member_without_a_public_ipv4_address_serves_a_dualstack_pool_by_its_aaaa_record(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = launched(lab, 1, ipv6="2600:1f18::53", public=False)

    lab.report_health("2600:1f18::53")
    wait(lab)

    assert (in_dns(lab), in_dns(lab, record_type="AAAA")) == (set(), {web})
    assert len(checks(lab)) == 1
