"""Returned: which messages of a run are to come again, because a pass could not decide what they are about.

Note [Denied at first]: IAM is eventually consistent, so right after a deployment AWS may deny what the stack's policies
allow. The message of a denied call is returned and received again after 5, 10 and 20 seconds. A denial is final only at
the fourth receive. Until then the run does not count as failed. Creations of health checks are excepted: the member
waits, and the next look at it creates the health check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.domain.scope import Scope
from fleet53.signals.model import PoolSignal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet53.domain.ids import PoolName
    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import MessageId, Signals

RECEIVES_IF_DENIED: Final = 4
"""How often a message is received until a call that AWS denies is final: Note [Denied at first]."""


def find_undecided(scopes: Mapping[MessageId, Scope], outcome: Outcome) -> dict[MessageId, str]:
    """Return the messages about pools for which something could not be read, each with the reason."""
    return {
        message: because
        for message, scope in scopes.items()
        if (because := next((why for pool, why in outcome.unread.items() if _concerns(scope, pool)), None))
    }


def find_unshown(scopes: Mapping[MessageId, Scope], signals: Signals, outcome: Outcome) -> dict[MessageId, str]:
    """Return the messages to return because EC2 listed no instances, each with the reason.

    They are events about an instance that EC2 did not show. Members that wait or are absent are looked at again without
    their message.
    """
    found: dict[MessageId, str] = {}
    for message, scope in scopes.items():
        signal, ids = signals[message], scope.about or frozenset()
        if isinstance(signal, PoolSignal):
            ids &= signal.instance_ids
        if (
            because := next((outcome.unshown[each] for each in sorted(ids) if each in outcome.unshown), None)
        ) is not None:
            found[message] = because
    return found


def find_denied(scopes: Mapping[MessageId, Scope], run: Run, outcome: Outcome) -> dict[MessageId, str]:
    """Return the messages about pools for which AWS denied a call, each with the reason: Note [Denied at first]."""
    return {
        message: because
        for message in find_not_final(scopes, run)
        if (because := next((why for pool, why in outcome.denied.items() if _concerns(scopes[message], pool)), None))
    }


def find_denied_for_good(scopes: Mapping[MessageId, Scope], outcome: Outcome) -> dict[PoolName, str]:
    """Return the pools for which AWS denied a call, each with the reason, without those whose message is returned."""
    comes_again = Scope.union(scopes[message] for message in scopes.keys() & outcome.denied_at_first)
    return {
        pool: because for pool, because in outcome.denied.items() if pool is not None and not comes_again.covers(pool)
    }


def _concerns(scope: Scope, pool: PoolName | None) -> bool:
    return scope.sweep if pool is None else scope.covers(pool)


def find_not_final(messages: Iterable[MessageId], run: Run) -> set[MessageId]:
    """Return the messages for which a denied call is not final yet: Note [Denied at first]."""
    most = RECEIVES_IF_DENIED
    return {message for message in messages if run.received.get(message, most) < most}
