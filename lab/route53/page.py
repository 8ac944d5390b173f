"""The pages of Route 53's listings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.route53.error import invalid_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def page_size(text: str | None, *, default: int, most: int) -> int:
    """Return the size of a page; AWS's maximum limits a larger request."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise invalid_input(f"The size of a page must be a whole number of at least 1, not {text!r}")
    return min(int(text), most)


def page_by_id(
    ids: Iterable[str],
    describe: Callable[[str], dict[str, Any]],
    parameters: Mapping[str, Any],
    *,
    key: str,
    default: int,
    most: int,
) -> dict[str, Any]:
    """Answer a listing in the order of ids: `key` names its items, Marker is the first id of the page."""
    size = page_size(parameters.get("MaxItems"), default=default, most=most)
    marker = parameters.get("Marker") or ""
    left = sorted(each for each in ids if each >= marker)
    answer: dict[str, Any] = {
        key: [describe(each) for each in left[:size]],
        "Marker": marker,
        "IsTruncated": len(left) > size,
        "MaxItems": str(size),
    }
    if len(left) > size:
        answer["NextMarker"] = left[size]
    return answer
