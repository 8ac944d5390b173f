"""Pools and their places: two pools that claim one hosted zone and name, one name in two zones, a missing first pool.

Every test asks DNS in every second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.groups import GROUP
from tests.functional.queries import asking
from tests.functional.views import (
    admitted,
    allow_zones,
    allowed_zone,
    audit,
    checks,
    findings,
    in_dns,
    kinds,
    launched,
    records,
    see_healthy,
)

if TYPE_CHECKING:
    from lab.world import Lab

APP, API = "app.example.com", "api.example.com"

pytestmark = pytest.mark.usefixtures("lab_time")


def test_one_name_in_two_hosted_zones_is_two_pools_and_one_tag_may_name_both(lab: Lab) -> None:
    web = admitted(lab, 2)
    queries = asking(lab, APP, web)
    vpc = {"VPCRegion": "eu-west-1", "VPCId": "vpc-1"}
    zone = lab.route53.call("CreateHostedZone", {"Name": "example.com", "CallerReference": "inside", "VPC": vpc})
    inside = zone["HostedZone"]["Id"].rsplit("/", 1)[1]
    allow_zones(lab, inside)
    lab.put_pool("inside", hosted_zone_id=inside, record_name=APP)
    for each in web:
        lab.fleet.retag(each, ["web", "inside"])
    lab.run(90)

    held = lab.route53.call("ListResourceRecordSets", {"HostedZoneId": inside})["ResourceRecordSets"]
    assert len([record for record in held if record["Type"] == "A"]) == 2
    assert (in_dns(lab), queries.wrong) == (set(web), [])
    assert (kinds(audit(lab)), len(checks(lab))) == ({"public-checks-in-private-zone": 1}, 4)


@pytest.mark.parametrize("count", [2, 6])
def test_the_first_pool_keeps_its_place_against_every_claim_and_the_newcomer_changes_nothing(
    lab: Lab, count: int
) -> None:
    web = admitted(lab, count)
    queries = asking(lab, APP, web)
    before = records(lab), checks(lab)

    lab.put_pool("api", record_name=APP, ttl=5, fallback="198.18.0.9")
    new = launched(lab, 1, pools=("api",))
    lab.run(90)

    assert (records(lab), checks(lab), queries.wrong) == (*before, [])
    queries.members += launched(lab, 1, pools=("web",))
    lab.run(90)
    assert len(in_dns(lab)) == count + 1
    (finding,) = findings(audit(lab, {"repair": True, "force": True}), "invalid-pool")
    assert finding["pool"] == "api"
    assert finding["because"] == (
        f"/fleet53/fleet53/pools/api: record_name='{APP}' in hosted_zone_id='{lab.zone_id}' is the place of pool web, "
        "which is the stack's first pool; give this pool another one"
    )
    lab.run(30)
    assert (len(in_dns(lab)), queries.strangers) == (count + 1, [])

    lab.put_pool("api", record_name=API)
    lab.run(60)
    assert (in_dns(lab, API), len(in_dns(lab))) == (set(new), count + 1)


def test_of_two_further_pools_the_one_that_the_instances_of_the_records_name_serves(lab: Lab) -> None:
    lab.put_pool("www", record_name=API)
    www = admitted(lab, 2, API, pools=("www",))
    queries = asking(lab, API, www)
    before = records(lab, API), checks(lab)

    lab.put_pool("api", record_name=API, fallback="198.18.0.9")
    launched(lab, 1, pools=("api",))
    lab.run(90)
    assert (records(lab, API), checks(lab), queries.wrong) == (*before, [])
    (finding,) = findings(audit(lab), "invalid-pool")
    assert (finding["pool"], "is the place of pool www, which has the records there" in finding["because"]) == (
        "api",
        True,
    )

    lab.fleet.terminate(www[0])
    lab.run(5)
    assert in_dns(lab, API) == {www[1]}


def test_where_the_tags_do_not_decide_about_a_place_no_member_is_admitted_and_only_evidence_withdraws(lab: Lab) -> None:
    lab.put_pool("www", record_name=API)
    both = admitted(lab, 2, API, pools=("www", "api"))
    queries = asking(lab, API, both)
    lab.put_pool("api", record_name=API)
    (late,) = launched(lab, 1, pools=("www",))
    lab.run(90)
    assert (in_dns(lab, API), queries.wrong) == (set(both), [])
    assert {finding["pool"] for finding in findings(audit(lab), "invalid-pool")} == {"api", "www"}

    lab.functions.cold_start()
    lab.fleet.terminate(both[0])
    lab.run(5)
    assert (in_dns(lab, API), queries.wrong) == ({both[1]}, [])

    lab.delete_pool("api")
    lab.run(5)
    see_healthy(lab, [late])
    assert in_dns(lab, API) == {both[1], late}


def test_a_first_pool_without_its_parameter_is_a_fault_and_its_records_stay_until_it_is_back(lab: Lab) -> None:
    web = admitted(lab, 3)
    queries = asking(lab, APP, web)
    settings = lab.pools.settings("web")
    before = records(lab), checks(lab)

    lab.delete_pool("web")
    lab.run(90)
    assert (records(lab), checks(lab), queries.wrong) == (*before, [])
    report = audit(lab, {"repair": True, "force": True})
    (finding,) = findings(report, "invalid-pool")
    assert (finding["pool"], finding["record_name"]) == ("web", APP)
    assert finding["because"].startswith("/fleet53/fleet53/pools/web is missing")
    assert report["verdict"] != "ok"
    lab.pools.put("api", settings)
    launched(lab, 1, pools=("api",))
    lab.run(90)
    assert (records(lab), queries.wrong) == (before[0], [])

    lab.functions.cold_start()
    lab.fleet.terminate(web[0])
    lab.run(5)
    assert in_dns(lab) == set(web[1:])

    lab.put_pool("web", **settings)
    late = launched(lab, 1, pools=("web",))
    queries.members += late
    lab.run(90)
    assert (in_dns(lab), queries.wrong) == ({*web[1:], *late}, [])


@pytest.mark.parametrize("warm", [True, False])
def test_no_pool_takes_the_place_of_a_pool_whose_parameter_cannot_be_read(lab: Lab, *, warm: bool) -> None:
    lab.put_pool("www", record_name=API)
    settings = lab.pools.settings("www")
    www = admitted(lab, 3, API, pools=("www",))
    queries = asking(lab, API, www)
    before = records(lab, API), checks(lab)

    lab.put_pool_text("www", "{")
    lab.put_pool("api", record_name=API, fallback="198.18.0.9")
    launched(lab, 1, pools=("api",))
    lab.run(90)
    assert (records(lab, API), checks(lab), queries.wrong) == (*before, [])
    newcomer, incumbent = findings(audit(lab, {"repair": True}), "invalid-pool")
    assert (newcomer["pool"], incumbent["pool"], incumbent["record_name"]) == ("api", "www", API)
    lab.run(30)
    assert (records(lab, API), queries.wrong) == (before[0], [])

    if not warm:
        lab.functions.cold_start()
    lab.fleet.terminate(www[0])
    lab.settle()
    assert in_dns(lab, API) == set(www[1:])

    lab.pools.put("www", settings)
    lab.run(30)
    assert (in_dns(lab, API), queries.wrong) == (set(www[1:]), [])


@pytest.mark.parametrize("warm", [True, False])
def test_an_instance_that_ends_leaves_a_pool_whose_parameter_cannot_be_read(lab: Lab, *, warm: bool) -> None:
    lab.put_pool("www", record_name=API)
    stays, ends = admitted(lab, 2, API, pools=("www",))
    lab.put_pool_text("www", "{")
    lab.run(30)

    if not warm:
        lab.functions.cold_start()
    lab.fleet.terminate(ends)
    lab.settle()
    assert in_dns(lab, API) == {stays}


@pytest.mark.parametrize("warm", [True, False])
def test_an_instance_that_ends_leaves_a_pool_whose_fallback_its_zone_does_not_allow(lab: Lab, *, warm: bool) -> None:
    stays, ends = admitted(lab, 2)
    lab.put_pool("web", fallback="10.0.0.9")
    lab.run(30)
    assert (in_dns(lab), kinds(audit(lab))) == ({stays, ends}, {"invalid-pool": 1, "withdrawal-held": 2})

    if not warm:
        lab.functions.cold_start()
    lab.fleet.terminate(ends)
    lab.settle()
    assert in_dns(lab) == {stays}


@pytest.mark.parametrize("setting", [{"record_name": "api.example.com"}, {"hosted_zone_id": "Z0DOESNOTEXIST"}])
def test_an_instance_that_ends_leaves_the_former_place_of_a_pool_whose_new_one_is_not_valid(
    lab: Lab, setting: dict[str, str]
) -> None:
    other = allowed_zone(lab, "example.net")
    assert lab.update_stack({"AllowedZoneIds": f"{other},Z0DOESNOTEXIST"}) == "UPDATE_COMPLETE"
    lab.put_pool("www", record_name=API)
    stays, ends = admitted(lab, 2, API, pools=("www",))
    lab.put_pool("www", **({"hosted_zone_id": other} | setting))
    lab.run(30)

    lab.functions.cold_start()
    lab.fleet.terminate(ends)
    lab.settle()
    assert in_dns(lab, API) == {stays}


@pytest.mark.parametrize("how", ["standby", "detach", "spot"])
def test_an_instance_that_leaves_service_leaves_a_pool_whose_parameter_cannot_be_read(lab: Lab, how: str) -> None:
    lab.put_pool("www", record_name=API)
    lab.fleet.create_group(GROUP, pools=("www",))
    options = {"spot": True} if how == "spot" else {"group": GROUP}
    stays, leaves = admitted(lab, 2, API, pools=("www",), **options)
    lab.put_pool_text("www", "{")
    lab.run(30)

    lab.functions.cold_start()
    group = {"InstanceIds": [leaves], "AutoScalingGroupName": GROUP, "ShouldDecrementDesiredCapacity": True}
    if how == "spot":
        lab.fleet.spot.warn(leaves)
    elif how == "standby":
        lab.client("autoscaling").enter_standby(**group)
    else:
        lab.client("autoscaling").detach_instances(**group)
    lab.turn()
    lab.settle()
    assert in_dns(lab, API) == {stays}
