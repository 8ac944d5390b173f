"""Which health checks an audit looks at for a name, and what the name is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fleet53.domain.identity import Owner
from fleet53.domain.ids import PoolName
from fleet53.planning.check_names import check_names, find_to_look_at
from tests.unit.build import LAUNCHED, NOW, OWNER, check, foreign_check, instance, pool, record, situation

if TYPE_CHECKING:
    from fleet53.planning.situation import Situation

WEB, API = PoolName("web"), PoolName("api")
FLEET = 40
"""How many members there are. Each was launched a minute after the one before."""


def fleet() -> Situation:
    launches = {f"i-{n:02}": LAUNCHED + timedelta(minutes=n) for n in range(FLEET)}
    return situation(
        instances=[instance(each, launched=at) for each, at in launches.items()],
        records=[record(each, check_id=f"c-{each}") for each in launches],
        checks=[check(f"c-{each}", each, launched=at) for each, at in launches.items()],
    )


def test_the_name_of_a_check_is_its_pool_and_its_instance() -> None:
    checks = [check("c-1", "i-0a"), check("c-2", "i-0b", pool_name="api"), check("c-3", "i-0c", pool_name="gone")]
    names = check_names([*checks, foreign_check()], OWNER, [WEB, API])
    assert {check_id: str(name) for check_id, name in names.items()} == {"c-1": "web/i-0a", "c-2": "api/i-0b"}


def test_another_stacks_checks_have_no_name_of_ours() -> None:
    assert check_names([check()], Owner("fleet53.us-east-1.123456789012"), [WEB]) == {}


def test_the_ten_newest_launches_come_first_and_the_others_in_another_order_each_time() -> None:
    first, again, later = (list(find_to_look_at(fleet(), now=now)) for now in (NOW, NOW, NOW + timedelta(minutes=15)))
    assert first == again
    newest = [f"c-i-{n:02}" for n in range(39, 29, -1)]
    assert first[:10] == later[:10] == newest
    assert sorted(first) == sorted(later) == sorted(f"c-i-{n:02}" for n in range(FLEET))
    assert first[10:] != later[10:]


def test_a_check_that_no_record_names_is_not_looked_at() -> None:
    found = situation(instances=[instance()], checks=[check()])
    assert find_to_look_at(found, now=NOW) == {}


def test_the_check_of_an_instance_that_ec2_does_not_know_is_not_looked_at() -> None:
    found = situation(records=[record()], checks=[check()])
    assert find_to_look_at(found, now=NOW) == {}


def test_where_checks_were_not_read_there_is_nothing_to_look_at() -> None:
    assert find_to_look_at(situation(pools=[pool()], records=[record()], checks=None), now=NOW) == {}
