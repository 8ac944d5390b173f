from __future__ import annotations

from datetime import timedelta

from fleet53.aws.names import Names
from fleet53.domain.ids import CheckId
from tests.unit.build import NOW, ZONE

APP, NEW, API = (ZONE, "app.example.com"), (ZONE, "new.example.com"), (ZONE, "api.example.com")
PLACES = frozenset({NEW, API})
WEB, SHARED = CheckId("c-web"), CheckId("c-shared")


def swept() -> Names:
    names = Names()
    names.note(PLACES, {WEB: {NEW}, SHARED: {NEW, APP}}, frozenset(), now=NOW)
    return names


def test_a_cold_function_knows_no_name() -> None:
    assert not Names().only_at({NEW}, [WEB], PLACES, now=NOW)


def test_after_a_sweep_it_is_known_which_records_name_a_health_check() -> None:
    assert swept().only_at({NEW}, [WEB], PLACES, now=NOW)
    assert swept().only_at({NEW}, [CheckId("c-new")], PLACES, now=NOW)
    assert not swept().only_at({NEW}, [WEB, SHARED], PLACES, now=NOW)
    assert not swept().only_at({API}, [WEB], PLACES, now=NOW)


def test_a_pool_at_another_place_may_have_left_records_behind() -> None:
    assert not swept().only_at({NEW}, [WEB], frozenset({NEW}), now=NOW)
    assert not swept().only_at({NEW}, [WEB], PLACES | {APP}, now=NOW)


def test_records_seen_an_hour_ago_are_no_longer_known() -> None:
    assert swept().only_at({NEW}, [WEB], PLACES, now=NOW + timedelta(hours=1))
    assert not swept().only_at({NEW}, [WEB], PLACES, now=NOW + timedelta(hours=1, seconds=1))
