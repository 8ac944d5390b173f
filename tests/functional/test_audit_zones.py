"""What the audit sees at the level of zones: protections, delegation, private zones, addresses with several holders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dns.resolver
import pytest

from lab.route53.api import Route53Error
from tests.functional.views import (
    admitted,
    allow_zones,
    allowed_zone,
    audit,
    calls,
    findings,
    in_dns,
    kinds,
    launched,
    log_lines,
    put_record,
    record_of,
    signal,
)

if TYPE_CHECKING:
    from lab.world import Lab

OTHERS = ("ns-9.awsdns-01.com.", "NS-521.awsdns-01.NET.")
RESOLVER: Any = dns.resolver
"""The module without its types: dnspython's errors have none."""


def foreign(address: str, identifier: str = "blue", **differs: Any) -> dict[str, Any]:
    """Return a multivalue record at the first pool's name that is not ours."""
    values = [{"Value": address}]
    record = {"Name": "app.example.com", "Type": "A", "TTL": 60, "MultiValueAnswer": True, "ResourceRecords": values}
    return record | {"SetIdentifier": identifier} | differs


def private_zone(lab: Lab, name: str = "internal.example") -> str:
    """Create a private hosted zone that pools may use, with a name for them, and return its id."""
    vpc = {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}
    zone = lab.route53.call("CreateHostedZone", {"Name": name, "CallerReference": name, "VPC": vpc})
    zone_id = str(zone["HostedZone"]["Id"]).rsplit("/", 1)[1]
    lab.update_stack({"AllowedRecordNames": "app.internal.example"})
    allow_zones(lab, zone_id)
    return zone_id


# -- protections


def test_a_protected_name_is_reported_with_its_comment_although_nothing_drifted(lab: Lab) -> None:
    admitted(lab, 1)
    lab.route53.protect(lab.zone_id, "app.example.com", "A", "ask Kim first")
    report = audit(lab, {"repair": True})

    (finding,) = report["findings"]
    assert (finding["kind"], finding["pool"], finding["record_name"]) == ("protected-record", "web", "app.example.com")
    assert finding["because"] == (
        "app.example.com A is protected (ask Kim first), and Route 53 refuses every change of it until the protection "
        "is deleted"
    )
    assert (report["in_sync"], report["queued"]) == (True, 0)


def test_a_protection_without_a_comment_says_so(lab: Lab) -> None:
    admitted(lab, 1)
    lab.route53.protect(lab.zone_id, "app.example.com", "A", "")

    (finding,) = audit(lab)["findings"]
    assert finding["because"].startswith("app.example.com A is protected (without a comment), ")


def test_each_protected_type_of_a_pool_is_a_finding_of_its_own(lab: Lab) -> None:
    lab.put_pool("web", address="dualstack")
    for record_type in ("A", "AAAA", "TXT"):
        lab.route53.protect(lab.zone_id, "app.example.com", record_type, "frozen")

    found = [each["because"].split(" is ")[0] for each in findings(audit(lab), "protected-record")]
    assert found == ["app.example.com A", "app.example.com AAAA"]


def test_a_type_that_the_pool_had_is_reported_while_our_record_of_it_is_left(lab: Lab) -> None:
    admitted(lab, 1, ipv6="2600:1f18::1")
    lab.put_pool("web", address="ipv6")
    lab.route53.protect(lab.zone_id, "app.example.com", "A", "frozen")

    (finding,) = findings(audit(lab), "protected-record")
    assert finding["because"].startswith("app.example.com A is protected")


def test_protections_of_other_names_and_types_are_not_findings(lab: Lab) -> None:
    admitted(lab, 1)
    for name, record_type in (("app.example.com", "AAAA"), ("api.example.com", "A"), ("example.com", "A")):
        lab.route53.protect(lab.zone_id, name, record_type, "frozen")

    assert audit(lab)["findings"] == []


