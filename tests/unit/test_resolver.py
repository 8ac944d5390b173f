from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import dns.resolver
import pytest

from fleet53.aws.resolver import name_servers

if TYPE_CHECKING:
    from collections.abc import Callable

RESOLVER: Any = dns.resolver
"""The module without its types: dnspython's errors have none."""
SILENT = RESOLVER.LifetimeTimeout(timeout=2.0, errors=[])
NO_NS = RESOLVER.NoAnswer(response=dns.message.make_response(dns.message.make_query("example.com.", "NS")))


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> None:
    monkeypatch.setattr(dns.resolver, "resolve", answer)


def raising(error: Exception | type[Exception]) -> Callable[..., Any]:
    def answer(*_: Any, **__: Any) -> Any:
        raise error

    return answer


def test_the_name_itself_is_asked_for_and_for_no_more_than_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def answer(*question: str, **settings: Any) -> list[Any]:
        asked.append((question, settings))
        return []

    answering(monkeypatch, answer)

    assert name_servers(["example.com"]) == {"example.com": frozenset()}
    assert asked == [(("example.com.", "NS"), {"lifetime": 2.0, "search": False})]


@pytest.mark.parametrize("error", [RESOLVER.NXDOMAIN(), NO_NS], ids=repr)
def test_a_name_that_dns_does_not_know_is_not_delegated(monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    answering(monkeypatch, raising(error))

    assert name_servers(["example.com"]) == {"example.com": frozenset()}


@pytest.mark.parametrize(
    "error",
    [RESOLVER.NoNameservers(), SILENT, RESOLVER.NoResolverConfiguration(), dns.exception.DNSException],
    ids=repr,
)
def test_there_is_no_finding_where_the_resolver_fails(monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    answering(monkeypatch, raising(error))

    assert name_servers(["example.com", "example.net"]) == {}


def test_a_name_that_is_not_valid_in_dns_does_not_stop_others() -> None:
    assert name_servers([f"{'a' * 64}.example"]) == {}


def test_without_names_no_question_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, raising(AssertionError("asked")))

    assert name_servers([]) == {}
