"""The record set protections of one hosted zone (Create-, Delete- and ListResourceRecordSetProtections).

Not modelled: the quota of a zone, and the list of failing entries in an error; its message names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lab.route53.error import Route53Error, invalid_input
from lab.route53.names import InvalidNameError, Name, parse_name
from lab.route53.page import page_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_ENTRIES = 100  # of a request
MAX_PAGE = 300
MAX_COMMENT_CHARACTERS = 256
_INVALID_BATCH = "InvalidResourceRecordSetProtectionBatch"


class Place(NamedTuple):
    """What a protection is for."""

    name: Name
    type: str

    def __str__(self) -> str:
        """Return the place as Route 53 names a record set in its errors."""
        return f"[name='{self.name}', type='{self.type}']"


class Protections:
    """The protections of one hosted zone; a request creates or deletes all that it names, or none."""

    def __init__(self, zone: Name) -> None:
        self._zone = zone
        self._comments: dict[Place, str | None] = {}

    def refusal(self, name: Name, record_type: str) -> str | None:
        """Return why a record set of this name and type cannot be changed, or None if it can."""
        place = Place(name, record_type)
        if place not in self._comments:
            return None
        comment = self._comments[place]
        return f"The resource record set {place} is protected" + (f": {comment}" if comment else "")

    def create(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Protect what the entries name; the record sets need not exist yet."""
        places = self._places(entries)
        existing = [place for place in places if place in self._comments]
        if existing:
            code = "ProtectionAlreadyExists" if len(existing) == len(places) else _INVALID_BATCH
            raise _refusal(code, existing, "a protection exists already")
        for place, entry in zip(places, entries, strict=True):
            self._comments[place] = entry.get("Comment") or None

    def delete(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Delete the protections that the entries name."""
        places = self._places(entries)
        missing = [place for place in places if place not in self._comments]
        if missing:
            raise _refusal(_INVALID_BATCH, missing, "no protection exists")
        for place in places:
            del self._comments[place]

    def page(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a listing, in the order of record sets."""
        size = page_size(parameters.get("MaxResults"), default=MAX_PAGE, most=MAX_PAGE)
        start = self._start(parameters)
        left = sorted(
            (place for place in self._comments if _order(place) >= start),
            key=_order,
        )
        listed = []
        for place in left[:size]:
            comment = self._comments[place]
            entry = {"RecordName": str(place.name), "RecordType": place.type}
            listed.append(entry if comment is None else entry | {"Comment": comment})
        answer: dict[str, Any] = {"ResourceRecordSetProtections": listed}
        if len(left) > size:
            answer["NextToken"] = " ".join(_order(left[size]))
        return answer

    def _start(self, parameters: Mapping[str, Any]) -> tuple[str, str]:
        token, name = parameters.get("NextToken"), parameters.get("StartRecordName")
        if token is not None:
            sort_key, _, record_type = token.partition(" ")
            if not record_type:
                raise Route53Error("InvalidPaginationToken", f"The token {token!r} is not one of this listing")
            return sort_key, record_type
        if parameters.get("StartRecordType") and not name:
            raise invalid_input("StartRecordType needs a StartRecordName")
        try:
            return (parse_name(name).sort_key if name else ""), parameters.get("StartRecordType") or ""
        except InvalidNameError as error:
            raise invalid_input(str(error)) from error

    def _places(self, entries: Sequence[Mapping[str, Any]]) -> list[Place]:
        if not 1 <= len(entries) <= MAX_ENTRIES:
            raise invalid_input(f"A request names 1 to {MAX_ENTRIES} protections, not {len(entries)}")
        places: list[Place] = []
        for entry in entries:
            try:
                place = Place(parse_name(entry["RecordName"]), entry["RecordType"])
            except InvalidNameError as error:
                raise Route53Error(_INVALID_BATCH, f"[{error}]") from error
            if place in places:
                raise _refusal(_INVALID_BATCH, [place], "it is named twice")
            if not place.name.is_within(self._zone):
                raise _refusal(_INVALID_BATCH, [place], f"it is not in zone {self._zone}")
            if len(entry.get("Comment") or "") > MAX_COMMENT_CHARACTERS:
                raise invalid_input(f"A protection's Comment has at most {MAX_COMMENT_CHARACTERS} characters")
            places.append(place)
        return places


def _order(place: Place) -> tuple[str, str]:
    return place.name.sort_key, place.type


def _refusal(code: str, places: Sequence[Place], because: str) -> Route53Error:
    status = 409 if code == "ProtectionAlreadyExists" else 400
    return Route53Error(code, f"[{', '.join(f'{place}: {because}' for place in places)}]", status)
