"""Records: the record sets of Route 53, and what protects them.

DNS names are kept as Route 53 compares them: lower-case, without the trailing dot, `*` unescaped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet53.domain.ids import CheckId

MAX_RECORDS_PER_NAME = 100
"""The most multivalue answer records of one name and type (Route 53 Developer Guide, Quotas)."""


class RecordType(StrEnum):
    """The two record types that hold an address."""

    A = "A"
    AAAA = "AAAA"


ANSWERING: Final = frozenset({*RecordType, "CNAME"})
"""The record types that answer a query for an address."""


@dataclass(frozen=True, slots=True)
class Record:
    """A Route 53 record set. `ttl` in seconds, None on an alias.

    `type` is any DNS record type. `values` are empty on an alias. `identifier` is the SetIdentifier. `listed` is the
    record set as Route 53 listed it, because a DELETE must repeat all of it (ChangeResourceRecordSets). It is empty on
    a record that is not in DNS yet.
    """

    name: str
    type: str
    values: tuple[str, ...]
    identifier: str | None = None
    ttl: int | None = None
    check_id: CheckId | None = None
    multivalue: bool = False
    listed: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Protection:
    """A record set protection: while it exists, Route 53 refuses to change record sets of this name and type."""

    name: str
    type: str
    comment: str | None = None
