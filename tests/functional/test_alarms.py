"""Every alarm goes off by what its cause really emits, is quiet otherwise, and clears when the cause is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.faults import Fault
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import denied, wait_in_lab_time
from tests.functional.views import admitted, delete_record, in_dns, launched, record_of, see_healthy, signal, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = "fleet53.eu-west-1.123456789012"
TO_ALL = '{"source": "fleet53", "detail-type": "Reconcile", "detail": {"pools": "*", "because": "a test asks"}}'
ALARMS = {
    "DeadLettersAlarm",
    "DriftAlarm",
    "FindingsAlarm",
    "NoAuditAlarm",
    "PoolUnansweredAlarm",
    "QuotaAlarm",
    "ReconcilerErrorsAlarm",
    "SignalAgeAlarm",
    "UnhealthyMembersAlarm",
    "WithdrawalsHeldAlarm",
}


@pytest.fixture
def reporting() -> Iterator[Lab]:
    """Return a stack whose scheduled audit only reports."""
    with Lab({"AuditMode": "report"}, start=MONDAY_NOON) as lab:
        yield lab


def rung(lab: Lab, minutes: int) -> set[str]:
    """Let time pass, and return every alarm that was in ALARM at a full minute meanwhile."""
    seen: set[str] = set()
    for _ in range(minutes):
        lab.run(60, step=60)
        seen |= lab.alarms.ringing()
    return seen


def mailbox(lab: Lab) -> str:
    """Subscribe a queue to the topic of the alarms, as an operator does, and return its URL."""
    url: str = lab.client("sqs").create_queue(QueueName="mailbox")["QueueUrl"]
    arn = f"arn:aws:sqs:eu-west-1:123456789012:{url.rsplit('/', 1)[1]}"
    topic = lab.deployment.outputs["AlarmTopicArn"]
    lab.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def mail(lab: Lab, url: str) -> list[dict[str, str]]:
    """Return what the topic has published since the last look."""
    sqs = lab.client("sqs")
    messages: list[dict[str, str]] = []
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in received:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        messages += received
    return [json.loads(json.loads(message["Body"])["Message"]) for message in messages]


# -- quiet


def test_a_fresh_stack_is_quiet_over_an_hour_of_normal_life(lab: Lab) -> None:
    url = mailbox(lab)
    first, _ = admitted(lab, 2)
    seen = rung(lab, 20)
    lab.fleet.stop(first)
    (third,) = launched(lab, 1)
    see_healthy(lab, [third])
    seen |= rung(lab, 40)

    assert seen == set()
    assert lab.alarms.states() == dict.fromkeys(ALARMS, "OK")
    assert {each["OldStateValue"] for each in mail(lab, url)} == {"INSUFFICIENT_DATA"}


def test_a_stack_without_any_instance_is_quiet(lab: Lab) -> None:
    assert rung(lab, 40) == set()


def test_alarms_know_nothing_at_first(lab: Lab) -> None:
    assert lab.alarms.states() == dict.fromkeys(ALARMS, "INSUFFICIENT_DATA")


def test_the_topic_gets_one_message_with_what_to_do_and_one_when_the_alarm_ends(lab: Lab) -> None:
    url = mailbox(lab)
    dead = lab.deployment.queue_url("DeadLetters")
    lab.client("sqs").send_message(QueueUrl=dead, MessageBody="reboot all")
    rung(lab, 5)
    lab.client("sqs").purge_queue(QueueUrl=dead)
    rung(lab, 5)

    told, ended = (each for each in mail(lab, url) if each["OldStateValue"] != "INSUFFICIENT_DATA")
    assert (ended["AlarmName"], ended["NewStateValue"]) == ("fleet53-DeadLettersAlarm", "OK")
    assert (told["AlarmName"], told["OldStateValue"], told["NewStateValue"]) == (
        "fleet53-DeadLettersAlarm",
        "OK",
        "ALARM",
    )
    assert told["AlarmDescription"].endswith("docs/runbook.md#deadlettersalarm")


# -- signals


def test_a_message_that_cannot_be_read_raises_an_alarm_when_it_reaches_the_dead_letter_queue(lab: Lab) -> None:
    lab.send("reboot all")

    assert rung(lab, 10) == set()
    assert rung(lab, 20) == {"DeadLettersAlarm"}
    lab.client("sqs").purge_queue(QueueUrl=lab.deployment.queue_url("DeadLetters"))
    rung(lab, 3)
    assert lab.alarms.ringing() == set()


def test_signals_that_are_not_received_raise_an_alarm_after_half_an_hour(lab: Lab) -> None:
    pollers, lab.pollers = lab.pollers, ()
    lab.send(TO_ALL)

    assert rung(lab, 29) == set()
    assert rung(lab, 6) == {"SignalAgeAlarm"}
    lab.pollers = pollers
    rung(lab, 7)
    assert lab.alarms.ringing() == set()


# -- the reconciler


def test_passes_that_aws_denies_are_an_alarm_though_no_invocation_fails(lab: Lab) -> None:
    signal(lab, "web")
    with denied("reconciler", "ec2", "DescribeInstances"):
        lab.send(TO_ALL)
        assert rung(lab, 12) == {"ReconcilerErrorsAlarm"}

    assert [each for each in lab.invocations if each.error] == []
    rung(lab, 16)
    assert lab.alarms.ringing() == set()


def test_a_reconciler_that_cannot_start_is_an_alarm(lab: Lab) -> None:
    environment = lab.deployment.functions["ReconcilerFunction"].environment
    right = environment["FLEET53_MAX_WITHDRAW_PERCENT"]
    environment["FLEET53_MAX_WITHDRAW_PERCENT"] = "half"
    lab.functions.cold_start("ReconcilerFunction")
    lab.fleet.launch()
    assert rung(lab, 6) == set()
    lab.fleet.launch()
    assert rung(lab, 3) == {"ReconcilerErrorsAlarm"}

    environment["FLEET53_MAX_WITHDRAW_PERCENT"] = right
    rung(lab, 12)
    assert lab.alarms.ringing() == set()


def runs_failed(lab: Lab) -> list[float]:
    return [value for each in lab.invocations for value in each.metric("RunsFailed", Owner=OWNER)]


def test_a_pass_that_is_throttled_once_is_not_a_failed_run_and_one_that_always_is_throttled_is(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_in_lab_time(lab, monkeypatch)
    lab.put_pool("web", health_check=None, admit_when="running")
    lab.settle()
    lab.invocations.clear()
    lab.route53.throttle(8)
    web = lab.fleet.launch()
    lab.settle()
    lab.clock.advance(6)
    lab.settle()
    assert (in_dns(lab), runs_failed(lab)) == ({web}, [0.0, 0.0])

    lab.route53.throttle(16)
    signal(lab, "web")
    lab.clock.advance(6)
    lab.settle()
    assert runs_failed(lab)[2:] == [0.0, 1.0]


def test_a_message_that_cannot_be_read_is_not_a_failed_run(lab: Lab) -> None:
    lab.send("reboot all")
    for _ in range(3):
        lab.settle()
        lab.clock.advance(301)
    assert runs_failed(lab) == [0.0, 0.0, 0.0]


# -- the audit


def test_drift_is_an_alarm_when_two_audits_have_seen_it_and_not_after_one(reporting: Lab) -> None:
    lab = reporting
    web, _ = admitted(lab, 2)
    delete_record(lab, record_of(lab, web))

    assert rung(lab, 28) == set()
    assert rung(lab, 4) == {"DriftAlarm"}
    signal(lab)
    rung(lab, 16)
    assert lab.alarms.ringing() == set()


def test_drift_that_is_repaired_raises_no_alarm(lab: Lab) -> None:
    web, other = admitted(lab, 2)
    delete_record(lab, record_of(lab, web))

    assert rung(lab, 40) == set()
    assert in_dns(lab) == {web, other}


def test_drift_that_two_audits_of_one_period_see_raises_no_alarm_where_the_next_one_does_not(reporting: Lab) -> None:
    lab = reporting
    rung(lab, 3)
    web, _ = admitted(lab, 2)
    delete_record(lab, record_of(lab, web))
    lab.audit()
    rung(lab, 5)
    lab.audit()
    signal(lab)

    assert rung(lab, 30) == set()


def test_a_schedule_that_is_disabled_is_an_alarm_after_three_periods(lab: Lab) -> None:
    events, rule = lab.client("events"), lab.deployment.resources["AuditFunctionSchedule"]
    events.disable_rule(Name=rule)

    assert rung(lab, 44) == set()
    assert rung(lab, 4) == {"NoAuditAlarm"}
    events.enable_rule(Name=rule)
    rung(lab, 17)
    assert lab.alarms.ringing() == set()


def test_an_audit_of_some_pools_is_none_of_all(lab: Lab) -> None:
    lab.client("events").disable_rule(Name=lab.deployment.resources["AuditFunctionSchedule"])
    rung(lab, 40)
    lab.audit({"pools": ["web"]})

    assert rung(lab, 8) == {"NoAuditAlarm"}


def test_withdrawals_that_a_run_holds_raise_an_alarm_until_a_person_forces_them(lab: Lab) -> None:
    members = admitted(lab, 4)
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)
    signal(lab)
    before = len([each for each in lab.invocations if each.function == "AuditFunction"])

    assert rung(lab, 2) == {"WithdrawalsHeldAlarm"}
    assert len([each for each in lab.invocations if each.function == "AuditFunction"]) == before
    assert rung(lab, 35) == {"WithdrawalsHeldAlarm"}
    lab.audit({"repair": True, "force": True})
    lab.settle()
    assert in_dns(lab) == {members[0]}
    rung(lab, 20)
    assert lab.alarms.ringing() == set()


def test_a_run_about_another_pool_calls_no_alarm_off(lab: Lab) -> None:
    lab.put_pool("api")
    members = admitted(lab, 4)
    for instance_id in members[1:]:
        lab.fleet.forget(instance_id)
    signal(lab)
    rung(lab, 2)
    for _ in range(4):
        signal(lab, "api")
        rung(lab, 2)
        assert "WithdrawalsHeldAlarm" in lab.alarms.ringing()


def test_a_quota_that_is_nearly_used_up_is_an_alarm_until_there_is_room_again(lab: Lab) -> None:
    lab.route53.health_check_quota = 5
    admitted(lab, 4)
    assert rung(lab, 17) == set()
    lab.route53.health_check_quota = 4

    assert rung(lab, 17) == {"QuotaAlarm"}
    rung(lab, 10)
    assert lab.alarms.ringing() == {"QuotaAlarm"}
    assert lab.audit()["verdict"] == "near-limit"
    lab.route53.health_check_quota = 200
    rung(lab, 17)
    assert lab.alarms.ringing() == set()


# -- answers


def test_a_pool_whose_last_member_ends_is_an_alarm_within_a_minute_until_it_is_answered_again(lab: Lab) -> None:
    members = admitted(lab, 2)
    rung(lab, 20)
    for instance_id in members:
        lab.fleet.terminate(instance_id)

    assert rung(lab, 2) == {"PoolUnansweredAlarm"}
    rung(lab, 40)
    assert lab.alarms.ringing() == {"PoolUnansweredAlarm"}
    admitted(lab, 1)
    rung(lab, 17)
    assert lab.alarms.ringing() == set()


def test_a_pool_that_is_answered_again_does_not_end_the_alarm_while_another_one_is_unanswered(lab: Lab) -> None:
    lab.put_pool("api")
    lab.settle()
    members = *admitted(lab, 1), *admitted(lab, 1, "api.example.com", pools=("api",))
    rung(lab, 20)
    for instance_id in members:
        lab.fleet.terminate(instance_id)
    assert rung(lab, 2) == {"PoolUnansweredAlarm"}
    admitted(lab, 1)
    rung(lab, 2)
    assert lab.alarms.ringing() == {"PoolUnansweredAlarm"}

    admitted(lab, 1, "api.example.com", pools=("api",))
    rung(lab, 2)
    assert lab.alarms.ringing() == set()


@pytest.mark.parametrize(("others", "read"), [(10, 1), (11, 0)])
def test_a_run_that_fills_a_pool_reads_ten_other_pools_of_a_zone_in_one_request_and_no_more(
    others: int, read: int
) -> None:
    with Lab({"AllowedRecordNames": ",".join(f"p{n}.example.com" for n in range(11))}) as lab:
        pools = [f"p{number}" for number in range(others)]
        for pool in pools:
            lab.put_pool(pool, health_check=None, admit_when="running")
        lab.fleet.launch(pools)
        (web,) = launched(lab, 1)
        lab.route53.reset_calls()
        see_healthy(lab, [web])

        names = [call.parameters.get("StartRecordName", "") for call in lab.route53.calls]
        assert in_dns(lab) == {web}
        assert len([name for name in names if name.startswith("p")]) == read


def test_an_unanswered_pool_keeps_the_alarm_when_ec2_has_forgotten_its_instances(lab: Lab) -> None:
    lab.put_pool("api")
    lab.settle()
    members = admitted(lab, 2)
    rung(lab, 20)
    for instance_id in members:
        lab.fleet.terminate(instance_id)
    rung(lab, 2)
    for instance_id in members:
        lab.fleet.forget(instance_id)
    rung(lab, 40)

    assert lab.alarms.ringing() == {"PoolUnansweredAlarm"}
    admitted(lab, 1)
    rung(lab, 2)
    assert lab.alarms.ringing() == set()


@pytest.mark.parametrize("text", ["{}", '{"hosted_zone_id": "Z0000000000000000000X"}'])
def test_an_unanswered_pool_stays_an_alarm_when_it_can_no_longer_be_looked_at(lab: Lab, text: str) -> None:
    (only,) = admitted(lab, 1)
    rung(lab, 20)
    lab.fleet.terminate(only)
    rung(lab, 2)
    lab.put_pool_text("web", text)
    rung(lab, 20)

    assert "PoolUnansweredAlarm" in lab.alarms.ringing()


def test_a_pool_that_its_fallback_answers_raises_no_alarm(lab: Lab) -> None:
    lab.put_pool("web", fallback="52.95.9.9")
    (only,) = admitted(lab, 1)
    lab.fleet.terminate(only)

    assert rung(lab, 35) == set()


def test_a_pool_without_instances_does_not_keep_an_alarm_so_that_the_next_outage_raises_it_again(lab: Lab) -> None:
    lab.put_pool("api")
    lab.settle()
    told = []
    for _ in range(2):
        (only,) = admitted(lab, 1)
        url = mailbox(lab)
        lab.fleet.terminate(only)
        rung(lab, 2)
        (next_one,) = admitted(lab, 1)
        rung(lab, 17)
        told.append([each["NewStateValue"] for each in mail(lab, url) if "PoolUnanswered" in each["AlarmName"]])
        lab.fleet.retag(next_one, ())
        lab.settle()
        rung(lab, 17)

    assert told[0][-2:] == told[1][-2:] == ["ALARM", "OK"]


def test_a_withdrawal_that_is_denied_leaves_the_pool_answered(lab: Lab) -> None:
    (only,) = admitted(lab, 1)
    lab.faults.order(Fault.DENIED, "route53:ChangeResourceRecordSets")
    lab.fleet.terminate(only)
    rung(lab, 2)

    assert in_dns(lab) == {only}
    assert "PoolUnansweredAlarm" not in lab.alarms.ringing()
    assert [event for event in lab.bus.sent if event["detail-type"] == "Pool Unanswered"] == []


def test_an_instance_whose_tag_names_another_stacks_pool_raises_no_alarm_and_worsens_no_verdict(lab: Lab) -> None:
    admitted(lab, 2)
    launched(lab, 1, pools=("theirs",))

    assert rung(lab, 35) == set()
    report = lab.audit()
    assert (report["verdict"], report["summary"]) == ("ok", {"unknown-pool": 1})


def test_unhealthy_members_are_an_alarm_after_two_audits_where_they_are_half_of_a_pool(lab: Lab) -> None:
    members = admitted(lab, 4)
    lab.report_health(members[0], 0)
    assert rung(lab, 35) == set()
    lab.report_health(members[1], 0)

    assert rung(lab, 35) == {"UnhealthyMembersAlarm"}
    lab.report_health(members[0], 100)
    rung(lab, 17)
    assert lab.alarms.ringing() == set()


def test_a_finding_that_a_repair_does_not_fix_is_an_alarm_after_two_audits(lab: Lab) -> None:
    admitted(lab, 1)
    lab.put_pool_text("api", "{}")

    assert rung(lab, 14) == set()
    assert rung(lab, 20) == {"FindingsAlarm"}
    lab.delete_pool("api")
    rung(lab, 17)
    assert lab.alarms.ringing() == set()


# -- the stack


FOLLOW = ("DriftAlarm", "FindingsAlarm", "NoAuditAlarm", "UnhealthyMembersAlarm")


def periods(lab: Lab) -> dict[str, int]:
    """Return the period of each alarm that follows the audit's schedule, in seconds."""
    found = {}
    for alarm in lab.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        seconds = [alarm["Period"]] if "Period" in alarm else []
        seconds += [query["MetricStat"]["Period"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        found[alarm["AlarmName"].removeprefix("fleet53-")] = seconds[0]
    return {name: found[name] for name in FOLLOW}


def test_alarms_follow_the_schedule_of_the_audit_and_its_changes(lab: Lab) -> None:
    assert periods(lab) == dict.fromkeys(FOLLOW, 900)
    lab.update_stack({"AuditSchedule": "rate(2 hours)"})
    assert periods(lab) == dict.fromkeys(FOLLOW, 7200)


def test_a_schedule_that_becomes_faster_raises_no_alarm_on_missing_audits() -> None:
    with Lab({"AuditSchedule": "rate(1 day)"}, start=MONDAY_NOON) as lab:
        wait(lab, 40_000)
        lab.update_stack({"AuditSchedule": "rate(15 minutes)"})
        lab.settle()
        assert rung(lab, 20) == set()


def test_a_deleted_stack_leaves_no_alarm(lab: Lab) -> None:
    assert lab.delete_stack() == "DELETE_COMPLETE"
    assert lab.alarms.states() == {}
