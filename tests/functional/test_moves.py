"""A pool that is given another place moves there by itself: admitted at the new place first, then withdrawn at the old.

Every test asks DNS for both names in every second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import NO_OTHER_NAME
from tests.functional.queries import asking
from tests.functional.views import admitted, audit, checks, in_dns, kinds, records

if TYPE_CHECKING:
    from lab.world import Lab

OLD, NEW = "app.example.com", "www.example.com"

pytestmark = [pytest.mark.usefixtures("lab_time"), NO_OTHER_NAME]


@pytest.mark.parametrize("count", [3, 5])
def test_an_update_of_the_record_name_moves_the_members_and_the_old_name_can_be_dropped_then(
    lab: Lab, count: int
) -> None:
    members = admitted(lab, count)
    queries = asking(lab, OLD, members, also=[NEW])
    lab.run(25)
    before = checks(lab)

    assert lab.update_stack({"RecordName": NEW, "AllowedRecordNames": OLD}, pause=3) == "UPDATE_COMPLETE"
    lab.run(130)
    assert (in_dns(lab, OLD), in_dns(lab, NEW)) == (set(), set(members))
    assert (checks(lab), queries.wrong) == (before, [])
    assert kinds(audit(lab)) == {}

    assert lab.update_stack({"AllowedRecordNames": ""}, pause=3) == "UPDATE_COMPLETE"
    assert (in_dns(lab, NEW), queries.wrong) == (set(members), [])


def test_an_update_of_the_zone_moves_the_members_and_the_old_zone_can_be_dropped_then(lab: Lab) -> None:
    new = "app.example.net"
    zone_id = lab.create_zone("example.net")
    members = admitted(lab, 5)
    queries = asking(lab, OLD, members, also=[new])
    lab.run(25)

    changed = {"HostedZoneId": zone_id, "RecordName": new, "AllowedZoneIds": lab.zone_id, "AllowedRecordNames": OLD}
    assert lab.update_stack(changed, pause=3) == "UPDATE_COMPLETE"
    lab.run(130)
    assert (in_dns(lab, OLD), in_dns(lab, new), queries.wrong) == (set(), set(members), [])
    assert lab.update_stack({"AllowedZoneIds": "", "AllowedRecordNames": ""}, pause=3) == "UPDATE_COMPLETE"
    assert in_dns(lab, new) == set(members)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("count", [2, 5])
def test_the_records_stay_at_the_old_name_until_the_new_ones_stand(lab: Lab, count: int, *, warm: bool) -> None:
    lab.update_stack({"AllowedRecordNames": NEW})
    members = admitted(lab, count)
    queries = asking(lab, OLD, members, also=[NEW])
    lab.run(25)
    before = records(lab)

    lab.put_pool("web", record_name=NEW, health_check={"url": "http://:80/other"})
    lab.run(5)
    assert (records(lab), in_dns(lab, NEW)) == (before, set())
    if not warm:
        lab.functions.cold_start()
    lab.run(180)
    assert (in_dns(lab, OLD), in_dns(lab, NEW), queries.wrong) == (set(), set(members), [])
    assert len(checks(lab)) == count


def test_an_instance_that_ends_while_it_moves_leaves_the_old_name_at_once(lab: Lab) -> None:
    lab.update_stack({"AllowedRecordNames": NEW})
    stays, ends = admitted(lab, 2)
    lab.put_pool("web", record_name=NEW, health_check={"url": "http://:80/other"})
    lab.run(5)

    lab.fleet.terminate(ends)
    lab.run(5)
    assert in_dns(lab, OLD) == {stays}


def test_a_move_without_health_checks_is_recognized_by_the_tag(lab: Lab) -> None:
    lab.update_stack({"AllowedRecordNames": NEW})
    lab.put_pool("web", health_check=None, admit_when="running")
    members = tuple(lab.fleet.launch() for _ in range(5))
    lab.settle()
    assert in_dns(lab, OLD) == set(members)
    queries = asking(lab, OLD, members, also=[NEW])

    lab.put_pool("web", record_name=NEW)
    lab.run(130)
    assert (in_dns(lab, OLD), in_dns(lab, NEW), queries.wrong) == (set(), set(members), [])


def test_a_move_that_is_undone_takes_back_the_records_that_were_made_at_the_new_name(lab: Lab) -> None:
    lab.update_stack({"AllowedRecordNames": NEW})
    members = admitted(lab, 5)
    queries = asking(lab, OLD, members, also=[NEW])
    before = records(lab)
    lab.put_pool("web", record_name=NEW, health_check={"url": "http://:80/other"})
    lab.run(5)
    lab.put_pool("web", record_name=OLD, health_check={"url": "http://:80/"})
    lab.run(130)
    assert (records(lab), in_dns(lab, NEW), queries.wrong) == (before, set(), [])
