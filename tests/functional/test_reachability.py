"""Whether members' security groups let Route 53's checkers in, as the audit finds it."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from lab.route53 import checker_ranges
from lab.route53.error import Route53Error
from lab.world import TEMPLATE
from tests.functional.views import audit, calls, findings, kinds, launched, log_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.world import Lab

EXAMPLE: Final = TEMPLATE.parent / "examples" / "two-servers.yaml"
EVERYBODY: Final = "0.0.0.0/0"


def unreachable(lab: Lab) -> dict[str, str]:
    """Return what the audit says of each instance that checkers do not reach; it is an error if it says it twice."""
    found = [(each["instance_id"], each["because"]) for each in findings(audit(lab), "unreachable-by-checkers")]
    assert len(dict(found)) == len(found)
    return dict(found)


def member(lab: Lab, *sources: str, ports: tuple[int, int] = (80, 80), **options: Any) -> tuple[str, str]:
    """Launch a member behind a group that lets these sources in; return the group's id and the instance's."""
    name = f"web-{len(lab.fleet.ids())}"
    group = lab.fleet.security_groups.create(name, sources, ports)
    (instance_id,) = launched(lab, 1, security_groups=[group], **options)
    return group, instance_id


@contextlib.contextmanager
def ec2(lab: Lab, event: str, act: Callable[..., None]) -> Iterator[None]:
    """Do `act` at an event of the audit's own EC2 client, which there is once it is warm."""
    lab.audit()
    events = sys.modules["audit"].clients.ec2.meta.events
    events.register(event, act)
    try:
        yield
    finally:
        events.unregister(event, act)


def denied(lab: Lab, operation: str) -> contextlib.AbstractContextManager[None]:
    """Let IAM refuse the audit an operation of EC2."""

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, operation)

    return ec2(lab, f"before-call.ec2.{operation}", refuse)


# -- what counts as open


def test_a_group_that_lets_in_no_checker_is_found_and_the_rule_to_add_is_named(lab: Lab) -> None:
    group, web = member(lab)
    checkers = lab.fleet.security_groups.checkers()

    report = audit(lab, {"repair": True})

    (finding,) = findings(report, "unreachable-by-checkers")
    assert (finding["pool"], finding["instance_id"], finding["held"]) == ("web", web, False)
    assert finding["because"] == (
        f"security group {group} (web-0) lets none of Route 53's checkers reach tcp port 80 over IPv4; "
        f"add an inbound rule for tcp 80 from prefix list {checkers} (com.amazonaws.eu-west-1.route53-healthchecks)"
    )
    assert report["queued"] == 0


def test_the_rule_that_is_named_fixes_it(lab: Lab) -> None:
    group, web = member(lab)
    assert set(unreachable(lab)) == {web}

    lab.fleet.security_groups.allow(group, [lab.fleet.security_groups.checkers()])

    assert unreachable(lab) == {}


def test_ranges_that_hold_all_checkers_are_open(lab: Lab) -> None:
    member(lab, EVERYBODY)
    member(lab, "0.0.0.0/1", "128.0.0.0/1")
    member(lab, "15.177.0.0/16")
    member(lab, *checker_ranges.IPV4)
    member(lab, "203.0.113.0/24", EVERYBODY)
    assert unreachable(lab) == {}


def test_a_rule_is_open_where_its_ports_hold_the_checked_one(lab: Lab) -> None:
    for ports in ((80, 80), (0, 65535), (79, 81)):
        member(lab, EVERYBODY, ports=ports)
    closed = {member(lab, EVERYBODY, ports=ports)[1] for ports in ((22, 22), (443, 443), (81, 65535))}
    assert set(unreachable(lab)) == closed


def test_a_rule_for_tcp_or_for_all_protocols_is_open(lab: Lab) -> None:
    made = {protocol: member(lab) for protocol in ("tcp", "6", "-1", "udp")}
    for protocol, (group, _) in made.items():
        lab.fleet.security_groups.allow(group, [EVERYBODY], protocol=protocol)
    assert set(unreachable(lab)) == {made["udp"][1]}


def test_the_port_is_the_one_that_the_pools_check_asks(lab: Lab) -> None:
    lab.put_pool("web", health_check={"url": "tcp://:5432"})
    group, web = member(lab, EVERYBODY, ports=(80, 80))
    assert f"{group} (web-0) lets none of Route 53's checkers reach tcp port 5432" in unreachable(lab)[web]


