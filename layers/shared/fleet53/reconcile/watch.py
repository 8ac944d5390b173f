"""Watch: what a run looks at while it creates or deletes many health checks.

Note [Signals first]: a hundred creations take twenty seconds, and a signal that waits meanwhile may be about an address
that has to leave DNS. So once a second the run asks the queue whether signals wait. If they do, it leaves the rest to a
later run. It always goes on for a second, so that a queue that is never empty stops nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE

if TYPE_CHECKING:
    from datetime import datetime

    from fleet53.reconcile.passes import Run

EVERY: Final = timedelta(seconds=1)
FUNCTIONS: Final = 2
"""How many reconcilers run at once at most: MaximumConcurrency in template.yaml."""


@dataclass(slots=True)
class Watch:
    """When a run has looked at the queue last."""

    _looked: datetime | None = field(default=None, init=False)

    def goes_on(self, run: Run) -> bool:
        """Return whether the run goes on, and let it share Route 53's limit with another function that runs.

        Messages that are in flight, and that this run did not receive, are those of another function.
        """
        now = run.now()
        if self._looked is not None and now - self._looked < EVERY:
            return True
        first, self._looked = self._looked is None, now
        try:
            with run.aws.retrier.within(DISPENSABLE):
                load = run.aws.queue.load()
        except AWS_ERRORS as error:
            run.log.warning("queue not read", extra={"because": str(error)})
            return True
        run.aws.pacer.share(FUNCTIONS if load.in_flight > len(run.received) else 1)
        return first or load.waiting == 0