def test_a_protection_of_the_same_name_in_another_zone_is_not_a_finding(lab: Lab) -> None:
    twin = allowed_zone(lab, "example.com")
    lab.put_pool("api", hosted_zone_id=twin)
    lab.route53.protect(twin, "app.example.com", "A", "frozen")

    assert findings(audit(lab), "protected-record") == []


def test_the_name_of_a_wildcard_pool_is_recognised(lab: Lab) -> None:
    lab.put_pool("web", record_name="*.example.com", fallback="198.18.0.53")
    lab.settle()
    lab.route53.protect(lab.zone_id, "*.example.com", "A", "frozen")

    (finding,) = audit(lab)["findings"]
    assert finding["because"].startswith("*.example.com A is protected")


def test_protections_are_read_to_the_last_page(lab: Lab) -> None:
    admitted(lab, 1)
    for number in range(300):
        lab.route53.protect(lab.zone_id, f"a{number}.example.com", "A", "frozen")
    lab.route53.protect(lab.zone_id, "app.example.com", "A", "frozen")
    lab.route53.reset_calls()

    assert kinds(audit(lab)) == {"protected-record": 1}
    assert calls(lab)["ListResourceRecordSetProtections"] == 2


def test_where_protections_may_not_be_read_the_log_and_the_report_say_so(lab: Lab) -> None:
    admitted(lab, 1)
    denied = Route53Error("AccessDenied", "not authorized to perform: route53:ListResourceRecordSetProtections", 403)
    lab.route53.fail("ListResourceRecordSetProtections", denied, calls=1)

    assert kinds(audit(lab)) == {"not-read": 1}
    (line,) = log_lines(lab, "record set protections not read")
    assert line["because"] == (
        f"hosted zone {lab.zone_id}: AccessDenied: not authorized to perform: route53:ListResourceRecordSetProtections"
    )


def test_a_zone_whose_protections_cannot_be_read_does_not_hide_those_of_another(lab: Lab) -> None:
    zones = {lab.zone_id, other := allowed_zone(lab, "example.net")}
    lab.put_pool("api", hosted_zone_id=other, record_name="api.example.net")
    for zone_id, name in ((lab.zone_id, "app.example.com"), (other, "api.example.net")):
        lab.route53.protect(zone_id, name, "A", "frozen")
    lab.route53.fail("ListResourceRecordSetProtections", Route53Error("AccessDenied", "no", 403), calls=1)
    report = audit(lab)

    (protected,) = findings(report, "protected-record")
    (unknown,) = log_lines(lab, "record set protections not read")
    assert unknown["because"].endswith(f"hosted zone {min(zones)}: AccessDenied: no")
    assert protected["pool"] == ("web" if min(zones) == other else "api")


def test_where_route_53_has_no_protections_nothing_is_protected(lab: Lab) -> None:
    admitted(lab, 1)
    unknown = Route53Error("UnknownOperationException", "", 404)
    lab.route53.fail("ListResourceRecordSetProtections", unknown, calls=1)

    assert audit(lab)["findings"] == []


# -- delegation


def test_a_zone_that_is_delegated_to_its_own_name_servers_is_not_a_finding(lab: Lab) -> None:
    admitted(lab, 1)
    lab.resolver.delegate(
        "example.com",
        "NS-1.AWSDNS-00.COM.",
        "ns-513.awsdns-00.net.",
        "ns-1025.awsdns-00.org.",
        "ns-1537.awsdns-00.co.uk.",
    )

    assert audit(lab)["findings"] == []
    assert lab.resolver.asked == ["example.com"]


def test_a_zone_without_a_delegation_is_reported(lab: Lab) -> None:
    admitted(lab, 1)
    lab.resolver.delegate("example.com")
    report = audit(lab, {"repair": True})

    (finding,) = report["findings"]
    assert (finding["kind"], finding["pool"]) == ("zone-not-delegated", "web")
    assert finding["because"] == (
        f"DNS does not delegate example.com, so no DNS query reaches hosted zone {lab.zone_id}; it should delegate to "
        "ns-1.awsdns-00.com, ns-1025.awsdns-00.org, ns-1537.awsdns-00.co.uk, ns-513.awsdns-00.net"
    )
    assert (report["in_sync"], report["queued"]) == (True, 0)


