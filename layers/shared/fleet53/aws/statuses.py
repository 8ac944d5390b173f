"""Statuses: how often Route 53 may be asked for the status of a health check (GetHealthCheckStatus).

The Route 53 API Reference says that the operation is for diagnosis, and not for high query rates.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

MOST_A_LOOK: Final = 10
"""How many health checks one pass asks for."""
MOST_A_MINUTE: Final = 40
"""How many a warm function asks for in a minute: three looks at ten members, and another pass."""
_MINUTE: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Statuses:
    """When a warm function asked. It only limits requests, so a function that starts cold may know nothing."""

    _asked: deque[datetime] = field(default_factory=deque)

    def take(self, count: int, *, now: datetime) -> bool:
        """Return whether `count` health checks may be asked for now, and count them if so."""
        while self._asked and now - self._asked[0] >= _MINUTE:
            self._asked.popleft()
        if count > MOST_A_LOOK or len(self._asked) + count > MOST_A_MINUTE:
            return False
        self._asked.extend([now] * count)
        return True
