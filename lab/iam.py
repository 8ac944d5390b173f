"""IAM: which requests the policies of a function's role allow, as far as the template's policies need it.

Sources: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Resource" and "Set operators for
multivalued context keys". A changed policy counts at once.
"""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Request:
    """A request to AWS: its IAM action, the ARN that it is about (`*` for none), and its multivalued context keys."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Permissions:
    """What each function may do. Requests that no function makes are allowed.

    `statements` are those of each function's role. `function` makes the present requests. `refused` has each request
    that was not allowed, with its function.
    """

    function: str | None = None
    refused: list[tuple[str, Request]] = field(default_factory=list)
    statements: dict[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    def grant(self, function: str, statements: Iterable[Mapping[str, Any]]) -> None:
        """Replace what a function may do by these policy statements."""
        self.statements[function] = tuple(statements)

    @contextlib.contextmanager
    def acting(self, function: str | None) -> Iterator[None]:
        """Tell that a function, or nobody's function, makes the requests for as long as this is entered."""
        before, self.function = self.function, function
        try:
            yield
        finally:
            self.function = before

    def refusal(self, request: Request) -> str | None:
        """Return how AWS says that the request is not allowed, or None where it is."""
        if self.function is None or any(_allows(each, request) for each in self.statements.get(self.function, ())):
            return None
        self.refused.append((self.function, request))
        return (
            f"User: {self.function} is not authorized to perform: {request.action} on resource: {request.resource} "
            f"because no identity-based policy allows the {request.action} action"
        )


def _allows(statement: Mapping[str, Any], request: Request) -> bool:
    if statement["Effect"] != "Allow":
        raise NotImplementedError(f"the lab knows no policy statement that is {statement['Effect']}")
    return (
        any(_matches(pattern, request.action) for pattern in _listed(statement["Action"]))
        and any(_matches(pattern, request.resource) for pattern in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(allowed), request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, allowed in keys.items()
        )
    )


def _holds(operator: str, key: str, allowed: Sequence[str], context: Mapping[str, Sequence[str]]) -> bool:
    """Evaluate one condition. ForAllValues holds too where the request has no value of the key."""
    match operator:
        case "ForAllValues:StringEquals":
            return all(value in allowed for value in context.get(key, ()))
        case "Null":
            return (key not in context) == (allowed[0] == "true")
        case _:
            raise NotImplementedError(f"the lab does not evaluate the condition operator {operator}")


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern in which * stands for any characters and ? for one."""
    parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _listed(value: Any) -> list[str]:
    """Return an element of a policy as a list; CloudFormation renders a boolean as a text."""
    return [
        str(each).lower() if isinstance(each, bool) else each
        for each in (value if isinstance(value, list) else [value])
    ]
