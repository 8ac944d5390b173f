"""Retrier: tries a call to AWS again within the time that the function has left (decisions 4 and 14)."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from fleet53.aws.pacer import CREATE
from fleet53.domain.errors import OutOfTimeError, TryLaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from fleet53.aws.pacer import Pacer

AWS_ERRORS: Final = (ClientError, BotoCoreError, TryLaterError)
"""The errors of a call that AWS refuses, does not receive, or does not answer in time."""
REFUSED_HERE: Final = exceptions.ParamValidationError
"""The error of a call whose parameters botocore refuses. Nothing is sent."""
RESERVE: Final = 10.0
"""Seconds kept at the end to return messages, and to write logs and metrics."""
_TRIES: Final = 8
_FEWER_TRIES: Final = {CREATE: 4}
"""Route 53 may throttle it for minutes (Note [Buckets] in pacer.py). Its member waits for the next look, so that the
run goes on for the others."""
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 8.0
_SERVER_ERROR: Final = 500
UNREACHED: Final = (exceptions.ConnectionError, HTTPClientError)
"""The errors of a call that did not reach AWS, or that AWS did not answer."""
_TIMED_OUT: Final = (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)
_THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
    }
)
"""The codes with which AWS's services throttle (botocore.retries.standard has the same)."""
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})
"""The codes with which AWS's services say that a permission is missing (their API references, Common Errors)."""
_BUSY: Final = frozenset({"PriorRequestNotComplete", "RequestTimeout", "RequestTimeoutException"})


def is_denied(error: BaseException) -> bool:
    """Whether this error, or the one that it was raised from, says that a permission is missing.

    IAM is eventually consistent: right after a deployment, AWS may deny for some seconds what the policies allow (IAM
    User Guide, Troubleshooting IAM, "Changes that I make are not always immediately visible").
    """
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _DENIED
    return error.__cause__ is not None and is_denied(error.__cause__)


def is_throttled(error: BaseException) -> bool:
    """Whether this error, or the one that it was raised from, says that AWS throttles the account."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _THROTTLED
    return error.__cause__ is not None and is_throttled(error.__cause__)


def reason_of(error: ClientError) -> str:
    """Return the code and the message with which AWS refused a request."""
    return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of calls: at most `tries`, none of which may end with less than `reserve` seconds left.

    If `hurried`, a call that timed out is not tried again, and its service in that region gets no more hurried calls.
    After a call whose tries all failed, each further call to its service there is tried once. Both are only about calls
    with the same `about`, such as one hosted zone, because AWS may answer about the others.
    """

    tries: int = _TRIES
    reserve: float = RESERVE
    hurried: bool = False
    about: str = ""


DISPENSABLE: Final = Limits(tries=4, hurried=True)
"""For a read that a pass can do without, so that a withdrawal in the same pass does not wait for it."""
HURRIED: Final = Limits(hurried=True)
"""For a change that no withdrawal waits for, so that a run ends soon if AWS does not answer, and the next can start."""


def limits_among(about: str, every: Collection[str]) -> Limits:
    """Return how much calls about one of `every` may take, such as one hosted zone: the others may wait for it."""
    return replace(DISPENSABLE, about=about) if len(every) > 1 else Limits()


@dataclass(slots=True)
class Retrier:
    """Tries calls within the time left. `calls` counts requests by service, `throttled` those that AWS throttled.

    `remaining` returns the seconds left, `sleep` waits for a number of seconds, `random` returns a number from 0 to 1.
    `pacers` say by service how long to wait before each request.
    """

    remaining: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    pacers: Mapping[str, Pacer] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter, init=False)
    throttled: Counter[str] = field(default_factory=Counter, init=False)
    _limits: Limits = field(default_factory=Limits, init=False)
    _silent: set[tuple[str, str, str]] = field(default_factory=set, init=False)
    _busy: set[tuple[str, str, str]] = field(default_factory=set, init=False)

    @contextlib.contextmanager
    def within(self, limits: Limits) -> Iterator[None]:
        """Apply these limits to all calls inside the `with` block."""
        before, self._limits = self._limits, limits
        try:
            yield
        finally:
            self._limits = before

    def failed(self, limits: Limits) -> bool:
        """Whether all tries of a hurried call with the same `about` as these limits have failed."""
        return any(about == limits.about for _service, _region, about in self._busy | self._silent)

    def call[T](
        self, call: Callable[[], T], *, service: str = "", region: str = "", operation: str = "", longest: float = 0.0
    ) -> T:
        """Return what `call` returns. A throttled call, or one that AWS did not answer, is tried again.

        `longest` is how many seconds one try can take: the client's time-outs. The pauses grow, with jitter. Raises
        OutOfTimeError when another try does not fit into the time left, and TryLaterError after the last try, or if the
        pacer would delay the next one for long.
        """
        limits, pacer = self._limits, self.pacers.get(service)
        reason: Exception | None = None
        asked = service, region, limits.about
        if limits.hurried and asked in self._silent:
            raise TryLaterError(f"{service} in {region} did not answer a request before")
        tries = min(limits.tries, _FEWER_TRIES.get(operation, limits.tries))
        tries = 1 if limits.hurried and asked in self._busy else tries
        for attempt in range(tries):
            if attempt:
                if pacer is not None and pacer.delay(operation) > _LONGEST_DELAY:
                    tries = attempt
                    break
                pause = min(_FIRST_DELAY * 2 ** (attempt - 1), _LONGEST_DELAY) * (0.5 + self.random())
                self.wait(pause, f"to try again: {reason}", then=longest)
            self._check_time(longest)
            if pacer is not None and (pause := pacer.pause(operation)) > 0:
                self.wait(pause, f"until {service} takes the next request", then=longest)
            self.calls[service] += 1
            try:
                answer = call()
            except (ClientError, *UNREACHED) as error:
                if not self._is_temporary(service, error):
                    raise
                if pacer is not None and is_throttled(error):
                    pacer.throttled(operation)
                reason = error
                if limits.hurried and isinstance(error, _TIMED_OUT):
                    self._silent.add(asked)
                    raise TryLaterError(str(error)) from error
            else:
                if pacer is not None:
                    pacer.succeeded(operation)
                return answer
        if limits.hurried:
            self._busy.add(asked)
        raise TryLaterError(f"tried {tries} times: {reason}") from reason

    def wait(self, seconds: float, purpose: str, *, then: float = 0.0) -> None:
        """Wait for `seconds`, or raise OutOfTimeError with the purpose if less than the reserve would be left.

        `then` is how many seconds the work after the wait needs.
        """
        if self.remaining() - seconds - then < self._limits.reserve:
            raise OutOfTimeError(f"no time left {purpose}")
        self.sleep(seconds)

    def _check_time(self, longest: float) -> None:
        """Raise OutOfTimeError if a try of `longest` seconds could end with less than the reserve left."""
        left = self.remaining()
        if left - longest < self._limits.reserve:
            request = f"a request may take {longest:.0f} s: " if longest else ""
            kept = f"{self._limits.reserve:.0f} s are kept for a clean end"
            raise OutOfTimeError(f"{request}{left:.0f} s left, and {kept}")

    def _is_temporary(self, service: str, error: Exception) -> bool:
        """Whether the same call may succeed later."""
        if not isinstance(error, ClientError):
            return True
        if is_throttled(error):
            self.throttled[service] += 1
            return True
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in _BUSY or status >= _SERVER_ERROR
