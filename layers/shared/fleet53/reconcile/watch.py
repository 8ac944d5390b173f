"""Watch: what a run looks at while it creates or deletes many health checks.

Note [Signals first]: a hundred creations take twenty seconds, and a signal that waits meanwhile may be about an address
that has to leave DNS. So once a second the run asks the queue whether signals wait. If they do, it leaves the rest to a
later run. It always goes on for a second, so that the work gets done even if the queue is never empty. The same holds
for the statuses of health checks, of which Route 53 answers one a second: the next look asks for the others.

Note [Gradual creations]: where Route 53's bucket of creations is empty, all functions together can create one health
check every two seconds (Note [Buckets] in aws/pacer.py). A run waits for that only if it makes all its creations within
LONGEST_WAIT, and asks the queue meanwhile as before. Otherwise it creates what the bucket has now, and leaves the rest
to the next look at these members, which is due within half a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.aws.pacer import CREATE
from fleet53.aws.retrier import AWS_ERRORS, DISPENSABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fleet53.aws.clients import Aws
    from fleet53.aws.queue import Load, Queue
    from fleet53.domain.log import Log

EVERY: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = 30.0
"""The longest time in seconds that a run waits for Route 53 to take its last creations: about the time to the next
look."""
FUNCTIONS: Final = 2
"""How many reconcilers run at once at most: MaximumConcurrency in template.yaml."""


def read_load(queue: Queue, log: Log) -> Load | None:
    """Return how many messages wait and are in flight, None if the queue cannot be read."""
    try:
        return queue.load()
    except AWS_ERRORS as error:
        log.warning("queue not read", extra={"because": str(error)})
        return None


@dataclass(slots=True)
class Watch:
    """When a run last looked at the queue. `received` is how many messages the run received."""

    aws: Aws
    log: Log
    now: Callable[[], datetime]
    received: int
    _looked: datetime | None = field(default=None, init=False)

    def goes_on(self) -> bool:
        """Return whether the run goes on, and let it share Route 53's limit with another function that runs.

        Messages that are in flight, and that this run did not receive, are those of another function.
        """
        now = self.now()
        if self._looked is not None and now - self._looked < EVERY:
            return True
        first, self._looked = self._looked is None, now
        with self.aws.retrier.within(DISPENSABLE):
            load = read_load(self.aws.queue, self.log)
        if load is None:
            return True
        self.aws.pacer.share(FUNCTIONS if load.in_flight > self.received else 1)
        return first or load.waiting == 0

    def creates(self, left: int) -> bool:
        """Whether to create the next of `left` health checks, once Route 53 allows it: Note [Gradual creations]."""
        while self.goes_on():
            delay = self.aws.pacer.delay(CREATE)
            if delay <= 0:
                return True
            if self.aws.pacer.delay(CREATE, left) > LONGEST_WAIT:
                return False
            self.aws.retrier.wait(min(delay, EVERY.total_seconds()), "until Route 53 takes another health check")
        return False
