"""Orders: what the guard allows only if a person orders it (Guard.force, Guard.adopt).

Note [Old orders]: a person reads a report and then orders. The message may fail and come back from the dead-letter
queue days later, when other members are held. The person has not seen those, so by then the message is a repair without
an order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.signals.model import PoolSignal

if TYPE_CHECKING:
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import InstanceSignal, MessageId, Signals

VALID: Final = timedelta(hours=1)
"""How long an order counts: Note [Old orders]."""


def orders(signal: InstanceSignal | PoolSignal) -> tuple[bool, bool]:
    """Return what a person ordered, which a pass does only then: `force` and `adopt`."""
    return (signal.force, signal.adopt) if isinstance(signal, PoolSignal) else (False, False)


def without_old_orders(signals: Signals, run: Run) -> Signals:
    """Return the signals. One whose order no longer counts has no order: Note [Old orders]."""
    return {message: _without_old_order(message, signal, run) for message, signal in signals.items()}


def _without_old_order(
    message: MessageId, signal: InstanceSignal | PoolSignal, run: Run
) -> InstanceSignal | PoolSignal:
    if not isinstance(signal, PoolSignal) or signal.ordered is None or not any(orders(signal)):
        return signal
    if run.now() - signal.ordered <= VALID:
        return signal
    because = (
        f"a person ordered it at {signal.ordered.isoformat()}, more than {VALID.total_seconds() / 60:.0f} minutes ago"
    )
    run.log.warning("order expired", extra={"message_id": message, "because": because})
    return replace(signal, force=False, adopt=False)
