"""What an operator changes by a stack update leaves no record behind, and never empties a name that could be answered.

Every test asks DNS in every second of the update.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON, NO_OTHER_NAME
from tests.functional.incidents import fail_lifecycle, wait_in_lab_time
from tests.functional.queries import asking
from tests.functional.views import OWNER, admitted, audit, checks, findings, in_dns, kinds, records, signal

OLD, NEW, API = "app.example.com", "www.example.com", "api.example.com"

pytestmark = [pytest.mark.usefixtures("lab_time"), NO_OTHER_NAME]


def refusal(lab: Lab) -> str:
    """Return why the newest update was refused: its first answer of the precondition that is a failure."""
    answers = lab.custom_resources["StackPrecondition"].answers
    (reason,) = (answer["Reason"] for answer in answers if answer["Status"] == "FAILED")
    return str(reason)


def policy(lab: Lab) -> Any:
    return lab.deployment.properties["WithdrawPolicy"]["PolicyDocument"]["Statement"][0]


def test_a_record_name_that_still_has_records_is_not_dropped_and_the_refusal_says_what_to_keep_where(lab: Lab) -> None:
    members = admitted(lab, 2)
    queries = asking(lab, OLD, members)
    lab.run(25)
    before = lab.deployment.properties, records(lab), checks(lab)

    assert lab.update_stack({"RecordName": NEW}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert refusal(lab) == (
        f"2 records of this stack remain where it could not change them any more: 2 at {OLD} in {lab.zone_id}. Keep "
        f"{OLD} in AllowedRecordNames until they are withdrawn, then update the stack again. Nothing was changed."
    )
    lab.run(30)
    assert (lab.deployment.properties, records(lab), checks(lab)) == before
    assert (records(lab, NEW), queries.wrong) == ({}, [])
    assert queries.asked > 60


def test_a_zone_that_still_has_records_is_not_dropped_and_the_refusal_says_what_to_keep_where(lab: Lab) -> None:
    members = admitted(lab, 3)
    queries = asking(lab, OLD, members)
    lab.run(25)
    twin = lab.create_zone("example.com")

    assert lab.update_stack({"HostedZoneId": twin}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"3 records of this stack remain where it could not change them any more: 3 at {OLD}" in refusal(lab)
    assert f"Keep {lab.zone_id} in AllowedZoneIds until they are withdrawn" in refusal(lab)
    lab.run(30)
    assert (in_dns(lab), queries.wrong) == (set(members), [])


def test_the_place_of_an_additional_pool_is_not_dropped_while_it_has_records(lab: Lab) -> None:
    zone_id = lab.create_zone("example.net")
    lab.update_stack({"AllowedRecordNames": "api.example.net", "AllowedZoneIds": zone_id})
    lab.put_pool("api", hosted_zone_id=zone_id, record_name="api.example.net")
    (api,) = admitted(lab, 1, "api.example.net", pools=["api"])
    queries = asking(lab, "api.example.net", [api])

    assert lab.update_stack({"AllowedRecordNames": "", "AllowedZoneIds": ""}, pause=2) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"Keep api.example.net in AllowedRecordNames and {zone_id} in AllowedZoneIds" in refusal(lab)
    assert (in_dns(lab, "api.example.net"), queries.wrong) == ({api}, [])

    lab.fleet.terminate(api)
    lab.settle()
    assert lab.update_stack({"AllowedRecordNames": "", "AllowedZoneIds": ""}, pause=2) == "UPDATE_COMPLETE"


def test_a_place_without_our_records_is_dropped_even_if_others_have_records_there(lab: Lab) -> None:
    twin = lab.create_zone("example.com")
    record = {
        "Name": OLD,
        "Type": "A",
        "SetIdentifier": "another.eu-west-1.123456789012/i-1",
        "MultiValueAnswer": True,
        "TTL": 60,
        "ResourceRecords": [{"Value": "198.18.0.1"}],
    }
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": batch})
    assert lab.update_stack({"HostedZoneId": twin, "RecordName": NEW}) == "UPDATE_COMPLETE"


def test_a_zone_that_is_gone_is_dropped(lab: Lab) -> None:
    lab.update_stack({"AllowedZoneIds": "Z0GONE"})
    assert lab.update_stack({"AllowedZoneIds": ""}) == "UPDATE_COMPLETE"


def test_a_zone_that_cannot_be_read_is_not_dropped(lab: Lab) -> None:
    other = lab.create_zone("example.net")
    lab.update_stack({"AllowedZoneIds": other})
    lab.route53.deny(other)
    assert lab.update_stack({"AllowedZoneIds": ""}) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"hosted zone {other}: AccessDenied" in refusal(lab)


def test_another_tag_key_is_refused_until_every_instance_with_a_record_has_it(lab: Lab) -> None:
    one, two = admitted(lab, 2)
    queries = asking(lab, OLD, [one, two])
    lab.run(25)
    ec2 = lab.client("ec2")
    ec2.create_tags(Resources=[one], Tags=[{"Key": "dns/pool", "Value": "web"}])

    assert lab.update_stack({"PoolTagKey": "dns/pool"}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert refusal(lab) == (
        f"1 instances with records of this stack would no longer be members: {two}. First tag them so that dns/pool "
        "names their pools, with web for the first one. Leave web in fleet53:pool until the stack is updated. Nothing "
        "was changed."
    )
    ec2.create_tags(Resources=[two], Tags=[{"Key": "dns/pool", "Value": "web"}])
    assert lab.update_stack({"PoolTagKey": "dns/pool"}, pause=3) == "UPDATE_COMPLETE"
    lab.run(60)
    assert (in_dns(lab), queries.wrong) == ({one, two}, [])


def test_another_name_of_the_first_pool_is_refused_until_every_instance_with_a_record_is_tagged_with_it(
    lab: Lab,
) -> None:
    one, two = admitted(lab, 2)
    queries = asking(lab, OLD, [one, two])
    lab.run(25)
    lab.fleet.retag(one, ["web", "www"])

    assert lab.update_stack({"PoolName": "www"}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"would no longer be members: {two}. First tag them" in refusal(lab)
    assert "with www for the first one. Leave web in fleet53:pool" in refusal(lab)
    lab.run(60)
    assert (in_dns(lab), queries.wrong) == ({one, two}, [])


def records_without_check(lab: Lab) -> list[str]:
    """Return the identifiers of the records that name a health check that does not exist."""
    there = checks(lab)
    return [key for key, record in records(lab).items() if record.get("HealthCheckId") not in there]


@dataclass(slots=True)
class Dangling:
    """The records that name no health check, in any turn of the lab."""

    lab: Lab
    found: list[str] = field(default_factory=list)

    def turn(self) -> None:
        """Look once."""
        self.found += records_without_check(self.lab)


@pytest.mark.parametrize(("count", "pause"), [(2, 3), (5, 0)])
def test_another_name_of_the_first_pool_keeps_every_member_that_has_both_names_in_its_tag(
    lab: Lab, count: int, pause: int
) -> None:
    members = admitted(lab, count)
    queries, dangling = asking(lab, OLD, members), Dangling(lab)
    lab.crowds.append(dangling)
    lab.run(25)
    for each in members:
        lab.fleet.retag(each, ["web", "www"])
    lab.run(5)

    assert lab.update_stack({"PoolName": "www"}, pause=pause) == "UPDATE_COMPLETE"
    lab.run(130)
    assert (in_dns(lab), queries.wrong, dangling.found) == (set(members), [], [])
    assert lab.pools.names() == ("www",)

    assert len(checks(lab)) == count

    for each in members:
        lab.fleet.retag(each, ["www"])
    lab.run(60)
    assert (in_dns(lab), queries.wrong, dangling.found) == (set(members), [], [])
    assert (len(checks(lab)), kinds(audit(lab))) == (count, {})


def test_the_first_pool_gets_another_name_and_another_place_in_two_updates_because_one_is_refused(lab: Lab) -> None:
    members = admitted(lab, 2)
    queries = asking(lab, OLD, members, also=[NEW])
    lab.run(25)
    for each in members:
        lab.fleet.retag(each, ["web", "www"])
    lab.run(5)

    moved = {"RecordName": NEW, "AllowedRecordNames": OLD}
    assert lab.update_stack({"PoolName": "www", **moved}, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert refusal(lab) == (
        f"2 records of this stack are at {OLD} in {lab.zone_id}, and pool web would get another name and another place "
        "at once, so fleet53 could not tell that they have moved. Update PoolName first, and then RecordName and "
        "HostedZoneId. Nothing was changed."
    )
    assert lab.update_stack({"PoolName": "www"}, pause=3) == "UPDATE_COMPLETE"
    assert lab.update_stack(moved, pause=3) == "UPDATE_COMPLETE"
    lab.run(130)
    assert (in_dns(lab, OLD), in_dns(lab, NEW), queries.wrong) == (set(), set(members), [])


@pytest.mark.parametrize("count", [2, 5])
def test_the_first_pool_does_not_take_the_place_of_another_pool_that_has_members_there(lab: Lab, count: int) -> None:
    lab.update_stack({"AllowedRecordNames": API})
    members = admitted(lab, 2)
    lab.put_pool("api", record_name=API)
    others = admitted(lab, count, API, pools=["api"])
    queries = asking(lab, API, others)
    lab.run(25)

    moved = {"RecordName": API, "AllowedRecordNames": OLD}
    assert lab.update_stack(moved, pause=3) == "UPDATE_ROLLBACK_COMPLETE"
    assert f"{count} instances with records at {API} in {lab.zone_id} are members of api and not of web" in refusal(lab)
    lab.run(60)
    assert (in_dns(lab, API), in_dns(lab), queries.wrong) == (set(others), set(members), [])

    for each in others:
        lab.fleet.retag(each, ["api", "web"])
    queries.members += members
    assert lab.update_stack(moved, pause=3) == "UPDATE_COMPLETE"
    lab.run(130)
    assert (in_dns(lab, API), queries.wrong) == ({*others, *members}, [])


def test_an_instance_that_ends_does_not_have_to_be_tagged(lab: Lab) -> None:
    (one,) = admitted(lab, 1)
    lab.fleet.stop(one, events=False)
    assert lab.update_stack({"PoolName": "www", "PoolTagKey": "dns/pool"}) == "UPDATE_COMPLETE"


def test_a_stack_is_deleted_after_an_update_that_was_refused(lab: Lab) -> None:
    admitted(lab, 2)
    assert lab.update_stack({"RecordName": NEW}) == "UPDATE_ROLLBACK_COMPLETE"
    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert (records(lab), records(lab, NEW), checks(lab)) == ({}, {}, {})


def test_an_update_that_fails_late_is_rolled_back_to_a_stack_that_works(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = admitted(lab, 2)
    queries = asking(lab, OLD, members)
    lab.run(25)
    fail_lifecycle(lab, monkeypatch)

    assert lab.update_stack({"RecordTTL": "30", "AllowedRecordNames": NEW}) == "UPDATE_ROLLBACK_COMPLETE"
    answers = [answer["Status"] for answer in lab.custom_resources["StackLifecycle"].answers]
    assert answers == ["SUCCESS", "FAILED", "SUCCESS"]
    lab.run(60)
    assert {record["TTL"] for record in records(lab).values()} == {60}
    assert NEW not in str(policy(lab))
    assert (in_dns(lab), queries.wrong) == (set(members), [])


def test_what_was_kept_is_taken_over_by_a_new_stack_of_the_same_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab({"OnStackDelete": "keep"}, start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        stays, ends = admitted(lab, 2)
        queries = asking(lab, OLD, [stays, ends])
        lab.run(25)
        kept = records(lab), checks(lab)
        assert lab.delete_stack() == "DELETE_COMPLETE"
        lab.run(60)
        assert (records(lab), checks(lab)) == kept
        lab.fleet.terminate(ends)
        lab.create_stack()

        assert list(records(lab)) == [f"{OWNER}/{stays}"]
        assert records(lab)[f"{OWNER}/{stays}"] == kept[0][f"{OWNER}/{stays}"]
        assert len(checks(lab)) == 1
        lab.run(60)
        assert queries.negative == []


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-eusc"])
def test_a_stack_in_another_partition_is_refused_before_anything_is_created(lab: Lab, partition: str) -> None:
    request = {
        "RequestType": "Create",
        "ResponseURL": lab.answer_urls.url("r-1"),
        "StackId": f"arn:{partition}:cloudformation:cn-north-1:123456789012:stack/fleet53/1",
        "RequestId": "r-1",
        "ResourceType": "Custom::StackPrecondition",
        "LogicalResourceId": "StackPrecondition",
        "ResourceProperties": {"HostedZoneIds": ["Z1"], "RecordNames": ["app.example.com"]},
    }
    lab.invoke("StackLifecycleFunction", request)
    answer = lab.answer_urls.answer("r-1")
    assert answer["Status"] == "FAILED"
    assert f"works in the partition aws only, and this stack is in {partition}" in answer["Reason"]


def test_a_pool_whose_name_the_stack_does_not_allow_is_invalid_without_a_call(lab: Lab) -> None:
    members = admitted(lab, 1)
    queries = asking(lab, OLD, members)
    lab.put_pool("api", record_name="api.example.com")
    lab.settle()
    lab.route53.reset_calls()
    lab.fleet.launch(pools=["api"])
    lab.settle()
    assert [call.operation for call in lab.route53.calls] == []

    (finding,) = findings(lab.audit(), "invalid-pool")
    assert finding["because"] == (
        "/fleet53/fleet53/pools/api: record_name='api.example.com' is not allowed: add it to AllowedRecordNames of the "
        "stack"
    )
    lab.run(60)
    assert (in_dns(lab), queries.wrong) == (set(members), [])


def test_a_pool_that_is_given_a_name_that_the_stack_does_not_allow_stays_where_it_is_until_it_does(lab: Lab) -> None:
    stays, ends = members = admitted(lab, 2)
    queries = asking(lab, OLD, members, also=[NEW])
    before = records(lab), checks(lab)
    lab.put_pool("web", record_name=NEW)
    lab.run(60)
    assert (records(lab), checks(lab)) == before

    lab.functions.cold_start()
    lab.fleet.terminate(ends)
    lab.run(5)
    assert in_dns(lab) == {stays}

    assert lab.update_stack({"AllowedRecordNames": NEW}, pause=3) == "UPDATE_COMPLETE"
    lab.run(130)
    assert (in_dns(lab), in_dns(lab, NEW)) == (set(), {stays})
    assert queries.wrong == []


def test_a_pool_whose_zone_the_stack_does_not_allow_is_invalid_without_a_call(lab: Lab) -> None:
    other = lab.create_zone("example.net")
    lab.put_pool("api", hosted_zone_id=other, record_name="api.example.net")
    lab.settle()
    lab.route53.reset_calls()
    (finding,) = findings(lab.audit(), "invalid-pool")
    assert f"hosted_zone_id='{other}' is not allowed: add it to AllowedZoneIds" in finding["because"]
    assert "record_name='api.example.net' is not allowed: add it to AllowedRecordNames" in finding["because"]
    assert other not in {call.parameters.get("Id", call.parameters.get("HostedZoneId")) for call in lab.route53.calls}
    signal(lab)
    assert lab.invocations[-1].metric("Findings", Pool="api", Kind="invalid-pool") == [1.0]


def test_a_pool_works_as_soon_as_the_stack_allows_its_place(lab: Lab) -> None:
    other = lab.create_zone("example.net")
    lab.put_pool("api", hosted_zone_id=other, record_name="api.example.net")
    (api,) = (lab.fleet.launch(pools=["api"]),)
    lab.settle()
    assert checks(lab) == {}
    assert lab.update_stack({"AllowedRecordNames": "api.example.net", "AllowedZoneIds": other}) == "UPDATE_COMPLETE"
    lab.settle()
    lab.report_health(api)
    lab.run(31, step=31)
    assert in_dns(lab, "api.example.net") == {api}
