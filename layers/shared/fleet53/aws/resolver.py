"""Resolver: asks DNS which name servers a name is delegated to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from fleet53.config.pools import normal_name

if TYPE_CHECKING:
    from collections.abc import Collection

_TIMEOUT: Final = 2.0
"""Seconds for one answer, including the resolver's own retries."""
_AT_ONCE: Final = 20
"""How many questions are asked at the same time, so that a resolver that does not answer delays an audit only once."""


def name_servers(names: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the name servers that DNS delegates each name to, an empty set where there are none.

    A name is missing if the resolver failed or did not answer, because nothing is known about it then.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        answers = dict(zip(names, threads.map(_ask, names), strict=True))
    return {name: found for name, found in answers.items() if found is not None}


def _ask(name: str) -> frozenset[str] | None:
    # Imported by the first question: dnspython takes longer to import than the rest of an audit's own modules, and
    # no start of a function asks DNS.
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        answer = dns.resolver.resolve(f"{name}.", "NS", lifetime=_TIMEOUT, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return frozenset()
    except dns.exception.DNSException:
        return None
    return frozenset(normal_name(server.to_text()) for server in answer)