def test_a_rule_for_another_group_lets_in_no_checker(lab: Lab) -> None:
    balancer = lab.fleet.security_groups.create("balancer", [EVERYBODY])
    _, web = member(lab, balancer)
    assert set(unreachable(lab)) == {web}


def test_the_groups_of_an_instance_add_up(lab: Lab) -> None:
    office = lab.fleet.security_groups.create("office", ["203.0.113.0/24"])
    checked = lab.fleet.security_groups.create("checked", [lab.fleet.security_groups.checkers()])
    launched(lab, 1, security_groups=[office, checked])
    assert unreachable(lab) == {}


def test_all_groups_are_named_where_none_of_them_lets_checkers_in(lab: Lab) -> None:
    first, second = sorted([lab.fleet.security_groups.create("one"), lab.fleet.security_groups.create("two")])
    (web,) = launched(lab, 1, security_groups=[second, first])
    said = unreachable(lab)[web]
    assert said.startswith(f"security groups {first} (")
    assert f"), {second} (" in said
    assert ") let none of Route 53's checkers reach tcp port 80" in said


def test_a_part_of_the_checkers_is_found_with_how_many_of_their_ranges_are_let_in(lab: Lab) -> None:
    group, web = member(lab, *checker_ranges.IPV4[:3], "203.0.113.0/24")
    assert unreachable(lab)[web].startswith(
        f"security group {group} (web-0) lets 3 of 16 ranges of Route 53's checkers reach tcp port 80 over IPv4; add"
    )


def test_the_office_alone_is_none_of_the_checkers(lab: Lab) -> None:
    _, web = member(lab, "203.0.113.0/24", "10.0.0.0/8")
    assert "lets none of Route 53's checkers" in unreachable(lab)[web]


def test_a_part_is_enough_where_a_pool_is_checked_from_some_regions(lab: Lab) -> None:
    lab.put_pool("web", health_check={"url": "http://:80/", "regions": ["eu-west-1", "us-east-1", "us-west-2"]})
    member(lab, *checker_ranges.IPV4[:3])
    _, office = member(lab, "203.0.113.0/24")
    assert set(unreachable(lab)) == {office}


# -- prefix lists


def test_an_operators_own_prefix_list_lets_in_what_it_holds(lab: Lab) -> None:
    entries = {"all": checker_ranges.IPV4, "office": ["203.0.113.0/24"], "most": checker_ranges.IPV4[1:]}
    own = {name: lab.fleet.security_groups.create_prefix_list(name, held) for name, held in entries.items()}
    behind = {name: member(lab, listed)[1] for name, listed in own.items()}
    found = unreachable(lab)
    assert set(found) == {behind["office"], behind["most"]}
    assert "lets none of Route 53's checkers" in found[behind["office"]]
    assert "lets 15 of 16 ranges of Route 53's checkers" in found[behind["most"]]


def test_a_prefix_list_and_a_range_add_up(lab: Lab) -> None:
    own = lab.fleet.security_groups.create_prefix_list("monitoring", checker_ranges.IPV4[:8])
    member(lab, own, *checker_ranges.IPV4[8:])
    assert unreachable(lab) == {}


# -- IPv6


@pytest.fixture
def both(lab: Lab) -> Lab:
    """Return the lab with a pool that answers with both families."""
    lab.put_pool("web", address="dualstack")
    return lab


def test_each_family_of_addresses_needs_a_rule_of_its_own(both: Lab) -> None:
    groups = both.fleet.security_groups
    group, web = member(both, groups.checkers(4), ipv6="2600:1f18::1")

    assert unreachable(both) == {
        web: f"security group {group} (web-0) lets none of Route 53's checkers reach tcp port 80 over IPv6; "
        f"add an inbound rule for tcp 80 from prefix list {groups.checkers(6)} "
        "(com.amazonaws.eu-west-1.ipv6.route53-healthchecks)"
    }


def test_both_families_are_open_with_a_rule_for_each(both: Lab) -> None:
    for number, source in enumerate((both.fleet.security_groups.checkers(6), "::/0", "2600:1f53::/32")):
        member(both, EVERYBODY, source, ipv6=f"2600:1f18::{number}")
    assert unreachable(both) == {}


def test_a_member_that_is_closed_to_both_families_is_found_for_each(both: Lab) -> None:
    member(both, ipv6="2600:1f18::1")
    found = findings(audit(both), "unreachable-by-checkers")
    assert [each["because"].partition("over ")[2][:4] for each in found] == ["IPv4", "IPv6"]


