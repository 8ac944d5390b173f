"""Bursts: what many launches or terminations at once cost of Route 53's five requests a second."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from benchmarks.account import LIMIT, Account
from benchmarks.table import keep, row, say

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

BOOT: Final = 30.0
"""Seconds from a launch until the server is fit."""
SHUTDOWN: Final = 45.0
"""Seconds from the state shutting-down to terminated. EC2 tells of both."""
TEN: Final = tuple(f"p{number}" for number in range(10))
_LONG: Final = 7200.0
_HEALTH: Final = "CreateHealthCheck", "DeleteHealthCheck"
_ROWS: Final[list[dict[str, Any]]] = []
"""The figures of the bursts so far."""


def launch(account: Account, count: int, pools: Sequence[str]) -> list[str]:
    """Launch instances, one for each pool in turn, and return their ids."""
    ids = [account.lab.fleet.launch((pool,)) for pool, _ in zip(cycle(pools), range(count), strict=False)]
    account.fit.update(dict.fromkeys(ids, account.now + BOOT))
    return ids


def terminate(account: Account, instance_ids: Collection[str]) -> None:
    """Let instances shut down, and be terminated some time later."""
    for each in instance_ids:
        account.lab.fleet.set_state(each, "shutting-down")

    def end() -> None:
        for each in instance_ids:
            account.lab.fleet.terminate(each)

    account.turns.at(account.now + SHUTDOWN, end)


def burst(
    count: int, pools: Sequence[str], *, stacks: int = 1, functions: int | None = None, mixed: bool = False
) -> None:
    """Launch many, and terminate them later; if `mixed`, others are launched at that moment."""
    names = ",".join(f"{pool}.example.com" for pool in TEN)
    title = f"{count}" + (f" in {len(pools)} pools" if len(pools) > 1 else "")
    title += f", {stacks} stacks" if stacks > 1 else ""
    title += ", one function" if functions == 1 else ""
    with Account({"AllowedRecordNames": names}, stacks=stacks, functions=functions) as account:
        account.lab.route53.health_check_quota = 2000
        for pool in pools:
            if pool in TEN:
                account.lab.put_pool(pool)
        account.settle()
        began = account.now
        members = launch(account, count, pools)
        account.wait(lambda: account.in_dns_at.keys() >= set(members) and account.idle, longest=_LONG)
        if not mixed:
            _print(f"{title}: launched", count, began, account.in_dns_at, members=members, account=account)
        account.wait(lambda: account.now > began + 1800, longest=_LONG)
        account.forget()
        began = account.now
        terminate(account, members)
        new = launch(account, count, pools) if mixed else []
        account.wait(
            lambda: (
                account.now > began + SHUTDOWN + 5
                and len(account.check_ids) == len(new)
                and account.in_dns_at.keys() >= set(new)
                and account.idle
            ),
            longest=_LONG,
        )
        title += ": terminated" + (f", {count} launched" if mixed else "")
        _print(title, count + len(new), began, account.out_of_dns_at, members=members, account=account)


def _print(
    title: str, count: int, began: float, changed: dict[str, float], *, members: Collection[str], account: Account
) -> None:
    calls = Counter(call.operation for call in account.calls)
    checks = [call.at for call in account.calls if call.operation in _HEALTH and call.code is None]
    row(
        title,
        f"{len(account.calls) / count:.2f}",
        sum(call.code == "Throttling" for call in account.calls),
        f"{max(checks) - min(checks):.1f}",
        f"{count / LIMIT:.1f}",
        f"{max(changed[each] for each in members) - began:.1f}",
        account.invocations,
    )
    say("    " + ", ".join(f"{operation} {number}" for operation, number in sorted(calls.items())))
    _ROWS.append(
        {
            "title": title,
            "requests": round(len(account.calls) / count, 2),
            "throttled": sum(call.code == "Throttling" for call in account.calls),
            "checks": round(max(checks) - min(checks), 1),
            "floor": count / LIMIT,
            "last": round(max(changed[each] for each in members) - began, 1),
        }
    )


RUNS: Final = {
    "1": lambda: burst(1, ["web"]),
    "10": lambda: burst(10, ["web"]),
    "100": lambda: burst(100, ["web"]),
    "one": lambda: burst(100, ["web"], functions=1),
    "mixed": lambda: burst(50, ["web"], mixed=True),
    "500": lambda: burst(500, TEN),
    "stacks": lambda: burst(200, ["web", "second"], stacks=2),
}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bursts", description=__doc__)
    parser.add_argument("runs", nargs="*", default=list(RUNS), help=f"some of {', '.join(RUNS)}")
    say("requests: to Route 53, for each instance; checks: seconds from the first creation or deletion of a check")
    say("to the last; floor: as many requests at five a second; last: seconds until the last record is in or out\n")
    row("instances", "requests", "throttled", "checks s", "floor s", "last s", "runs")
    names = parser.parse_args().runs
    for name in names:
        RUNS[name]()
    if names == list(RUNS):
        keep("bursts", _ROWS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
