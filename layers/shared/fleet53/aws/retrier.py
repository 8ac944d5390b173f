"""Retrier: how long and how often a call to AWS is tried again within the time a function has left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from fleet53.domain.errors import OutOfTimeError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable

AWS_ERRORS: Final = (ClientError, BotoCoreError)
"""What a boto3 call raises when AWS, or the way to it, fails."""
RESERVE: Final = 10.0
"""Seconds kept for a clean end: what is left is returned, logs and metrics are written."""
_TRIES: Final = 8
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 8.0
_SERVER_ERROR: Final = 500
_UNREACHED: Final = (exceptions.ConnectionError, HTTPClientError)
_THROTTLED: Final = frozenset({"Throttling", "ThrottlingException"})
_BUSY: Final = "PriorRequestNotComplete"


@dataclass(slots=True)
class Retrier:
    """Tries calls within the time left, and counts them.

    `remaining` gives the seconds left, `sleep` waits for seconds, `random` gives a number from 0 to 1.
    """

    remaining: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    calls: int = field(default=0, init=False)
    throttled: int = field(default=0, init=False)

    def call[T](self, call: Callable[[], T]) -> T:
        """Return what `call` returns, trying again with growing, jittered delays while AWS only asks to wait.

        Raises OutOfTimeError when the time left does not cover another try, TryLaterError when AWS has refused
        every one.
        """
        delay, reason = _FIRST_DELAY, ""
        for _ in range(_TRIES):
            self.check_time()
            self.calls += 1
            try:
                return call()
            except (ClientError, *_UNREACHED) as error:
                if not self._passing(error):
                    raise
                reason = str(error)
            pause = min(delay, _LONGEST_DELAY) * (0.5 + self.random())
            delay *= 2
            self.wait(pause, f"to try again: {reason}")
        raise TryLaterError(f"tried {_TRIES} times: {reason}")

    def wait(self, seconds: float, purpose: str) -> None:
        """Wait for `seconds`, or raise OutOfTimeError, which names the purpose, when only the reserve would be left."""
        if self.remaining() - seconds < RESERVE:
            raise OutOfTimeError(f"no time left {purpose}")
        self.sleep(seconds)

    def check_time(self) -> None:
        """Raise OutOfTimeError when only the reserve is left."""
        left = self.remaining()
        if left < RESERVE:
            raise OutOfTimeError(f"{left:.0f} s left, and {RESERVE:.0f} s are kept for a clean end")

    def _passing(self, error: Exception) -> bool:
        """Whether an error asks for nothing but another try."""
        if not isinstance(error, ClientError):
            return True
        code = error.response["Error"]["Code"]
        if code in _THROTTLED:
            self.throttled += 1
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return code in _THROTTLED or code == _BUSY or status >= _SERVER_ERROR