def test_a_member_without_an_ipv6_address_is_not_looked_at_for_it(both: Lab) -> None:
    member(both, EVERYBODY)
    assert unreachable(both) == {}


# -- which members it is about


def test_a_pool_without_a_check_is_reached_by_no_checker_and_need_not_be(lab: Lab) -> None:
    lab.put_pool("web", health_check=None)
    member(lab)
    assert unreachable(lab) == {}


def test_a_member_on_its_way_out_is_not_looked_at(lab: Lab) -> None:
    _, web = member(lab)
    lab.fleet.stop(web)
    assert unreachable(lab) == {}


def test_a_member_is_looked_at_from_its_launch_hook_on(lab: Lab) -> None:
    lab.fleet.create_group("web")
    in_state = {
        state: member(lab, group="web", lifecycle_state=state)[1] for state in ("Pending:Wait", "InService", "Standby")
    }
    assert set(unreachable(lab)) == {in_state["Pending:Wait"], in_state["InService"]}


def test_a_member_is_found_once_for_each_pool_whose_check_does_not_get_through(lab: Lab) -> None:
    lab.put_pool("api", health_check={"url": "http://:8080/"})
    lab.put_pool("admin", health_check={"url": "http://:9090/"})
    member(lab, EVERYBODY, ports=(8080, 8080), pools=("web", "api", "admin"))
    found = findings(audit(lab), "unreachable-by-checkers")
    assert {each["pool"] for each in found} == {"web", "admin"}
    assert len(found) == 2


def test_an_interface_without_any_group_says_nothing(lab: Lab) -> None:
    member(lab)

    def without_groups(parsed: Any, **_: Any) -> None:
        for reservation in parsed["Reservations"]:
            for instance in reservation["Instances"]:
                instance["SecurityGroups"] = []
                for interface in instance["NetworkInterfaces"]:
                    interface["Groups"] = []

    with ec2(lab, "after-call.ec2.DescribeInstances", without_groups):
        assert unreachable(lab) == {}


def test_the_example_fleets_servers_are_reached_for_whomever_else_it_is_open(lab: Lab) -> None:
    """It is the checkers' own rule that does it, so that it stays when ClientCidr is narrowed."""
    groups = lab.fleet.security_groups
    given = {"CheckersPrefixListId": groups.checkers(), "ClientCidr": "203.0.113.0/24"}
    access = yaml_parse(EXAMPLE.read_text())["Resources"]["Access"]["Properties"]
    group = groups.create("example")
    for rule in access["SecurityGroupIngress"]:
        source = rule.get("SourcePrefixListId") or rule["CidrIp"]
        ports = (rule["FromPort"], rule["ToPort"])
        groups.allow(group, [given[source["Ref"]]], ports=ports, protocol=rule["IpProtocol"])
    launched(lab, 1, security_groups=[group])

    assert unreachable(lab) == {}


def test_an_instance_without_a_security_group_is_in_the_default_group_which_can_keep_the_checkers_out(
    lab: Lab,
) -> None:
    ec2 = lab.client("ec2")
    launched = ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "fleet53:pool", "Value": "web"}]}],
    )
    instance_id = launched["Instances"][0]["InstanceId"]
    (group,) = lab.fleet.describe(instance_id)["SecurityGroups"]
    assert group["GroupName"] == "default"
    lab.fleet.emit_changes()
    lab.settle()
    assert findings(audit(lab), "unreachable-by-checkers") == []

    (described,) = ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=described["IpPermissions"])

    assert kinds(audit(lab))["unreachable-by-checkers"] == 1


# -- what it costs, and what cannot be read


def asked_of_ec2(lab: Lab) -> Counter[str]:
    """Audit, and return which operations on security groups and prefix lists the audit asked EC2 for."""
    asked: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        asked[model.name] += 1

    with ec2(lab, "before-call.ec2", note):
        lab.audit()
    return Counter({name: count for name, count in asked.items() if name not in OF_EVERY_AUDIT})


OF_EVERY_AUDIT: Final = {"DescribeInstances", "DescribeSpotInstanceRequests"}


def test_groups_that_are_open_to_everybody_cost_one_call_to_ec2(lab: Lab) -> None:
    launched(lab, 3)
    member(lab, EVERYBODY)
    assert asked_of_ec2(lab) == {"DescribeSecurityGroups": 1}


