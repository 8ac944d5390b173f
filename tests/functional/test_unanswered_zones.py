"""A hosted zone that does not answer in time delays only what depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from lab.faults import Fault
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import wait_in_lab_time
from tests.functional.views import (
    admitted,
    allow_zones,
    allowed_zone,
    audit,
    checks_of,
    findings,
    in_dns,
    returned,
    send,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

API: Final = "api.example.net"
SILENT: Final = [Fault.SERVER_ERROR, Fault.THROTTLED, Fault.HANG, Fault.UNREACHABLE, Fault.RESET]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab with a pool in each of two hosted zones, where waits take no real time."""
    with Lab(start=MONDAY_NOON) as lab:
        lab.put_pool("api", hosted_zone_id=allowed_zone(lab, "example.net"), record_name=API)
        wait_in_lab_time(lab, monkeypatch)
        yield lab


def silence(lab: Lab, fault: Fault, zone_id: str | None = None) -> None:
    """Let Route 53 answer no function about a hosted zone, by default the first pool's."""
    lab.faults.order(fault, "route53:*", about=zone_id or lab.zone_id)


def one_run(lab: Lab) -> tuple[list[dict[str, Any]], float]:
    """Let the reconciler handle the messages that wait; return those that it returns, and how many seconds it took."""
    before = lab.clock.now()
    back = returned(lab)
    return back, (lab.clock.now() - before).total_seconds()


@pytest.mark.parametrize("fault", SILENT)
def test_a_member_leaves_dns_while_the_zone_of_another_pool_does_not_answer(lab: Lab, fault: Fault) -> None:
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, API, pools=("api",))
    silence(lab, fault)
    lab.fleet.terminate(web)
    lab.fleet.terminate(api)
    back, seconds = one_run(lab)

    assert (in_dns(lab), in_dns(lab, API)) == ({web}, set())
    assert (len(checks_of(lab, web)), len(checks_of(lab, api))) == (1, 0)
    assert {web in each["body"] for each in back} == {True}
    assert seconds < 60  # one time-out for each operation, or some tries

    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab) == set()
    assert checks_of(lab, web) == []


def test_a_function_that_starts_cold_reads_the_checks_though_a_zone_hangs_and_looks_there_for_other_records_later(
    lab: Lab,
) -> None:
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, API, pools=("api",))
    lab.functions.cold_start()
    silence(lab, Fault.HANG)
    lab.fleet.terminate(api)
    back, _ = one_run(lab)

    assert (in_dns(lab), in_dns(lab, API)) == ({web}, set())
    assert checks_of(lab, api) == []
    assert {api in each["body"] for each in back} == {True}
    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab) == {web}


def test_a_repair_of_all_pools_is_made_where_the_zones_answer_and_comes_again_for_the_other(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, API, pools=("api",))
    silence(lab, Fault.SERVER_ERROR)
    for member in (web, api):
        lab.fleet.terminate(member, events=False)
    send(lab, repair=True)
    back, _ = one_run(lab)

    assert (in_dns(lab), in_dns(lab, API)) == ({web}, set())
    assert len(back) == 1
    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab) == set()
    assert (checks_of(lab, web), checks_of(lab, api)) == ([], [])


def test_a_zone_that_does_not_answer_is_asked_for_one_of_its_pools_only(lab: Lab) -> None:
    lab.put_pool("new", hosted_zone_id=lab.zone_id)
    lab.settle()
    silence(lab, Fault.SERVER_ERROR)
    lab.faults.forget()
    send(lab, "new", "web")
    back, _ = one_run(lab)

    assert lab.faults.asked.count("route53:ListResourceRecordSets") == 8
    assert len(back) == 1


def test_a_record_of_a_deleted_pool_is_deleted_when_its_zone_answers_again(lab: Lab) -> None:
    zone_id = lab.pools.settings("api")["hosted_zone_id"]
    (api,) = admitted(lab, 1, API, pools=("api",))
    silence(lab, Fault.SERVER_ERROR, zone_id)
    lab.delete_pool("api")
    back, _ = one_run(lab)

    assert len(back) == 1
    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab, API) == set()
    assert checks_of(lab, api) == []


