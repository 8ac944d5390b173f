"""What carries another owner's mark, or none, is never changed: not its records, and not its health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functional.views import (
    admitted,
    audit,
    check_of,
    checks,
    create_check,
    findings,
    in_dns,
    launched,
    put_record,
    record_of,
    records,
    see_healthy,
    signal,
    values,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

OTHER = "green.eu-west-1.123456789012"


def multivalue(identifier: str, address: str, name: str = "app.example.com", **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "A",
        "SetIdentifier": identifier,
        "MultiValueAnswer": True,
        "TTL": 300,
        "ResourceRecords": [{"Value": address}],
    } | more


def simple(name: str, record_type: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Type": record_type, "TTL": 300, "ResourceRecords": [{"Value": value}]}


def long_scenario(lab: Lab) -> None:
    """Have fleet53 do everything it does: admit, move, withdraw, renew, sweep, repair, force."""
    web = admitted(lab, 3)
    lab.fleet.stop(web[0])
    lab.settle()
    lab.fleet.start(web[0])
    lab.put_pool("web", ttl=30, health_check={"url": "http://:80/ready"})
    lab.settle()
    see_healthy(lab, web)
    lab.put_pool("api")
    lab.settle()
    lab.delete_pool("api")
    lab.settle()
    audit(lab, {"repair": True, "force": True})
    lab.settle()
    for instance_id in web:
        lab.fleet.terminate(instance_id)
    lab.settle()
    audit(lab, {"repair": True, "force": True})
    wait(lab, 900)
    assert in_dns(lab) == set()


def test_foreign_records_at_the_pools_name_and_beside_it_are_the_same_after_all(lab: Lab) -> None:
    foreign_check = create_check(lab, "by hand")
    foreign = [
        multivalue("by-hand", "52.94.0.1", HealthCheckId=foreign_check),
        multivalue(f"{OTHER}/i-0123456789abcdef0", "52.94.0.2"),
        multivalue("fleet53.eu-west-1.123456789012", "52.94.0.3"),
        multivalue("fleet53.eu-west-1.1234567890123/i-0123456789abcdef0", "52.94.0.4"),
        multivalue("by-hand", "52.94.0.5", name="other.example.com"),
        simple("www.example.com", "A", "52.94.0.6"),
        simple("app.example.com", "TXT", '"hello"'),
        simple("blog.example.com", "CNAME", "app.example.com."),
    ]
    for record in foreign:
        put_record(lab, record)
    pages = {"HostedZoneId": lab.zone_id}
    before = lab.route53.call("ListResourceRecordSets", pages)["ResourceRecordSets"]

    long_scenario(lab)

    assert lab.route53.call("ListResourceRecordSets", pages)["ResourceRecordSets"] == before


def test_foreign_checks_are_the_same_after_all(lab: Lab) -> None:
    create_check(lab, "by hand")
    create_check(lab, "fleet53/00000000/00000000/i-0123456789abcdef0/000000000000", FailureThreshold=5)
    create_check(lab, "fleet53/i-0123456789abcdef0", Disabled=True)
    before = checks(lab)

    long_scenario(lab)

    assert checks(lab) == before


def test_another_stacks_check_of_the_same_instance_and_pool_is_not_used_and_not_deleted(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    ours = check_of(lab, web)
    fleet53, owner_hash, *rest = checks(lab)[ours]["CallerReference"].split("/")
    theirs = create_check(lab, "/".join([fleet53, owner_hash[::-1], *rest]), lab.fleet.address(web))

    signal(lab)
    assert record_of(lab, web)["HealthCheckId"] == ours
    lab.fleet.terminate(web)
    lab.settle()
    signal(lab)

    assert list(checks(lab)) == [theirs]


def test_a_foreign_check_that_a_record_of_ours_was_edited_to_name_is_left_and_replaced(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    ours = check_of(lab, web)
    foreign = create_check(lab, "by hand", lab.fleet.address(web))
    untouched = checks(lab)[foreign]
    put_record(lab, record_of(lab, web) | {"HealthCheckId": foreign})

    report = audit(lab, {"repair": True})
    lab.settle()
    see_healthy(lab, [web])

    assert [each["instance_id"] for each in findings(report, "stale-record")] == [web]
    assert record_of(lab, web)["HealthCheckId"] == ours
    assert checks(lab)[foreign] == untouched


@pytest.mark.parametrize(
    "foreign",
    [
        simple("app.example.com", "A", "52.94.0.6"),
        simple("app.example.com", "CNAME", "www.example.com."),
    ],
    ids=["a simple A", "a CNAME"],
)
def test_a_foreign_record_in_the_way_is_reported_and_left_and_no_check_is_wasted(
    lab: Lab, foreign: dict[str, Any]
) -> None:
    put_record(lab, foreign)
    before = lab.route53.records("app.example.com", foreign["Type"])

    web = launched(lab, 2)
    signal(lab)
    report = audit(lab)

    assert lab.route53.records("app.example.com", foreign["Type"]) == before
    assert in_dns(lab) == set()
    assert checks(lab) == {}
    assert findings(report, "foreign-record-in-the-way") != []
    assert all("app.example.com" in each["because"] for each in findings(report, "foreign-record-in-the-way"))
    assert {each["instance_id"] for each in findings(report, "foreign-record-in-the-way")} <= {None, *web}


def test_when_the_foreign_record_has_gone_the_members_come(lab: Lab) -> None:
    foreign = simple("app.example.com", "A", "52.94.0.6")
    put_record(lab, foreign)
    web = launched(lab, 2)
    put_record(lab, foreign, "DELETE")

    audit(lab, {"repair": True})
    lab.settle()
    see_healthy(lab, web)

    assert in_dns(lab) == set(web)


def test_a_foreign_aaaa_record_does_not_stop_a_records(lab: Lab) -> None:
    put_record(lab, simple("app.example.com", "AAAA", "2600:1f18::1"))

    web = admitted(lab, 2)

    assert in_dns(lab) == set(web)
    assert values(lab, record_type="AAAA") == {"2600:1f18::1"}


def test_two_stacks_share_a_name_and_neither_sees_the_others_members_as_its_own(lab: Lab) -> None:
    theirs = create_check(lab, "green's own", "52.94.0.9")
    blue = admitted(lab, 2)
    put_record(lab, multivalue(f"{OTHER}/{blue[0]}", "52.94.0.9", HealthCheckId=theirs))
    put_record(lab, multivalue(f"{OTHER}/i-0fedcba9876543210", "52.94.0.8"))
    green = {key: each for key, each in records(lab).items() if key.startswith(OTHER)}
    assert len(green) == 2

    report = audit(lab)
    lab.put_pool("web", ttl=30)
    lab.fleet.terminate(blue[0])
    lab.settle()

    assert report["in_sync"] is True
    assert [(pool["members"], pool["in_dns"]) for pool in report["pools"]] == [(2, 2)]
    assert {key: each for key, each in records(lab).items() if key.startswith(OTHER)} == green
    assert values(lab) == {"52.94.0.8", "52.94.0.9", lab.fleet.address(blue[1])}
    assert theirs in checks(lab)
