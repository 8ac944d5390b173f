"""Steady state: what an hour costs in which no member changes, but other instances of the account start."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final

from benchmarks.account import Account
from benchmarks.prices import cents
from benchmarks.table import keep, row, say

MEMBERS: Final = 10
COUNTS: Final = (0, 1000)
HOUR: Final = 3600.0
AUDITS: Final = 4
"""Audits of an hour at the default schedule."""
_LONG: Final = 7200.0


def hour(members: int, started: int) -> dict[str, Any]:
    """Let an hour pass, and print and return what fleet53 has done and what that cost."""
    with Account() as account:
        account.settle()
        ids = [account.lab.fleet.launch() for _ in range(members)]
        account.wait(lambda: account.in_dns_at.keys() >= set(ids) and account.idle, longest=_LONG)
        account.wait(lambda: account.now > max(account.in_dns_at.values()) + HOUR / AUDITS, longest=_LONG)
        account.forget()
        began = account.now

        def start_other() -> None:
            account.lab.fleet.launch(pools=())

        def audit() -> None:
            account.start("AuditFunction", {"repair": True})

        for number in range(started):
            account.turns.at(began + HOUR * (number + 0.5) / started, start_other)
        for number in range(AUDITS):
            account.turns.at(began + HOUR * (number + 0.5) / AUDITS, audit)
        account.wait(lambda: account.now >= began + HOUR and account.idle, longest=_LONG)
        route53 = sum(count for asked, count in account.asked.items() if asked.startswith("route53:"))
        others = account.asked.total() - route53
        row(f"{members} and {started}", account.invocations, account.audits, route53, others, f"{cents(account):.3f}")
        say("    " + ", ".join(f"{asked} {count}" for asked, count in sorted(account.asked.items())))
        return {"started": started, "cents": round(cents(account), 3), "calls": dict(account.asked)}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="steady", description=__doc__)
    parser.add_argument("--started", type=int, nargs="*", default=COUNTS, help="instances that start in the hour")
    say("an hour with four audits; requests to Route 53, which are free, and to other services\n")
    row("members and others' instances", "runs", "audits", "Route 53", "others", "cents")
    given = parser.parse_args().started
    rows = [hour(MEMBERS, started) for started in given]
    if given == COUNTS:
        keep("steady", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