def test_an_audit_reports_a_zone_that_does_not_answer_and_repairs_the_pools_of_the_others(lab: Lab) -> None:
    admitted(lab, 1)
    (api,) = admitted(lab, 1, API, pools=("api",))
    lab.fleet.terminate(api, events=False)
    silence(lab, Fault.SERVER_ERROR)
    report = lab.audit({"repair": True})
    lab.settle()

    (finding,) = findings(report, "zone-unreadable")
    assert finding["pool"] == "web"
    assert finding["because"].startswith(
        f"hosted zone {lab.zone_id}: tried 4 times: An error occurred (InternalFailure)"
    )
    assert in_dns(lab, API) == set()
    lab.faults.end()
    assert findings(audit(lab), "zone-unreadable") == []


def test_an_audit_fails_where_no_zone_answers_so_that_lambda_invokes_it_again(lab: Lab) -> None:
    lab.faults.order(Fault.SERVER_ERROR, "route53:ListResourceRecordSets")
    error = lab.invoke("AuditFunction", {}).error

    assert type(error).__name__ == "ZoneUnansweredError"


def test_a_zone_that_stops_to_answer_after_a_withdrawal_delays_no_other_pool(lab: Lab) -> None:
    lab.put_pool("web", fallback="198.18.0.53")
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, API, pools=("api",))
    lab.faults.order(Fault.SERVER_ERROR, "route53:ListResourceRecordSets", about=lab.zone_id, after=1)
    lab.fleet.terminate(web)
    lab.fleet.terminate(api)
    back, _ = one_run(lab)

    assert (in_dns(lab), in_dns(lab, API)) == (set(), set())
    assert checks_of(lab, api) == []
    assert {web in each["body"] for each in back} == {True}
    lab.faults.end()
    lab.run(10, step=5)
    assert checks_of(lab, web) == []


def test_a_contested_place_in_a_zone_that_does_not_answer_does_not_delay_withdrawals_elsewhere(lab: Lab) -> None:
    zone_id = lab.create_zone("odd.example.net")
    allow_zones(lab, lab.pools.settings("api")["hosted_zone_id"], zone_id)
    lab.put_pool("one", hosted_zone_id=zone_id, record_name="odd.example.net")
    (one,) = admitted(lab, 1, "odd.example.net", pools=("one",))
    (web,) = admitted(lab, 1)
    lab.put_pool("two", hosted_zone_id=zone_id, record_name="odd.example.net")
    lab.settle()
    silence(lab, Fault.SERVER_ERROR, zone_id)
    lab.fleet.terminate(web)
    lab.fleet.terminate(one)
    back, _ = one_run(lab)

    assert (in_dns(lab), in_dns(lab, "odd.example.net")) == (set(), {one})
    assert {one in each["body"] for each in back} == {True}
    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab, "odd.example.net") == set()


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HANG])
def test_a_zone_that_does_not_answer_a_withdrawal_delays_the_withdrawals_of_another_by_some_seconds(
    lab: Lab, fault: Fault
) -> None:
    (web,) = admitted(lab, 1)
    (api,) = admitted(lab, 1, API, pools=("api",))
    first = min((lab.zone_id, web), (lab.pools.settings("api")["hosted_zone_id"], api))  # whose batch is sent first
    lab.faults.order(fault, "route53:ChangeResourceRecordSets", about=first[0])
    lab.fleet.terminate(web)
    lab.fleet.terminate(api)
    back, seconds = one_run(lab)

    assert in_dns(lab) | in_dns(lab, API) == {first[1]}
    assert {first[1] in each["body"] for each in back} == {True}
    assert seconds < 20
    lab.faults.end()
    lab.run(10, step=5)
    assert in_dns(lab) | in_dns(lab, API) == set()


def test_a_withdrawal_at_the_place_of_an_invalid_pool_is_tried_again_if_route_53_does_not_answer(lab: Lab) -> None:
    (web,) = admitted(lab, 1)
    lab.client("ssm").put_parameter(Name=f"{lab.pools.path}/web", Value="{}", Overwrite=True)  # without its event
    lab.faults.order(Fault.SERVER_ERROR, "route53:ChangeResourceRecordSets", calls=8)
    lab.fleet.terminate(web)
    back, _ = one_run(lab)

    assert in_dns(lab) == {web}
    assert {web in each["body"] for each in back} == {True}
    lab.run(10, step=5)
    assert in_dns(lab) == set()
