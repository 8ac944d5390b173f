"""The form in which each module of this folder says how moto's behaviour is replaced."""

from typing import Any, NamedTuple


class Gap(NamedTuple):
    """A place where moto differs from AWS: an attribute of moto's, and what stands there instead."""

    owner: Any
    """moto's class or module."""
    name: str
    """The attribute; it is added if moto has none of that name."""
    replacement: Any
