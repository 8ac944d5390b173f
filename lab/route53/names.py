"""DNS names as Route 53 reads, writes and sorts them (Developer Guide, "DNS domain name format")."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPE = re.compile(r"\\([0-7]{3})")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_LABEL_CHARACTERS = 63
_NAME_CHARACTERS = 255


class InvalidNameError(ValueError):
    """A text is not a DNS name; `problem` is Route 53's name of what is wrong, with its explanation."""

    def __init__(self, problem: str, text: str) -> None:
        super().__init__(f"FATAL problem: {problem} encountered with '{text}'")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Name:
    """A fully qualified name, lower-case, as its labels from left to right."""

    labels: tuple[str, ...]

    def __str__(self) -> str:
        """Return the name as Route 53 answers it: escaped in octal, with the trailing dot."""
        return "".join("".join(c if c in _PLAIN else f"\\{ord(c):03o}" for c in label) + "." for label in self.labels)

    @property
    def sort_key(self) -> str:
        """Return what ListResourceRecordSets sorts by: the labels reversed, with the trailing dot."""
        return "".join(f"{label}." for label in reversed(self.labels))

    def is_within(self, zone: Name) -> bool:
        """Return whether this is the zone's own name or a name below it."""
        return self.labels[-len(zone.labels) :] == zone.labels


def parse_name(text: str) -> Name:
    """Read a name with or without trailing dot, in any case, plain or with octal escapes."""
    # Labels are split before escapes are read: an escaped dot is part of its label.
    labels = tuple(
        _ESCAPE.sub(lambda found: chr(int(found[1], 8)), label).lower() for label in text.removesuffix(".").split(".")
    )
    if not all(labels):
        raise InvalidNameError("DomainLabelEmpty (Domain label is empty)", text)
    if any(len(label) > _LABEL_CHARACTERS for label in labels):
        raise InvalidNameError("DomainLabelTooLong (Domain label is too long)", text)
    if sum(len(label) + 1 for label in labels) > _NAME_CHARACTERS:
        raise InvalidNameError("DomainNameTooLong (Domain name is too long)", text)
    return Name(labels)
