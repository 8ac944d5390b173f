"""Which address of an instance a pool answers with: IPv4, IPv6, both, or the private one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.views import (
    admitted,
    audit,
    checks,
    checks_of,
    in_dns,
    kinds,
    launched,
    record_of,
    see_healthy,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab


def checked_address(lab: Lab, instance_id: str, record_type: str) -> str:
    check = checks(lab)[record_of(lab, instance_id, record_type=record_type)["HealthCheckId"]]
    return str(check["HealthCheckConfig"]["IPAddress"])


def test_in_a_dualstack_pool_a_member_has_an_a_and_an_aaaa_record_each_with_its_own_check(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = admitted(lab, 1, ipv6="2600:1f18::53")

    assert in_dns(lab, record_type="AAAA") == {web}
    assert checked_address(lab, web, "A") == lab.fleet.address(web)
    assert checked_address(lab, web, "AAAA") == "2600:1f18::53"
    assert len(checks(lab)) == 2


def test_each_family_waits_for_its_own_health(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = launched(lab, 1, ipv6="2600:1f18::53")

    lab.report_health("2600:1f18::53")
    wait(lab)
    assert (in_dns(lab), in_dns(lab, record_type="AAAA")) == (set(), {web})
    lab.report_health(web)
    wait(lab)

    assert in_dns(lab) == {web}


def test_a_dualstack_member_that_goes_leaves_neither_record_nor_check(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = admitted(lab, 1, ipv6="2600:1f18::53")

    lab.fleet.terminate(web)
    lab.settle()

    assert (in_dns(lab), in_dns(lab, record_type="AAAA")) == (set(), set())
    assert checks(lab) == {}


def test_an_instance_without_ipv6_is_admitted_to_a_dualstack_pool_by_its_a_record(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = admitted(lab, 1)

    assert in_dns(lab) == {web}
    assert in_dns(lab, record_type="AAAA") == set()
    assert len(checks(lab)) == 1


def test_an_ipv6_pool_answers_with_aaaa_records_only(lab: Lab) -> None:
    lab.put_pool("web", address="ipv6")
    (web,) = launched(lab, 1, ipv6="2600:1f18::53")
    see_healthy(lab, ["2600:1f18::53"])

    assert in_dns(lab, record_type="AAAA") == {web}
    assert values(lab) == set()
    assert values(lab, record_type="AAAA") == {"2600:1f18::53"}


def test_a_pool_that_becomes_ipv6_withdraws_its_a_records(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    (web,) = admitted(lab, 1, ipv6="2600:1f18::53")

    lab.put_pool("web", address="ipv6")
    lab.settle()

    assert (in_dns(lab), in_dns(lab, record_type="AAAA")) == (set(), {web})
    assert len(checks(lab)) == 1


def test_a_private_pool_answers_with_private_addresses_at_once_and_without_checks(lab: Lab) -> None:
    lab.put_pool("web", address="private-ipv4", health_check=None, admit_when="running")
    (web,) = launched(lab, 1, public=False)

    assert values(lab) == {lab.fleet.describe(web)["PrivateIpAddress"]}
    assert checks_of(lab, web) == []
    assert kinds(audit(lab)) == {}


def test_a_pool_that_becomes_private_never_answers_with_the_old_addresses_again(lab: Lab) -> None:
    web = admitted(lab, 2)

    lab.put_pool("web", address="private-ipv4", health_check=None, admit_when="running")
    lab.settle()
    wait(lab)

    assert values(lab) == {lab.fleet.describe(instance_id)["PrivateIpAddress"] for instance_id in web}
    assert checks(lab) == {}
