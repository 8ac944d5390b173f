"""Records at names that their pool has no longer: they keep their health checks, and evidence withdraws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.groups import GROUP
from tests.functional.views import (
    admitted,
    audit,
    calls,
    check_of,
    checks,
    checks_of,
    findings,
    in_dns,
    see_healthy,
    wait,
)

if TYPE_CHECKING:
    from lab.world import Lab

NEW = "new.example.com"
OLD = "app.example.com"


def dangling(lab: Lab) -> set[str]:
    """Return the identifiers of the records that name a health check that does not exist."""
    there = checks(lab)
    return {
        f"{each['Name']} {each.get('SetIdentifier')}"
        for name in (OLD, NEW)
        for each in lab.route53.records(name, "A")
        if "HealthCheckId" in each and each["HealthCheckId"] not in there
    }


def renamed(lab: Lab, count: int = 5) -> tuple[str, ...]:
    """Change a pool's name and path. The records at the old name stay while the new health checks have no data."""
    web = admitted(lab, count)
    lab.put_pool("web", record_name=NEW, health_check={"url": "http://:80/other"})
    lab.settle()
    assert (in_dns(lab), in_dns(lab, NEW)) == (set(web), set())
    return web


@pytest.mark.parametrize("warm", [True, False])
def test_a_terminated_member_leaves_its_former_name(lab: Lab, *, warm: bool) -> None:
    web = renamed(lab)
    if not warm:
        lab.functions.cold_start()

    lab.fleet.terminate(web[0])
    lab.settle()

    assert in_dns(lab) == set(web[1:])
    assert checks_of(lab, web[0]) == []
    assert dangling(lab) == set()


def test_a_former_name_with_fewer_than_four_records_keeps_them_until_a_forced_repair(lab: Lab) -> None:
    web = renamed(lab)
    for instance_id in web[:3]:
        lab.fleet.terminate(instance_id)
    lab.settle()
    lab.functions.cold_start()
    lab.run(400, step=20)
    assert in_dns(lab) == set(web[3:])

    audit(lab, {"repair": True, "force": True})
    lab.settle()

    assert in_dns(lab) == set()


def test_a_changed_path_leaves_the_records_at_a_former_name_their_checks(lab: Lab) -> None:
    web = renamed(lab)
    lab.functions.cold_start()
    for _ in range(3):
        wait(lab, 61)
        assert dangling(lab) == set()
    assert (in_dns(lab), len(checks(lab))) == (set(web), 10)

    see_healthy(lab, web)
    for _ in range(3):
        wait(lab, 61)
        assert dangling(lab) == set()
    assert (in_dns(lab), in_dns(lab, NEW), len(checks(lab))) == (set(), set(web), 5)


@pytest.mark.parametrize("warm", [True, False])
def test_a_name_that_another_pool_takes_over_keeps_the_checks_of_its_records(lab: Lab, *, warm: bool) -> None:
    lab.fleet.create_group(GROUP, pools=("web",))
    web = admitted(lab, 5)
    lab.put_pool("web", record_name=NEW)
    lab.put_pool("api", record_name=OLD)
    lab.settle()
    if not warm:
        lab.functions.cold_start()
    lab.put_pool("web", health_check={"url": "http://:80/other"})
    lab.settle()
    see_healthy(lab, web)
    for _ in range(3):
        wait(lab, 61)
        assert dangling(lab) == set()
    assert in_dns(lab) == in_dns(lab, NEW) == set(web)

    lab.functions.cold_start()
    lab.fleet.terminate(web[0])
    lab.settle()

    assert dangling(lab) == set()
    assert in_dns(lab, NEW) == set(web[1:])


def test_a_pool_that_becomes_valid_because_another_gives_its_name_back_is_passed_at_once(lab: Lab) -> None:
    lab.put_pool("xyz", record_name=OLD)
    lab.settle()
    xyz = lab.fleet.launch(("xyz",))
    lab.settle()
    assert findings(audit(lab), "invalid-pool") != []

    lab.put_pool("web", record_name=NEW)
    lab.settle()
    see_healthy(lab, [xyz])

    assert in_dns(lab) == {xyz}


def test_a_termination_in_a_function_that_knows_all_names_reads_no_zone(lab: Lab) -> None:
    web = admitted(lab, 3)
    lab.fleet.terminate(web[0])
    lab.settle()
    lab.route53.reset_calls()

    lab.fleet.terminate(web[1])
    lab.settle()

    assert calls(lab) == {
        "ListResourceRecordSets": 1,
        "ListHealthChecks": 1,
        "ChangeResourceRecordSets": 1,
        "DeleteHealthCheck": 1,
    }
    assert check_of(lab, web[2])


def test_a_member_of_a_deleted_pool_without_checks_leaves_dns_by_its_event_in_a_cold_function(lab: Lab) -> None:
    lab.put_pool("api", record_name="api.example.com", health_check=None, admit_when="running")
    lab.settle()
    api = [lab.fleet.launch(("api",)) for _ in range(4)]
    lab.settle()
    lab.delete_pool("api")
    lab.settle()
    assert in_dns(lab, "api.example.com") == set(api)

    lab.functions.cold_start()
    lab.fleet.terminate(api[0])
    lab.settle()

    assert in_dns(lab, "api.example.com") == set(api[1:])
