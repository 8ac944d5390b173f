"""How the adapter reads security groups and prefix lists, in shapes that the lab's EC2 does not show."""

from __future__ import annotations

import contextlib
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import boto3
from botocore.stub import Stubber

from fleet53.aws.security_groups import SecurityGroups
from fleet53.domain.ids import SecurityGroupId
from fleet53.domain.ingress import ALL_PORTS, PrefixList, PrefixListId, Rule, SecurityGroup

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ec2(*answers: tuple[str, dict[str, Any], dict[str, Any]]) -> Iterator[SecurityGroups]:
    """Return the adapter of an EC2 in eu-west-1 that is asked exactly this: operation, parameters, answer."""
    client = boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    with contextlib.closing(client), Stubber(client) as stub:
        for operation, parameters, answer in answers:
            stub.add_response(operation, answer, parameters)
        yield SecurityGroups(client)
        stub.assert_no_pending_responses()


def described(group_id: str, *permissions: dict[str, Any]) -> dict[str, Any]:
    return {"GroupId": group_id, "GroupName": "web", "IpPermissions": list(permissions)}


def asked(values: list[SecurityGroupId], *answer: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    parameters = {"Filters": [{"Name": "group-id", "Values": values}], "MaxResults": 1000}
    return "describe_security_groups", parameters, {"SecurityGroups": list(answer)}


def ids(count: int) -> list[SecurityGroupId]:
    return [SecurityGroupId(f"sg-{number:03}") for number in range(count)]


def test_a_rule_is_read_with_all_that_it_names() -> None:
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 443,
        "IpRanges": [{"CidrIp": "203.0.113.0/24", "Description": "office"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}],
        "PrefixListIds": [{"PrefixListId": "pl-0a"}],
        "UserIdGroupPairs": [{"GroupId": "sg-0b", "UserId": "123456789012"}],
    }
    with ec2(asked(ids(1), described("sg-000", permission))) as groups:
        found = groups.by_id(ids(1))

    ranges = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
    rule = Rule("tcp", range(80, 444), ranges, frozenset({PrefixListId("pl-0a")}))
    assert found == {SecurityGroupId("sg-000"): SecurityGroup(SecurityGroupId("sg-000"), "web", (rule,))}


def test_a_rule_without_ports_is_about_all_of_them() -> None:
    permission = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    with ec2(asked(ids(1), described("sg-000", permission))) as groups:
        (found,) = groups.by_id(ids(1)).values()

    assert found.rules == (Rule("-1", ALL_PORTS, (ip_network("0.0.0.0/0"),)),)


def test_groups_are_asked_for_by_filter_two_hundred_at_a_time() -> None:
    wanted = ids(201)
    with ec2(
        asked(wanted[:200], described("sg-000")),
        asked(wanted[200:], described("sg-200")),
    ) as groups:
        found = groups.by_id(reversed(wanted))

    assert sorted(found) == ["sg-000", "sg-200"]


def test_the_checkers_lists_are_those_of_the_region() -> None:
    names = ["com.amazonaws.eu-west-1.route53-healthchecks", "com.amazonaws.eu-west-1.ipv6.route53-healthchecks"]
    parameters = {"Filters": [{"Name": "prefix-list-name", "Values": names}], "MaxResults": 100}
    listed = [
        {"PrefixListId": "pl-06", "PrefixListName": names[1]},
        {"PrefixListId": "pl-04", "PrefixListName": names[0]},
    ]
    with ec2(("describe_managed_prefix_lists", parameters, {"PrefixLists": listed})) as groups:
        found = groups.checker_lists()

    assert found == {4: PrefixList(PrefixListId("pl-04"), names[0]), 6: PrefixList(PrefixListId("pl-06"), names[1])}


def test_the_entries_of_a_prefix_list_are_read_to_the_last_page() -> None:
    first = {"PrefixListId": "pl-0a", "MaxResults": 100}
    with ec2(
        ("get_managed_prefix_list_entries", first, {"Entries": [{"Cidr": "203.0.113.0/24"}], "NextToken": "more"}),
        ("get_managed_prefix_list_entries", first | {"NextToken": "more"}, {"Entries": [{"Cidr": "2001:db8::/32"}]}),
    ) as groups:
        found = groups.entries(PrefixListId("pl-0a"))

    assert found == (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
