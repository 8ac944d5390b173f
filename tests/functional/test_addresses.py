"""Addresses that change under a running member, in pools of two families."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.functional.views import admitted, audit, calls, checks, in_dns, launched, see_healthy, values, wait
from tests.template.stack import ROOT

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


def recorded(lab: Lab, name: str, instance_id: str) -> str:
    """Return the event of a sample in events/, about the first network interface of an instance."""
    body = (ROOT / "events" / f"cloudtrail-{name}.json").read_text(encoding="utf-8")
    interface = lab.fleet.describe(instance_id)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    return body.replace("eni-0a1b2c3d4e5f60001", interface).replace("i-0a1b2c3d4e5f60001", instance_id)


@pytest.mark.parametrize(
    "call",
    [
        "release-address",
        "modify-network-interface-attribute",
        "unassign-private-ip-addresses",
        "detach-network-interface",
    ],
)
def test_a_member_that_loses_its_public_address_leaves_dns_by_the_call_that_took_it(lab: Lab, call: str) -> None:
    stays, bare = admitted(lab, 2)
    lab.fleet.move_address(bare, "")

    lab.bus.deliver(json.loads(recorded(lab, call, bare)))
    lab.settle()

    assert in_dns(lab) == {stays}


def test_an_ipv6_address_that_is_unassigned_leaves_dns_and_another_that_is_assigned_takes_its_place(lab: Lab) -> None:
    lab.put_pool("web", address="ipv6")
    (web,) = launched(lab, 1, ipv6="2600:1f18::53")
    see_healthy(lab, ["2600:1f18::53"])

    lab.fleet.replace_ipv6(web, [])
    lab.bus.deliver(json.loads(recorded(lab, "unassign-ipv6-addresses", web)))
    lab.settle()
    assert values(lab, record_type="AAAA") == set()

    lab.fleet.replace_ipv6(web, ["2600:1f18::54"])
    lab.bus.deliver(json.loads(recorded(lab, "assign-ipv6-addresses", web)))
    lab.settle()
    see_healthy(lab, ["2600:1f18::54"])
    assert values(lab, record_type="AAAA") == {"2600:1f18::54"}


def test_a_held_member_without_a_tag_leaves_dns_by_the_call_that_takes_its_address(lab: Lab) -> None:
    lab.put_pool("web", address="ipv6", health_check=None, admit_when="running")
    lab.settle()
    web = [launched(lab, 1, ipv6=f"2600:1f18::{number}")[0] for number in range(1, 6)]
    for instance_id in web:
        lab.fleet.retag(instance_id, [])
    lab.settle()
    assert in_dns(lab, record_type="AAAA") == set(web)

    lab.fleet.replace_ipv6(web[0], [])
    lab.bus.deliver(json.loads(recorded(lab, "unassign-ipv6-addresses", web[0])))
    lab.settle()

    assert in_dns(lab, record_type="AAAA") == set(web[1:])


def test_a_member_that_had_no_address_is_checked_when_an_interface_brings_one(lab: Lab) -> None:
    (web,) = launched(lab, 1, public=False)
    assert checks(lab) == {}

    lab.fleet.move_address(web, "52.95.200.1")
    lab.bus.deliver(json.loads(recorded(lab, "attach-network-interface", web)))
    lab.settle()

    assert [check["HealthCheckConfig"]["IPAddress"] for check in checks(lab).values()] == ["52.95.200.1"]


def test_the_addresses_of_an_unrelated_instance_cost_no_call(lab: Lab) -> None:
    admitted(lab, 1)
    unrelated = lab.fleet.launch(pools=())
    lab.settle()
    lab.route53.reset_calls()

    for call in ("modify-network-interface-attribute", "unassign-private-ip-addresses", "assign-ipv6-addresses"):
        lab.bus.deliver(json.loads(recorded(lab, call, unrelated)))
    lab.settle()

    assert calls(lab) == {}


def test_a_second_interface_takes_no_member_out_and_changes_no_check(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = admitted(lab, 1, ipv6="2600:1f18::53")
    before = set(checks(lab))

    lab.fleet.attach_interface(web, address="52.95.200.1", ipv6=["2600:1f18::1"])
    assert lab.fleet.describe(web)["NetworkInterfaces"][0]["Attachment"]["DeviceIndex"] == 1
    lab.settle()

    assert (in_dns(lab), in_dns(lab, record_type="AAAA")) == ({web}, {web})
    assert values(lab, record_type="AAAA") == {"2600:1f18::53"}
    assert set(checks(lab)) == before
    assert audit(lab)["in_sync"] is True


def test_a_lower_ipv6_address_beside_the_one_in_dns_takes_no_member_out(lab: Lab) -> None:
    lab.put_pool("web", address="ipv6")
    (web,) = launched(lab, 1, ipv6="2600:1f18::53")
    see_healthy(lab, ["2600:1f18::53"])

    lab.fleet.replace_ipv6(web, ["2600:1f18::53", "2600:1f18::1"])
    lab.bus.deliver(json.loads(recorded(lab, "assign-ipv6-addresses", web)))
    lab.settle()

    assert values(lab, record_type="AAAA") == {"2600:1f18::53"}
    assert len(checks(lab)) == 1


def test_a_public_address_of_a_second_interface_is_found_where_the_first_has_none(lab: Lab) -> None:
    (web,) = launched(lab, 1, public=False)

    lab.fleet.attach_interface(web, address="52.95.200.1")
    lab.settle()
    see_healthy(lab, [web])

    assert values(lab) == {"52.95.200.1"}


def test_the_address_of_a_second_interface_leaves_dns_when_the_instance_loses_it(lab: Lab) -> None:
    (web,) = launched(lab, 1, public=False)
    lab.fleet.attach_interface(web, address="52.95.200.1")
    lab.settle()
    see_healthy(lab, [web])

    lab.fleet.move_address(web, "52.95.200.2")
    lab.fleet.detach_interface(web)
    lab.settle()

    assert values(lab) == set()
    see_healthy(lab, [web])
    assert values(lab) == {"52.95.200.2"}
