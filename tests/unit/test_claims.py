from __future__ import annotations

import json
from typing import Any

from fleet53.config.claims import Declared, read_pools
from fleet53.config.pools import Allowed, FirstPool, PoolFault
from fleet53.domain.ids import PoolName, ZoneId

ZONE, PRIVATE = ZoneId("Z0123456789ABC"), ZoneId("Z0123456789DEF")
APP, API = "app.example.com", "api.example.com"
WEB = FirstPool(PoolName("web"), ZONE, APP, "/p/web")


def declare(**keys: Any) -> str:
    return json.dumps({"hosted_zone_id": ZONE, "record_name": APP} | keys)


def read(first: FirstPool | None = WEB, **texts: str) -> Declared:
    allowed = Allowed(frozenset({ZONE, PRIVATE}), frozenset({APP, API}), first)
    return read_pools({f"/p/{name}": text for name, text in texts.items()}, allowed)


def served(declared: Declared) -> list[str]:
    return [pool.name for pool in declared.pools]


def refused(declared: Declared) -> list[str]:
    return [fault.name for fault in declared.faults]


def tagged(*tags: str) -> dict[tuple[ZoneId, str], list[frozenset[PoolName]]]:
    return {(ZONE, API): [frozenset(PoolName(name) for name in tag.split()) for tag in tags]}


def test_the_first_pool_has_its_place_though_another_name_comes_before_its_own() -> None:
    declared = read(web=declare(), api=declare(record_name="APP.example.com."))
    assert (served(declared), declared.contested) == (["web"], {})
    assert declared.faults == (
        PoolFault(
            PoolName("api"),
            "/p/api: record_name='app.example.com' in hosted_zone_id='Z0123456789ABC' is the place of pool web, which "
            "is the stack's first pool; give this pool another one",
            record_name=APP,
            zone_id=ZONE,
        ),
    )


def test_one_name_in_two_zones_is_two_places() -> None:
    declared = read(web=declare(), inside=declare(hosted_zone_id=PRIVATE))
    assert (served(declared), declared.faults) == (["inside", "web"], ())


def test_no_pool_gets_the_place_of_a_first_pool_without_a_parameter() -> None:
    declared = read(api=declare())
    assert (served(declared), refused(declared)) == ([], ["api", "web"])
    assert declared.faults[1] == PoolFault(
        PoolName("web"),
        "/p/web is missing, and it is the parameter of the stack's first pool: put it back with "
        "hosted_zone_id='Z0123456789ABC', record_name='app.example.com' and its other settings; "
        "its records stay until then",
        record_name=APP,
        zone_id=ZONE,
    )


def test_no_pool_gets_the_place_of_a_first_pool_whose_parameter_is_wrong() -> None:
    declared = read(web=declare(ttl=0), api=declare())
    assert (served(declared), refused(declared)) == ([], ["api", "web"])
    assert declared.faults[1].record_name == APP


def test_a_first_pool_that_is_elsewhere_does_not_keep_its_place() -> None:
    assert served(read(web=declare(record_name=API), api=declare())) == ["api", "web"]


def test_the_first_pool_does_not_take_the_place_of_another_pool() -> None:
    declared = read(web=declare(record_name=API), api=declare(record_name=API)).resolved(tagged("api", "api"))
    assert (served(declared), refused(declared)) == (["api"], ["web"])


def test_a_contested_place_is_the_pools_that_most_instances_with_records_there_name() -> None:
    declared = read(web=declare(), www=declare(record_name=API), api=declare(record_name=API))
    assert {pool.name for pool in declared.contested[ZONE, API].values()} == {"www", "api"}
    assert served(declared.resolved(tagged("www", "www api"))) == ["web", "www"]
    (fault,) = declared.resolved(tagged("www", "www api")).faults
    assert "is the place of pool www, which has the records there" in fault.because


def test_where_the_tags_do_not_decide_no_pool_gets_the_place() -> None:
    declared = read(web=declare(), www=declare(record_name=API), api=declare(record_name=API))
    for tags in (tagged(), tagged("www api"), tagged("www", "api"), tagged("db")):
        resolved = declared.resolved(tags)
        assert (served(resolved), refused(resolved)) == (["web"], ["api", "www"])
    assert "is also the place of api, and the tags" in declared.resolved({}).faults[1].because


def test_a_pool_whose_parameter_is_wrong_keeps_the_place_whose_records_are_of_its_instances() -> None:
    declared = read(web=declare(), www="{", api=declare(record_name=API)).resolved(tagged("www", "www", "api"))
    assert (served(declared), refused(declared)) == (["web"], ["api", "www"])
    newcomer, incumbent = declared.faults
    assert newcomer.because == (
        "/p/api: record_name='api.example.com' in hosted_zone_id='Z0123456789ABC' is the place of pool www, which has "
        "the records there, and whose own parameter is wrong; correct that one first, or give this pool another place"
    )
    assert (incumbent.record_name, incumbent.zone_id) == (API, ZONE)
    assert incumbent.because.startswith("/p/www: not JSON")


def test_a_pool_that_is_not_allowed_at_its_new_place_keeps_its_former_one() -> None:
    declared = read(web=declare(), www=declare(record_name="www.example.org"), api=declare(record_name=API))
    assert served(declared.resolved(tagged("www"))) == ["web"]


def test_a_wrong_parameter_takes_no_place_from_a_pool_that_as_many_instances_name() -> None:
    for tags in (tagged(), tagged("api"), tagged("www api"), tagged("www", "api"), tagged("db")):
        declared = read(web=declare(), www="{", api=declare(record_name=API)).resolved(tags)
        assert (served(declared), refused(declared)) == (["api", "web"], ["www"])
        assert declared.faults[0].zone_id is None


def test_of_several_pools_at_the_place_of_one_whose_parameter_is_wrong_none_gets_it() -> None:
    declared = read(web=declare(), www="{", api=declare(record_name=API), new=declare(record_name=API))
    assert served(declared.resolved(tagged("www", "www", "api"))) == ["web"]


def test_a_wrong_parameter_of_another_pool_does_not_affect_the_first_pools_own_place() -> None:
    declared = read(web=declare(), www="{")
    assert (served(declared), declared.contested) == (["web"], {})


def test_a_stack_without_a_zone_has_no_first_pool() -> None:
    assert read(None) == Declared()
