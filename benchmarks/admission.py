"""Admission: how soon after Route 53 has seen a server healthy its record is in DNS, and what the wait costs."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from benchmarks.account import Account
from benchmarks.prices import cents
from benchmarks.table import keep, row, say
from lab.scaling.hooks import launch_hook

if TYPE_CHECKING:
    from collections.abc import Collection

BOOTS = (45, 100, 200, 400, 1000)
GROUP = "web-group"
COUNTS = (1, 10, 100)
_LONG = 7200.0
_ROWS: Final[list[dict[str, Any]]] = []
"""The figures of the admissions so far."""


def admit(count: int, boot: int, *, hook: bool) -> None:
    """Launch members, and print how long each waited after Route 53 had seen it healthy."""
    with Account() as account:
        account.settle()
        began = account.now
        if hook:
            account.lab.fleet.create_group(GROUP, count, hooks=(launch_hook(),), health_grace_period=3600)
            account.wait(lambda: len(account.lab.fleet.members(GROUP)) == count, longest=60)
            members = list(account.lab.fleet.members(GROUP))
        else:
            members = [account.lab.fleet.launch() for _ in range(count)]
        account.fit.update(dict.fromkeys(members, began + boot))
        account.wait(lambda: account.in_dns_at.keys() >= set(members), longest=_LONG)
        longest = _print(f"{count} with a launch hook" if hook else f"{count}", boot, members, account)
        _ROWS.append({"members": count, "boot": boot, "hook": hook, "longest": round(longest)})


def move(count: int, boot: int) -> None:
    """Change the path of the health check, and print how long each record took to move to the new health check.

    The time begins when Route 53 sees the new one healthy.
    """
    with Account() as account:
        account.settle()
        members = [account.lab.fleet.launch() for _ in range(count)]
        account.wait(lambda: account.in_dns_at.keys() >= set(members), longest=_LONG)
        account.wait(lambda: account.idle, longest=_LONG)
        account.lab.clock.advance(120)
        account.forget()
        account.fit.update(dict.fromkeys(members, account.now + boot))
        account.lab.put_pool("web", health_check={"url": "http://:80/other"})
        account.lab.pools.emit_changes()
        account.wait(lambda: account.in_dns_at.keys() >= set(members), longest=_LONG)
        _print(f"{count} with a new health check", boot, members, account)


def _print(title: str, boot: int, members: Collection[str], account: Account) -> float:
    """Print a row, and return the longest lag."""
    lags = [account.in_dns_at[each] - account.seen_at[each] for each in members]
    calls = Counter(call.operation for call in account.calls)
    count = len(members)
    row(
        title,
        boot,
        f"{statistics.median(lags):.0f}",
        f"{max(lags):.0f}",
        f"{calls.total() / count:.1f}",
        f"{calls['GetHealthCheckStatus'] / count:.1f}",
        f"{account.invocations / count:.2f}",
        f"{cents(account) / count:.3f}",
    )
    return max(lags)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="admission", description=__doc__)
    parser.add_argument("--boot", type=int, nargs="*", default=BOOTS, help="seconds until the servers are fit")
    parser.add_argument("--count", type=int, nargs="*", default=COUNTS, help="members that wait together")
    given = parser.parse_args()
    say("from healthy in Route 53 to the record in DNS; all calls and costs are for each member that waited\n")
    row("members", "boot s", "lag s", "longest", "calls", "status", "runs", "cents")
    for count in given.count:
        for boot in given.boot:
            admit(count, boot, hook=False)
            admit(count, boot, hook=True)
        move(count, 200)
    if (given.count, given.boot) == (COUNTS, BOOTS):
        keep("admission", _ROWS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
