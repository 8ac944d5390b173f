"""A pool that names one network interface of its members: only the addresses of that interface count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.functional.views import (
    admitted,
    audit,
    check_of,
    checks,
    findings,
    in_dns,
    launched,
    see_healthy,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

SECOND = "52.95.200.1"


def associate_with_second(lab: Lab, instance_id: str) -> str:
    """Associate an Elastic IP with an instance's interface at device index 1, and return the address."""
    interfaces = lab.fleet.describe(instance_id)["NetworkInterfaces"]
    (second,) = (each["NetworkInterfaceId"] for each in interfaces if each["Attachment"]["DeviceIndex"] == 1)
    allocated = lab.client("ec2").allocate_address(Domain="vpc")
    lab.client("ec2").associate_address(NetworkInterfaceId=second, AllocationId=allocated["AllocationId"])
    lab.fleet.emit_changes()
    return str(allocated["PublicIp"])


def test_a_member_is_checked_at_and_admitted_with_the_address_of_the_interface_that_its_pool_names(lab: Lab) -> None:
    lab.put_pool("web", interface=1)
    (web,) = launched(lab, 1)
    lab.fleet.attach_interface(web, address=SECOND)
    lab.settle()
    assert [each["HealthCheckConfig"]["IPAddress"] for each in checks(lab).values()] == [SECOND]
    see_healthy(lab, [SECOND])

    assert values(lab) == {SECOND}
    report = audit(lab)
    assert (report["in_sync"], report["findings"]) == (True, [])
    assert report["pools"][0]["instances"][0]["addresses"] == [SECOND]


def test_a_pool_can_name_the_primary_interface(lab: Lab) -> None:
    (web,) = launched(lab, 1, public=False)
    lab.put_pool("web", interface=0)
    lab.fleet.attach_interface(web, address=SECOND)
    wait(lab)
    assert checks(lab) == {}

    lab.fleet.move_address(web, "52.95.200.2")
    wait(lab)
    see_healthy(lab, [web])
    assert values(lab) == {"52.95.200.2"}


def test_a_member_without_that_interface_or_without_an_address_on_it_has_no_address_and_the_finding_says_which(
    lab: Lab,
) -> None:
    lab.put_pool("web", interface=1)
    one, two = launched(lab, 2)
    lab.fleet.attach_interface(two)
    wait(lab, 901)

    assert (in_dns(lab), checks(lab)) == (set(), {})
    because = {each["instance_id"]: each["because"] for each in findings(audit(lab), "no-address")}
    assert because[one].startswith("running without a network interface with device index 1, ")
    assert because[two].startswith(
        "running without a public IPv4 address on its network interface with device index 1, "
    )


def test_the_calls_that_change_that_interface_change_the_members_address(lab: Lab) -> None:
    lab.put_pool("web", interface=1)
    (web,) = launched(lab, 1)

    lab.fleet.attach_interface(web, address=SECOND)
    lab.settle()
    see_healthy(lab, [SECOND])
    assert values(lab) == {SECOND}

    elastic = associate_with_second(lab, web)
    lab.settle()
    assert values(lab) == set()
    see_healthy(lab, [elastic])
    assert values(lab) == {elastic}

    lab.fleet.detach_interface(web)
    lab.settle()
    assert (values(lab), checks(lab)) == (set(), {})


def test_an_address_of_another_interface_changes_nothing(lab: Lab) -> None:
    lab.put_pool("web", interface=1)
    (web,) = launched(lab, 1)
    lab.fleet.attach_interface(web, address=SECOND)
    lab.settle()
    see_healthy(lab, [SECOND])
    before = set(checks(lab))

    lab.fleet.associate_address(web)
    lab.settle()
    wait(lab)

    assert values(lab) == {SECOND}
    assert set(checks(lab)) == before
    assert audit(lab)["in_sync"] is True


def test_where_a_pool_is_given_another_interface_its_records_stay_until_the_new_addresses_are_healthy(
    lab: Lab,
) -> None:
    one, two = admitted(lab, 2)
    former = lab.fleet.address(one), lab.fleet.address(two)
    lab.fleet.attach_interface(one, address=SECOND)
    lab.settle()
    assert values(lab) == set(former)
    old = check_of(lab, one)

    lab.put_pool("web", interface=1)
    lab.settle()
    assert values(lab) == set(former)
    see_healthy(lab, [SECOND])

    assert values(lab) == {SECOND, former[1]}
    assert old not in checks(lab)


def test_the_other_kinds_of_address_are_those_of_that_interface_too(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack", interface=1)
    (web,) = launched(lab, 1, ipv6="2600:1f18::53")
    lab.fleet.attach_interface(web, address=SECOND, ipv6=["2600:1f18::1"])
    lab.settle()
    see_healthy(lab, [SECOND, "2600:1f18::1"])
    assert (values(lab), values(lab, record_type="AAAA")) == ({SECOND}, {"2600:1f18::1"})

    interfaces = lab.fleet.describe(web)["NetworkInterfaces"]
    (private,) = (each["PrivateIpAddress"] for each in interfaces if each["Attachment"]["DeviceIndex"] == 1)
    lab.put_pool("web", address="private-ipv4", health_check=None, admit_when="running")
    lab.settle()
    assert values(lab) == {private}
    wait(lab, 61)
    assert (values(lab), values(lab, record_type="AAAA")) == ({private}, set())
