"""Removes from the HTML of a custom widget everything that could run a script, as CloudWatch does."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Final, override

_REFUSED: Final = frozenset({"script", "iframe", "use"})
"""CloudWatch User Guide, Details about custom widgets (security)."""
_ADDRESSES: Final = frozenset({"href", "src", "xlink:href", "action", "formaction"})


def clean(html: str) -> str:
    """Return `html` without scripts, frames, `<use>`, event handlers and `javascript:` addresses."""
    cleaner = _Cleaner()
    cleaner.feed(html)
    cleaner.close()
    return "".join(cleaner.kept)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.kept: list[str] = []
        self._refused = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _REFUSED:
            self._refused += 1
        self._keep(f"<{tag}{''.join(_attributes(attrs))}>")

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _REFUSED:
            self._keep(f"<{tag}{''.join(_attributes(attrs))}/>")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in _REFUSED:
            self._refused = max(0, self._refused - 1)
        else:
            self._keep(f"</{tag}>")

    @override
    def handle_data(self, data: str) -> None:
        self._keep(data)

    @override
    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    @override
    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def _keep(self, text: str) -> None:
        if not self._refused:
            self.kept.append(text)


def _attributes(attrs: list[tuple[str, str | None]]) -> list[str]:
    return [f' {name}="{escape(value or "")}"' for name, value in attrs if _harmless(name, value or "")]


def _harmless(name: str, value: str) -> bool:
    program = name in _ADDRESSES and "".join(value.split()).lower().startswith("javascript:")
    return not name.startswith("on") and not program
