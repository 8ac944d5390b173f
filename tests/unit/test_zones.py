from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleet53.audit.zones import Delegation, delegated_elsewhere, find_protected, find_undelegated
from fleet53.domain.ids import ZoneId
from fleet53.domain.pool import AddressType, Zone
from fleet53.domain.record import Protection
from tests.unit.build import ZONE, pool, record, situation

if TYPE_CHECKING:
    from collections.abc import Collection

    from fleet53.planning.situation import Situation

OURS = frozenset({"ns-1.awsdns-00.com", "ns-2.awsdns-00.net"})


def seen(zone: Zone) -> Situation:
    return situation(pools=[pool()], zones={zone.id: zone})


def because(delegated: Collection[str] | None, zone: Zone | None = None, own: Collection[str] = ()) -> list[str]:
    """Return what is found where DNS delegates the zone to these; None is a resolver that does not tell.

    `own` are the name servers that the zone's own NS record set names.
    """
    answers = {} if delegated is None else {"example.com": frozenset(delegated)}
    delegation = Delegation(answers, {ZONE: frozenset(own)})
    seen_zone = zone or Zone(ZONE, "example.com", name_servers=OURS)
    return [finding.because for finding in find_undelegated(seen(seen_zone), delegation)]


@pytest.mark.parametrize("delegated", [OURS, {"ns-1.awsdns-00.com"}, None])
def test_ours_and_unknown_are_not_findings(delegated: Collection[str] | None) -> None:
    assert because(delegated) == []


def test_a_private_zone_is_neither_asked_for_nor_found() -> None:
    assert because([], Zone(ZONE, "example.com", private=True)) == []


def test_all_strangers_are_named_in_order() -> None:
    (found,) = because({"ns.b.example", "ns.a.example", "ns-1.awsdns-00.com"})
    assert found == (
        "DNS delegates example.com also to ns.a.example, ns.b.example, which hosted zone Z0123456789ABC does not name; "
        "it should delegate to ns-1.awsdns-00.com, ns-2.awsdns-00.net"
    )


def test_name_servers_under_names_of_the_zones_owner_are_ours() -> None:
    named = {"ns1.example.com", "ns2.example.com"}
    assert because(named, own=named) == []
    (found,) = because({*named, "ns.elsewhere.example"}, own=named)
    assert found.startswith("DNS delegates example.com also to ns.elsewhere.example, which")


def test_a_zones_own_record_set_is_of_interest_where_dns_names_a_server_that_is_not_route_53s() -> None:
    zone = Zone(ZONE, "example.com", name_servers=OURS)
    assert delegated_elsewhere(zone, {"example.com": frozenset({"ns1.example.com", "ns-1.awsdns-00.com"})})
    assert not delegated_elsewhere(zone, {"example.com": OURS})
    assert not delegated_elsewhere(zone, {"example.com": frozenset()})
    assert not delegated_elsewhere(zone, {})


# Protected records -----------------------------------------------------------------------------------


def protected(of: Situation, *protections: Protection, zone_id: ZoneId = ZONE) -> list[tuple[str | None, str]]:
    return [(finding.pool, finding.because) for finding in find_protected(of, {zone_id: protections})]


def test_a_protected_name_and_type_of_a_pool_is_found_with_its_comment() -> None:
    of = situation(pools=[pool()])
    assert protected(of, Protection("app.example.com", "A", "ask Ann")) == [
        (
            "web",
            (
                "app.example.com A is protected (ask Ann), and Route 53 refuses every change of it until the "
                "protection is deleted"
            ),
        )
    ]
    ((_, found),) = protected(of, Protection("app.example.com", "A"))
    assert found.startswith("app.example.com A is protected (without a comment), ")


@pytest.mark.parametrize(
    ("name", "record_type"), [("app.example.com", "AAAA"), ("app.example.com", "TXT"), ("www.example.com", "A")]
)
def test_a_protection_of_another_name_or_type_is_not_a_finding(name: str, record_type: str) -> None:
    assert protected(situation(pools=[pool()]), Protection(name, record_type)) == []


def test_a_protection_of_the_same_name_in_another_zone_is_not_a_finding() -> None:
    of = situation(pools=[pool()])
    assert protected(of, Protection("app.example.com", "A"), zone_id=ZoneId("Z9")) == []


def test_a_protection_of_records_that_a_pool_of_another_address_type_has_left_is_found() -> None:
    of = situation(pools=[pool(address=AddressType.IPV6)], records=[record()])
    assert [name for name, _ in protected(of, Protection("app.example.com", "A"))] == ["web"]


def test_each_protected_type_of_a_pool_is_a_finding() -> None:
    of = situation(pools=[pool(address=AddressType.DUALSTACK)])
    both = protected(of, Protection("app.example.com", "AAAA"), Protection("app.example.com", "A"))
    assert [because[:20] for _, because in both] == ["app.example.com A is", "app.example.com AAAA"]
