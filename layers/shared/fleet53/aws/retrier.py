"""Retrier: tries a call to Route 53 again within the time that the function has left. Decision 4 has the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from fleet53.domain.errors import OutOfTimeError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable

AWS_ERRORS: Final = (ClientError, BotoCoreError)
"""What a boto3 call raises when AWS refuses it, or cannot be reached."""
RESERVE: Final = 10.0
"""Seconds kept at the end to return messages, and to write logs and metrics."""
_TRIES: Final = 8
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 8.0
_SERVER_ERROR: Final = 500
_UNREACHED: Final = (exceptions.ConnectionError, HTTPClientError)
_THROTTLED: Final = frozenset({"Throttling", "ThrottlingException"})
_BUSY: Final = "PriorRequestNotComplete"


@dataclass(slots=True)
class Retrier:
    """Tries calls within the time left. `calls` counts the requests, `throttled` those that AWS throttled.

    `remaining` returns the seconds left, `sleep` waits for a number of seconds, `random` returns a number from 0 to 1.
    """

    remaining: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    calls: int = field(default=0, init=False)
    throttled: int = field(default=0, init=False)

    def call[T](self, call: Callable[[], T]) -> T:
        """Return what `call` returns. A throttled call, or one that Route 53 did not answer, is tried again.

        The pauses grow, with jitter. Raises OutOfTimeError when another try does not fit into the time left, and
        TryLaterError after the last try.
        """
        reason = ""
        for attempt in range(_TRIES):
            self.check_time()
            self.calls += 1
            try:
                return call()
            except (ClientError, *_UNREACHED) as error:
                if not self._is_temporary(error):
                    raise
                reason = str(error)
            pause = min(_FIRST_DELAY * 2**attempt, _LONGEST_DELAY) * (0.5 + self.random())
            self.wait(pause, f"to try again: {reason}")
        raise TryLaterError(f"tried {_TRIES} times: {reason}")

    def wait(self, seconds: float, purpose: str) -> None:
        """Wait for `seconds`, or raise OutOfTimeError with the purpose if less than the reserve would be left."""
        if self.remaining() - seconds < RESERVE:
            raise OutOfTimeError(f"no time left {purpose}")
        self.sleep(seconds)

    def check_time(self) -> None:
        """Raise OutOfTimeError if less than the reserve is left."""
        left = self.remaining()
        if left < RESERVE:
            raise OutOfTimeError(f"{left:.0f} s left, and {RESERVE:.0f} s are kept for a clean end")

    def _is_temporary(self, error: Exception) -> bool:
        """Whether the same call may succeed later."""
        if not isinstance(error, ClientError):
            return True
        code = error.response["Error"]["Code"]
        if code in _THROTTLED:
            self.throttled += 1
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return code in _THROTTLED or code == _BUSY or status >= _SERVER_ERROR
