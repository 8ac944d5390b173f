"""Bursts: what many launches or terminations at once cost of Route 53's limits."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from functools import partial
from itertools import cycle
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.account import Account
from benchmarks.table import keep, row, say
from lab.route53.limits import OWN, Buckets, FiveASecond

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from lab.route53.limits import Limits

BOOT: Final = 30.0
"""Seconds from a launch until the server is fit."""
SHUTDOWN: Final = 45.0
"""Seconds from the state shutting-down to terminated. EC2 sends an event for both."""
MOMENTS: Final = (2, 5, 8, 12, 16, 25, 40, 60, 90, 120)
"""Seconds after the launches of a burst."""
TEN: Final = tuple(f"p{number}" for number in range(10))
_LONG: Final = 7200.0
_HEALTH: Final = "CreateHealthCheck", "DeleteHealthCheck"
LIMITS: Final[dict[str, Callable[[], Limits]]] = {"buckets": Buckets, "five": FiveASecond}
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


def floor(limits: str, created: int, deleted: int) -> float:
    """Return the least seconds in which Route 53 takes so many creations and deletions of health checks."""
    if limits == "five":
        return (created + deleted) / 5
    counts = zip(_HEALTH, (created, deleted), strict=True)
    return max(0.0, *((count - OWN[operation][0]) / OWN[operation][1] for operation, count in counts))


@contextlib.contextmanager
def _account(limits: str, pools: Sequence[str], stacks: int, functions: int | None = None) -> Iterator[Account]:
    """Return an account with these pools, whose quota of health checks no burst reaches."""
    names = ",".join(f"{pool}.example.com" for pool in TEN)
    with Account({"AllowedRecordNames": names}, stacks=stacks, functions=functions, limits=LIMITS[limits]) as account:
        account.lab.route53.health_check_quota = 2000
        for pool in pools:
            if pool in TEN:
                account.lab.put_pool(pool)
        account.settle()
        yield account


def _where(pools: Sequence[str], stacks: int) -> str:
    """Return the part of a title that says how many pools and stacks a burst is in, empty for one."""
    in_pools = f" in {len(pools)} pools" if len(pools) > 1 else ""
    return in_pools + (f", {stacks} stacks" if stacks > 1 else "")


def burst(
    limits: str,
    count: int,
    pools: Sequence[str],
    *,
    stacks: int = 1,
    functions: int | None = None,
    mixed: bool = False,
) -> None:
    """Launch many, and terminate them later; if `mixed`, others are launched at that moment."""
    title = f"{count}{_where(pools, stacks)}"
    title += ", one function" if functions == 1 else ""
    with _account(limits, pools, stacks, functions) as account:
        began = account.now
        members = launch(account, count, pools)
        account.wait(lambda: account.in_dns_at.keys() >= set(members) and account.idle, longest=_LONG)
        if not mixed:
            least = floor(limits, count, 0)
            _print(limits, f"{title}: launched", least, began, account.in_dns_at, members=members, account=account)
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
        least = floor(limits, len(new), count)
        _print(limits, title, least, began, account.out_of_dns_at, members=[*members, *new], account=account)


def withdrawals(limits: str, count: int, pools: Sequence[str], *, stacks: int = 1) -> None:
    """Launch many, end others at MOMENTS after that, and print how long they stay in DNS."""
    with _account(limits, pools, stacks) as account:
        began = account.now
        ends = dict(zip(launch(account, len(MOMENTS), pools), MOMENTS, strict=True))
        account.wait(lambda: account.in_dns_at.keys() >= ends.keys() and account.now > began + 600, longest=_LONG)
        account.forget()
        began = account.now
        launch(account, count, pools)
        for each, moment in ends.items():
            account.turns.at(began + moment, partial(account.lab.fleet.set_state, each, "shutting-down"))
        account.wait(lambda: account.out_of_dns_at.keys() >= ends.keys(), longest=_LONG)
        lasted = sorted(account.out_of_dns_at[each] - began - moment for each, moment in ends.items())
    title = f"{count} launched{_where(pools, stacks)}"
    say(f"{title}, others withdrawn: after {median(lasted):.1f} s, the longest after {lasted[-1]:.1f} s")


def _print(
    limits: str,
    title: str,
    least: float,
    began: float,
    changed: dict[str, float],
    *,
    members: Collection[str],
    account: Account,
) -> None:
    count = len(members)
    last = max(changed[each] for each in members if each in changed) - began
    calls = Counter(call.operation for call in account.calls)
    checks = [call.at for call in account.calls if call.operation in _HEALTH and call.code is None]
    row(
        title,
        f"{len(account.calls) / count:.2f}",
        sum(call.code == "Throttling" for call in account.calls),
        f"{max(checks) - min(checks):.1f}",
        f"{least:.1f}",
        f"{last:.1f}",
        account.invocations,
    )
    say("    " + ", ".join(f"{operation} {number}" for operation, number in sorted(calls.items())))
    _ROWS.append(
        {
            "limits": limits,
            "title": title,
            "requests": round(len(account.calls) / count, 2),
            "throttled": sum(call.code == "Throttling" for call in account.calls),
            "checks": round(max(checks) - min(checks), 1),
            "floor": least,
            "last": round(last, 1),
        }
    )


RUNS: Final[dict[str, Callable[[str], None]]] = {
    "1": lambda limits: burst(limits, 1, ["web"]),
    "10": lambda limits: burst(limits, 10, ["web"]),
    "100": lambda limits: burst(limits, 100, ["web"]),
    "one": lambda limits: burst(limits, 100, ["web"], functions=1),
    "mixed": lambda limits: burst(limits, 50, ["web"], mixed=True),
    "500": lambda limits: burst(limits, 500, TEN),
    "stacks": lambda limits: burst(limits, 200, ["web", "second"], stacks=2),
    "withdrawn": lambda limits: withdrawals(limits, 90, ["web"]),
    "withdrawn 500": lambda limits: withdrawals(limits, 500, TEN),
    "withdrawn stacks": lambda limits: withdrawals(limits, 180, ["web", "second"], stacks=2),
}


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="bursts", description=__doc__)
    parser.add_argument("runs", nargs="*", default=list(RUNS), help=f"some of {', '.join(RUNS)}")
    parser.add_argument("--limits", choices=LIMITS, help="those of Route 53's token buckets, or five requests a second")
    arguments = parser.parse_args()
    say("requests: to Route 53, for each instance; checks: seconds from the first creation or deletion of a check")
    say("to the last; floor: the least that the limits allow; last: seconds until the last record is in or out")
    for limits in LIMITS if arguments.limits is None else [arguments.limits]:
        row(f"\n{limits}", "requests", "throttled", "checks s", "floor s", "last s", "runs")
        for name in arguments.runs:
            RUNS[name](limits)
    if arguments.runs == list(RUNS) and arguments.limits is None:
        keep("bursts", _ROWS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
