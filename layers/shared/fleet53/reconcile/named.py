"""Named: reads the instances that the signals of a run name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleet53.convergence.instances import read_attached, read_named
from fleet53.signals.model import InstanceSignal, PoolSignal

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from fleet53.domain.ids import InstanceId
    from fleet53.domain.instance import Instance
    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import MessageId, Signals


def name_instances(signals: Signals, run: Run, outcome: Outcome) -> Signals:
    """Read the instances that the signals name. Return signals that name them in place of network interfaces.

    If EC2 does not answer about some of them, their messages are returned, and their signals are handled for the
    others: Note [Disrupted zone] in convergence/instances.py.
    """
    about = [each for each in signals.values() if isinstance(each, InstanceSignal)]
    tagged = [each for each in signals.values() if isinstance(each, PoolSignal) and each.tagged is not None]
    ids = {each for signal in about for each in signal.instance_ids}
    found, unread = read_named(ids.union(*(signal.instance_ids for signal in tagged)), run.aws)
    attached, because = read_attached({each for signal in about for each in signal.interface_ids}, run.aws)
    outcome.instances |= found | attached
    handled: dict[MessageId, InstanceSignal | PoolSignal] = {}
    for message, signal in signals.items():
        reasons = [unread[each] for each in sorted(signal.instance_ids) if each in unread]
        if isinstance(signal, InstanceSignal) and signal.interface_ids and because is not None:
            reasons.append(because)
        shown = _with_shown(signal, attached, unread)
        if reasons:
            outcome.retry[message] = reasons[0]
        if not reasons or shown.instance_ids:
            handled[message] = shown
    return handled


def _with_shown[AnySignal: InstanceSignal | PoolSignal](
    signal: AnySignal, attached: Mapping[InstanceId, Instance], unread: Container[InstanceId]
) -> AnySignal:
    """Return a signal without unread instances, that names instances in place of their network interfaces."""
    ids = frozenset(each for each in signal.instance_ids if each not in unread)
    if not isinstance(signal, InstanceSignal):
        return replace(signal, instance_ids=ids)
    ids |= {each.id for each in attached.values() if signal.interface_ids & {nic.id for nic in each.interfaces}}
    return replace(signal, instance_ids=ids, interface_ids=frozenset())
