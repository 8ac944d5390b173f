"""Names: names the health checks that an audit has found without a name.

Note [Names] in planning/check_names.py. It comes last in a run, and ends when Route 53 throttles, when signals wait or
when little time is left. The next audit finds the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, Limits
from fleet53.planning.check_names import check_names
from fleet53.signals.model import PoolSignal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.reconcile.outcome import Outcome
    from fleet53.reconcile.passes import Run
    from fleet53.signals.model import InstanceSignal

_LIMITS: Final = Limits(tries=1, reserve=60.0, hurried=True)


def name_checks(signals: Iterable[InstanceSignal | PoolSignal], run: Run, outcome: Outcome) -> None:
    """Name the health checks that the signals list, if they are ours. An AWS error ends this, but not the run."""
    listed = {each for signal in signals if isinstance(signal, PoolSignal) for each in signal.unnamed}
    checks = [outcome.checks[each] for each in sorted(listed) if each in outcome.checks]
    names = check_names(checks, run.settings.owner, outcome.declared)
    named = 0
    try:
        with run.aws.retrier.within(_LIMITS):
            for check_id, name in names.items():
                if run.aws.retrier.throttled["route53"] or not run.watch.goes_on():
                    break
                run.aws.check_names.put(check_id, str(name))
                named += 1
    except AWS_ERRORS as error:
        run.log.info("health check not named", extra={"because": str(error)})
    if names:
        run.log.info("health checks named", extra={"count": named, "left": len(names) - named})