def test_a_zone_whose_name_is_delegated_elsewhere_is_reported_with_where(lab: Lab) -> None:
    admitted(lab, 1)
    lab.resolver.delegate("example.com", *OTHERS)

    (finding,) = audit(lab)["findings"]
    assert finding["because"].startswith(
        "DNS delegates example.com to ns-521.awsdns-01.net, ns-9.awsdns-01.com, so no DNS query reaches hosted zone "
    )


def test_a_stranger_among_the_name_servers_is_reported_by_name(lab: Lab) -> None:
    admitted(lab, 1)
    lab.resolver.delegate("example.com", "ns-1.awsdns-00.com.", "ns.elsewhere.example.")

    (finding,) = audit(lab)["findings"]
    assert finding["because"].startswith(
        f"DNS delegates example.com also to ns.elsewhere.example, which hosted zone {lab.zone_id} does not name; "
    )


def test_name_servers_in_the_zones_own_ns_record_are_not_a_finding(lab: Lab) -> None:
    admitted(lab, 1)
    named = ["ns1.example.com.", "ns2.example.com."]
    values = [{"Value": name} for name in named]
    put_record(lab, {"Name": "example.com", "Type": "NS", "TTL": 172800, "ResourceRecords": values})
    lab.resolver.delegate("example.com", *named)

    assert audit(lab)["findings"] == []


@pytest.mark.parametrize(
    "error", [RESOLVER.NoNameservers(), RESOLVER.LifetimeTimeout(timeout=2.0, errors=[])], ids=repr
)
def test_of_a_resolver_that_fails_or_is_silent_the_report_says_only_that(lab: Lab, error: Any) -> None:
    admitted(lab, 1)
    lab.resolver.fail("example.com", error)

    (finding,) = audit(lab)["findings"]
    assert (finding["kind"], finding["because"]) == (
        "not-read",
        "delegation not read: the resolver does not say who serves example.com",
    )
    assert lab.resolver.asked == ["example.com"]


def test_a_zone_is_asked_for_once_and_reported_for_each_of_its_pools(lab: Lab) -> None:
    lab.put_pool("api")
    lab.resolver.delegate("example.com")

    found = findings(audit(lab), "zone-not-delegated")
    assert [each["pool"] for each in found] == ["api", "web"]
    assert lab.resolver.asked == ["example.com"]


def test_an_audit_of_one_pool_asks_for_its_zone_only(lab: Lab) -> None:
    lab.put_pool("api", hosted_zone_id=allowed_zone(lab, "example.net"), record_name="api.example.net")
    lab.resolver.delegate("example.com")

    assert findings(audit(lab, {"pools": ["api"]}), "zone-not-delegated") == []
    assert lab.resolver.asked == ["example.net"]


def test_the_reconciler_asks_no_resolver(lab: Lab) -> None:
    lab.resolver.delegate("example.com")
    admitted(lab, 1)
    signal(lab)

    assert lab.resolver.asked == []


# -- names that are delegated


def delegate(lab: Lab, name: str) -> None:
    servers = [{"Value": f"ns{number}.elsewhere.example."} for number in (1, 2)]
    put_record(lab, {"Name": name, "Type": "NS", "TTL": 300, "ResourceRecords": servers})


@pytest.mark.parametrize("cut", ["app.example.com", "eu.app.example.com"])
def test_an_ns_record_between_the_zone_and_a_pools_name_is_reported_with_the_delegation(lab: Lab, cut: str) -> None:
    name = f"www.{cut}"
    lab.update_stack({"AllowedRecordNames": name})
    lab.put_pool("web", record_name=name)
    lab.settle()
    admitted(lab, 1, name=name)
    assert len(lab.answers(name)) == 1
    delegate(lab, cut)
    assert lab.answers(name) == set()

    (finding,) = findings(audit(lab), "name-delegated")
    assert (finding["pool"], finding["record_name"]) == ("web", name)
    assert finding["because"] == (
        f"an NS record at {cut} delegates the name to ns1.elsewhere.example., ns2.elsewhere.example.: DNS queries for "
        f"{name} do not reach the records of this zone"
    )


