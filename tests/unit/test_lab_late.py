"""The lab's EC2 is eventually consistent where a test says so (facts of the EC2 User Guide and API Reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.bare_lab import bare_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.world import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with bare_lab(tmp_path) as lab:
        yield lab


def shown(lab: Lab, name: str, value: str) -> list[dict[str, Any]]:
    """Return the instances that DescribeInstances shows for a filter."""
    found = lab.client("ec2").describe_instances(Filters=[{"Name": name, "Values": [value]}])["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def test_a_new_instance_is_not_shown_for_as_long_as_was_set(lab: Lab) -> None:
    lab.fleet.late.instances = 20
    web = lab.fleet.launch()
    assert shown(lab, "instance-id", web) == []
    lab.clock.advance(20)
    assert [each["InstanceId"] for each in shown(lab, "instance-id", web)] == [web]


def test_a_terminated_instance_may_be_shown_without_its_tags(lab: Lab) -> None:
    web = lab.fleet.launch()
    assert len(shown(lab, "tag-key", "fleet53:pool")) == 1
    lab.fleet.terminate(web)
    lab.fleet.late.hide_tags(web, 3600)

    (instance,) = shown(lab, "instance-id", web)
    assert (instance["State"]["Name"], instance.get("Tags", [])) == ("terminated", [])
    assert shown(lab, "tag-key", "fleet53:pool") == []


def test_a_tag_that_was_removed_may_still_be_shown(lab: Lab) -> None:
    web = lab.fleet.launch()
    lab.fleet.late.keep_tags(web, 20)
    lab.fleet.retag(web, [])
    assert [each["InstanceId"] for each in shown(lab, "tag-key", "fleet53:pool")] == [web]
    lab.clock.advance(20)
    assert shown(lab, "tag-key", "fleet53:pool") == []


def test_a_former_state_may_still_be_shown(lab: Lab) -> None:
    web = lab.fleet.launch()
    lab.fleet.late.states = 20
    lab.fleet.stop(web)
    assert [each["InstanceId"] for each in shown(lab, "instance-state-name", "running")] == [web]
    lab.clock.advance(20)
    assert [each["InstanceId"] for each in shown(lab, "instance-state-name", "stopped")] == [web]


def test_former_addresses_may_still_be_shown(lab: Lab) -> None:
    web = lab.fleet.launch(ipv6="2600:1f18::53")
    before = lab.fleet.address(web)
    lab.fleet.late.keep_addresses(web, 20)
    after = lab.fleet.associate_address(web)
    lab.fleet.replace_ipv6(web, [])

    (instance,) = shown(lab, "instance-id", web)
    (interface,) = instance["NetworkInterfaces"]
    assert (instance["PublicIpAddress"], interface["Association"]["PublicIp"]) == (before, before)
    assert [each["Ipv6Address"] for each in interface["Ipv6Addresses"]] == ["2600:1f18::53"]
    lab.clock.advance(20)
    (instance,) = shown(lab, "instance-id", web)
    (interface,) = instance["NetworkInterfaces"]
    assert (instance["PublicIpAddress"], interface["Association"]["PublicIp"]) == (after, after)
    assert interface.get("Ipv6Addresses", []) == []
