"""The standard output of a function while it runs. The process has only one, and other threads of the lab print too."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from typing import TYPE_CHECKING, Final, TextIO, override

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Output(io.TextIOBase):
    """A standard output for handlers. Loggers keep it, and its target changes with each invocation.

    The output of other threads is not affected.
    """

    def __init__(self) -> None:
        self._buffer: io.StringIO | None = None
        self._thread = 0
        self._others: TextIO = sys.stdout

    @override
    def write(self, text: str) -> int:
        if self._buffer is None:
            return len(text)
        return (self._buffer if threading.get_ident() == self._thread else self._others).write(text)

    @override
    def flush(self) -> None:
        if self._buffer is not None and threading.get_ident() != self._thread:
            self._others.flush()

    @override
    def writable(self) -> bool:
        return True

    @contextlib.contextmanager
    def kept(self) -> Iterator[io.StringIO]:
        """Keep what this thread prints inside the `with` block."""
        kept, before = io.StringIO(), (self._buffer, self._thread, self._others)
        if sys.stdout is not self:
            self._others = sys.stdout
        self._buffer, self._thread = kept, threading.get_ident()
        try:
            with contextlib.redirect_stdout(self):
                yield kept
        finally:
            self._buffer, self._thread, self._others = before


OUTPUT: Final = _Output()