def test_an_ns_record_at_the_pools_own_name_takes_the_name_away_too(lab: Lab) -> None:
    delegate(lab, "app.example.com")
    assert len(findings(audit(lab), "name-delegated")) == 1


@pytest.mark.parametrize("beside", ["api.example.com", "a.app.example.com", "pp.example.com"])
def test_the_zones_own_ns_record_and_one_beside_the_name_are_not_findings(lab: Lab, beside: str) -> None:
    delegate(lab, beside)
    assert findings(audit(lab), "name-delegated") == []


# -- private zones


def test_a_check_in_a_private_zone_is_reported_once_a_pool_and_the_zone_is_not_asked_for(lab: Lab) -> None:
    zone_id = private_zone(lab)
    lab.put_pool("web", hosted_zone_id=zone_id, record_name="app.internal.example")
    admitted(lab, 2, name="app.internal.example")
    report = audit(lab)

    (finding,) = report["findings"]
    assert (finding["kind"], finding["pool"]) == ("public-checks-in-private-zone", "web")
    assert finding["record_name"] == "app.internal.example"
    assert finding["because"] == (
        f"hosted zone internal.example ({zone_id}) is private and answers inside its VPCs only, while its "
        "health checks connect to public addresses (public-ipv4) from outside; use a public zone, or "
        '"address": "private-ipv4" with an alarm as the health check, or with null'
    )
    assert report["in_sync"] is True
    assert lab.resolver.asked == []


def test_a_pool_without_a_check_is_right_in_a_private_zone(lab: Lab) -> None:
    lab.put_pool(
        "web",
        hosted_zone_id=private_zone(lab),
        record_name="app.internal.example",
        address="private-ipv4",
        health_check=None,
        admit_when="running",
    )
    launched(lab, 1)

    assert len(in_dns(lab, "app.internal.example")) == 1
    assert audit(lab)["findings"] == []


# -- addresses with several holders


def test_a_foreign_record_with_a_members_address_is_reported(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    address = lab.fleet.address(web)
    put_record(lab, foreign(address))
    report = audit(lab, {"repair": True})

    (finding,) = findings(report, "duplicate-address")
    assert kinds(report) == {"adoptable-record": 1, "duplicate-address": 1}
    assert (finding["pool"], finding["record_name"]) == ("web", "app.example.com")
    assert finding["because"] == (
        f"{address} is the address of {web} and of record 'blue', which is not ours; only one of them should have it"
    )
    assert (report["in_sync"], report["queued"]) == (True, 0)


def test_a_foreign_record_with_the_address_of_a_member_that_is_to_be_admitted_is_reported(lab: Lab) -> None:
    (web,) = launched(lab, 1)
    put_record(lab, foreign(lab.fleet.address(web)))

    (finding,) = findings(audit(lab), "duplicate-address")
    assert web in finding["because"]


def test_two_members_with_one_address_are_reported_unless_a_repair_fixes_it(lab: Lab) -> None:
    first, second, _ = admitted(lab, 3)
    held = lab.fleet.address(first)
    put_record(lab, record_of(lab, second) | {"ResourceRecords": [{"Value": held}]})
    assert findings(audit(lab), "duplicate-address") == []
    lab.fleet.move_address(second, held)
    (finding,) = findings(audit(lab), "duplicate-address")

    assert finding["because"] == (
        f"{held} is the address of {' and of '.join(sorted((first, second)))}; only one of them should have it"
    )


def test_foreign_records_that_share_no_address_with_a_member_are_not_findings(lab: Lab) -> None:
    admitted(lab, 2)
    put_record(lab, foreign("198.18.0.1"))

    assert audit(lab)["findings"] == []
    assert log_lines(lab, "batch refused") == []
