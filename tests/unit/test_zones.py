from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleet53.audit.zones import find_undelegated
from fleet53.domain.pool import Zone
from tests.unit.build import ZONE, pool, situation

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
    return [
        finding.because
        for finding in find_undelegated(
            seen(zone or Zone(ZONE, "example.com", name_servers=OURS)),
            lambda names: {name: answers[name] for name in names if name in answers},
            lambda _zone: frozenset(own),
        )
    ]


@pytest.mark.parametrize("delegated", [OURS, {"ns-1.awsdns-00.com"}, None])
def test_what_is_ours_or_unknown_is_no_finding(delegated: Collection[str] | None) -> None:
    assert because(delegated) == []


def test_a_private_zone_is_neither_asked_for_nor_found() -> None:
    assert because([], Zone(ZONE, "example.com", private=True)) == []


def test_all_strangers_are_named_in_order() -> None:
    (found,) = because({"ns.b.example", "ns.a.example", "ns-1.awsdns-00.com"})
    assert found == (
        "DNS delegates example.com also to ns.a.example, ns.b.example, which hosted zone Z0123456789ABC does not name; "
        "right is ns-1.awsdns-00.com, ns-2.awsdns-00.net"
    )


def test_name_servers_under_names_of_the_zones_owner_are_ours() -> None:
    named = {"ns1.example.com", "ns2.example.com"}
    assert because(named, own=named) == []
    (found,) = because({*named, "ns.elsewhere.example"}, own=named)
    assert found.startswith("DNS delegates example.com also to ns.elsewhere.example, which")
