"""Who may only tag instances, or write parameters, costs little and learns nothing from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fleet53.domain.errors import NotUnderstoodError
from tests.functional.test_audit_zones import private_zone
from tests.functional.test_stack_lifecycle import request
from tests.functional.views import OWNER, audit, calls, findings, in_dns, log_lines, put_record, signal

if TYPE_CHECKING:
    from lab.world import Lab

NAMES = tuple(f"{number:03x}" for number in range(64))
"""The names of pools in one tag of 255 characters."""


def sets_of_dimensions(lab: Lab) -> set[tuple[tuple[str, str], ...]]:
    """Return the dimensions of all metrics that were written: each set is billed."""
    return {
        tuple((name, str(line[name])) for name in sorted({"Owner", "Pool", "Kind"} & line.keys()))
        for invocation in lab.invocations
        for line in invocation.metrics
    }


def test_names_of_no_pool_are_one_finding_an_instance_and_no_metric_of_their_own(lab: Lab) -> None:
    mistaken = [lab.fleet.launch(NAMES, events=False) for _ in range(3)]
    audit(lab)
    before = sets_of_dimensions(lab)
    for instance_id in mistaken:
        lab.fleet.retag(instance_id, [f"other-{name}" for name in NAMES[:20]])
    lab.settle()
    report = audit(lab)

    found = findings(report, "unknown-pool")
    assert [(each["pool"], each["instance_id"]) for each in found] == [(None, each) for each in mistaken]
    first = ", ".join(f"'other-{name}'" for name in NAMES[:10])
    assert found[0]["because"] == (f"its tag names pools {first} and 10 more, which are not declared (declared: web)")
    assert sets_of_dimensions(lab) == before
    assert {dict(each).get("Pool") for each in before} == {None, "web"}


def test_a_tag_with_one_unknown_name_is_still_about_that_pool(lab: Lab) -> None:
    mistyped = lab.fleet.launch(("web", "wbe"))
    lab.settle()

    (finding,) = findings(audit(lab), "unknown-pool")
    assert (finding["pool"], finding["instance_id"]) == ("wbe", mistyped)


def test_a_report_about_sixty_one_wrong_tags_is_small(lab: Lab) -> None:
    for _ in range(61):
        lab.fleet.launch(NAMES, events=False)
    report = audit(lab)

    assert len(findings(report, "unknown-pool")) == 51
    assert report["findings"][-1]["because"] == "the tags of 11 more instances name pools that are not declared"
    assert len(json.dumps(report)) < 30_000


# -- parameters


@pytest.mark.parametrize(
    "text", ["hunter2", '{"hosted_zone_id": hunter2', '{"password": "hunter2"}', '{"health_check": {"url": "hunter2"}}']
)
def test_what_a_parameter_holds_by_mistake_is_in_no_report_and_no_log(lab: Lab, text: str) -> None:
    lab.put_pool_text("api", text)
    lab.settle()
    report = audit(lab)

    assert [each["pool"] for each in findings(report, "invalid-pool")] == ["api"]
    assert "hunter2" not in json.dumps(report)
    assert all("hunter2" not in invocation.text for invocation in lab.invocations)


def test_a_private_fallback_in_a_public_zone_is_refused(lab: Lab) -> None:
    lab.put_pool("web", health_check=None, admit_when="running", fallback="10.0.0.1")
    lab.settle()

    (finding,) = findings(audit(lab), "invalid-pool")
    assert finding["because"] == (
        "pool web: fallback='10.0.0.1' is a private address, and clients of the public hosted zone "
        f"example.com ({lab.zone_id}) cannot connect to it"
    )


@pytest.mark.parametrize("private", ["its zone", "its members"])
def test_a_private_fallback_is_taken_where_clients_are_in_the_network(lab: Lab, private: str) -> None:
    zone_id, name = lab.zone_id, "in.example.com"
    if private == "its zone":
        zone_id, name = private_zone(lab), "in.internal.example"
    lab.update_stack({"AllowedRecordNames": name})
    address = "private-ipv4" if private == "its members" else "public-ipv4"
    lab.put_pool(
        "in",
        hosted_zone_id=zone_id,
        record_name=name,
        address=address,
        health_check=None,
        admit_when="running",
        fallback="10.0.0.1",
    )
    lab.settle()

    assert [each["pool"] for each in findings(audit(lab), "invalid-pool")] == []


def test_a_zone_that_is_refused_is_asked_once_a_run_however_many_pools_name_it(lab: Lab) -> None:
    names = [f"p{number}.example.net" for number in range(5)]
    lab.update_stack({"AllowedZoneIds": "Z0NOWHERE", "AllowedRecordNames": ",".join(names)})
    for number, name in enumerate(names):
        lab.put_pool(f"p{number}", hosted_zone_id="Z0NOWHERE", record_name=name)
    lab.settle()
    lab.route53.reset_calls()
    web = lab.fleet.launch(events=False)
    signal(lab)

    asked = [call for call in lab.route53.calls if "Z0NOWHERE" in json.dumps(call.parameters)]
    assert sorted(call.operation for call in asked) == ["GetHostedZone", "ListResourceRecordSets"]
    assert calls(lab)["CreateHealthCheck"] == 1
    assert in_dns(lab) <= {web}


# -- limits and answers


def test_a_name_near_its_hundred_records_counts_as_a_quota_that_is_nearly_used_up(lab: Lab) -> None:
    for number in range(85):
        put_record(
            lab,
            {
                "Name": "app.example.com",
                "Type": "A",
                "TTL": 60,
                "SetIdentifier": f"theirs-{number}",
                "MultiValueAnswer": True,
                "ResourceRecords": [{"Value": f"198.18.1.{number}"}],
            },
        )
    report = audit(lab)

    assert report["quotas"]["names"] == {"app.example.com": {"used": 85, "limit": 100}}
    assert lab.invocations[-1].metric("QuotaUsed", Owner=OWNER) == [85.0]


def test_a_request_whose_answer_would_not_go_over_tls_is_refused_before_anything_is_done(lab: Lab) -> None:
    invocation = lab.invoke("StackLifecycleFunction", request(lab, ResponseURL="http://169.254.169.254/answer"))

    assert isinstance(invocation.error, NotUnderstoodError)
    assert str(invocation.error) == "ResponseURL is not an https URL"
    assert log_lines(lab, "request answered") == []
    assert lab.settle() == 0
