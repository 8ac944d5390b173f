"""The log that runs write to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Log(Protocol):
    """A structured logger: a message, and its fields as `extra`."""

    def info(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Write what was done."""
        ...

    def warning(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Write what was not done, and why."""
        ...

    def exception(self, msg: object, *, extra: Mapping[str, object]) -> None:
        """Write an unexpected error, with its traceback."""
        ...