def test_groups_that_name_the_checkers_cost_two_calls_to_ec2_and_none_to_route_53(lab: Lab) -> None:
    member(lab, lab.fleet.security_groups.checkers())
    lab.route53.reset_calls()
    assert asked_of_ec2(lab) == {"DescribeSecurityGroups": 1, "DescribeManagedPrefixLists": 1}
    assert calls(lab)["GetCheckerIpRanges"] == 0


def test_the_checkers_list_of_the_other_family_is_not_looked_into(lab: Lab) -> None:
    member(lab, lab.fleet.security_groups.checkers(6))
    assert asked_of_ec2(lab) == {"DescribeSecurityGroups": 1, "DescribeManagedPrefixLists": 1}


def test_what_several_groups_need_is_read_once(lab: Lab) -> None:
    groups = lab.fleet.security_groups
    own = groups.create_prefix_list("monitoring", ["203.0.113.0/24"])
    for name in ("one", "two", "three"):
        launched(lab, 1, security_groups=[groups.create(name, [own])])
    lab.audit()
    lab.route53.reset_calls()
    assert asked_of_ec2(lab) == {
        "DescribeSecurityGroups": 1,
        "DescribeManagedPrefixLists": 1,
        "GetManagedPrefixListEntries": 1,
    }
    assert calls(lab)["GetCheckerIpRanges"] == 2  # in each of two audits, once


def test_an_audit_without_members_asks_for_no_group(lab: Lab) -> None:
    assert asked_of_ec2(lab) == {}


def test_security_groups_that_may_not_be_read_are_logged_and_have_no_finding(lab: Lab) -> None:
    member(lab)
    with denied(lab, "DescribeSecurityGroups"):
        report = audit(lab)

    assert findings(report, "unreachable-by-checkers") == []
    assert report["pools"][0]["members"] == 1
    (line,) = log_lines(lab, "reachability not checked")
    assert line["level"] == "WARNING"
    assert "UnauthorizedOperation" in line["because"]
    assert "DescribeSecurityGroups" in line["because"]


def test_a_group_that_ec2_does_not_show_may_let_checkers_in(lab: Lab) -> None:
    """In a shared VPC the group of another account may not be shown."""
    seen, hidden = lab.fleet.security_groups.create("seen"), lab.fleet.security_groups.create("hidden")
    launched(lab, 1, security_groups=[seen, hidden])
    assert len(unreachable(lab)) == 1

    def hide(parsed: Any, **_: Any) -> None:
        parsed["SecurityGroups"] = [each for each in parsed["SecurityGroups"] if each["GroupId"] != hidden]

    with ec2(lab, "after-call.ec2.DescribeSecurityGroups", hide):
        assert unreachable(lab) == {}


def test_a_closed_group_is_found_where_the_checkers_list_may_not_be_read(lab: Lab) -> None:
    _, web = member(lab)
    with denied(lab, "DescribeManagedPrefixLists"):
        found = unreachable(lab)

    assert found[web].endswith("; add an inbound rule for tcp 80 from the checkers' ranges")
    assert len(log_lines(lab, "reachability not checked")) == 1


def test_a_list_that_may_be_the_checkers_is_known_by_its_entries(lab: Lab) -> None:
    member(lab, lab.fleet.security_groups.checkers())
    with denied(lab, "DescribeManagedPrefixLists"):
        assert unreachable(lab) == {}
    assert calls(lab)["GetCheckerIpRanges"] == 1


def test_a_prefix_list_that_may_not_be_read_may_let_checkers_in(lab: Lab) -> None:
    own = lab.fleet.security_groups.create_prefix_list("monitoring", ["203.0.113.0/24"])
    member(lab, own, checker_ranges.IPV4[0])
    assert len(unreachable(lab)) == 1
    with denied(lab, "GetManagedPrefixListEntries"):
        assert unreachable(lab) == {}
    assert len(log_lines(lab, "reachability not checked")) == 1


def test_checkers_whose_ranges_cannot_be_read_may_be_let_in(lab: Lab) -> None:
    member(lab, "203.0.113.0/24")
    lab.route53.fail("GetCheckerIpRanges", Route53Error("AccessDenied", "not allowed"), 1)

    report = audit(lab)

    assert findings(report, "unreachable-by-checkers") == []
    (line,) = log_lines(lab, "reachability not checked")
    assert "(AccessDenied) when calling the GetCheckerIpRanges operation" in line["because"]
