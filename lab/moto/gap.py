"""Gap: how the modules of this folder declare that a part of moto is replaced."""

from typing import Any, NamedTuple


class Gap(NamedTuple):
    """A place where moto differs from AWS: an attribute of moto's, and its replacement."""

    owner: Any
    """moto's class or module."""
    name: str
    """The attribute; it is added if moto has none of that name."""
    replacement: Any
