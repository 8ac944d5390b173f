"""A record set in the form of Route 53's API, and what identifies it in a hosted zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lab.route53.names import Name

type RecordSet = dict[str, Any]


class Key(NamedTuple):
    """What identifies a record set; `set_identifier` is empty for simple routing."""

    name: Name
    type: str
    set_identifier: str
