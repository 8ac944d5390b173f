"""Informing: reads that only add to an audit's report. Neither the plan nor the repair depends on them.

If such a read is denied or fails, its value is left out, the log says why, and the report has a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleet53.aws.retrier import AWS_ERRORS, Limits
from fleet53.domain.errors import ZoneUnreadableError
from fleet53.domain.finding import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fleet53.aws.retrier import Retrier
    from fleet53.domain.log import Log

_LIMITS: Final = Limits(tries=5, reserve=25.0, hurried=True)
"""The reserve leaves time for the repair's signal, which is queued after these reads."""


class InformingReads:
    """The reads of one audit that only inform. `findings` has one for each that failed."""

    def __init__(self, retrier: Retrier, log: Log) -> None:
        self.findings: list[Finding] = []
        self._retrier = retrier
        self._log = log

    def read[T, Otherwise](self, failed: str, read: Callable[[], T], otherwise: Otherwise) -> T | Otherwise:
        """Return what `read` returns, or `otherwise` if AWS refuses or does not answer.

        `failed` says what is not known then, such as "record limit not read".
        """
        try:
            with self._retrier.within(_LIMITS):
                return read()
        except (ZoneUnreadableError, *AWS_ERRORS) as error:
            self.note(failed, str(error))
            return otherwise

    def read_all[T](self, failed: str, find: Callable[[], Iterable[T]]) -> tuple[T, ...]:
        """Return everything that `find` yields, or nothing if one of its reads fails. `failed` is as in `read`."""
        return self.read(failed, lambda: tuple(find()), ())

    def note(self, failed: str, because: str) -> None:
        """Log and report what is not known, and why."""
        self._log.warning(failed, extra={"because": because})
        self.findings.append(Finding(FindingKind.NOT_READ, f"{failed}: {because}"))
