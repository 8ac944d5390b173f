"""IAM: whether a role's policies allow a request. It plays what the policies of the template and examples use.

Sources: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Resource", "IAM JSON policy elements:
Condition operators" and "Set operators for multivalued context keys". A changed policy counts at once.
"""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Request:
    """A request to AWS: its IAM action, the ARN that it is about (`*` for none), and the values of its context keys."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a role: its permissions and its identity (IAM User Guide, AWS global condition context keys).

    `user_id` is the role's id and the session's name, as aws:userid has it.
    """

    arn: str
    account: str
    user_id: str
    statements: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class Permissions:
    """The permissions of each function. Requests that no function makes are allowed.

    `statements` are those of each function's role, and `roles` the ARNs of these roles. `function` makes the present
    requests. `refused` has each request that was not allowed, with its function or its session.
    """

    function: str | None = None
    roles: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, Request]] = field(default_factory=list)
    statements: dict[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    def grant(self, function: str, statements: Iterable[Mapping[str, Any]], role: str = "") -> None:
        """Replace a function's permissions by these policy statements of its role, known by its ARN."""
        self.roles[function] = role
        self.statements[function] = tuple(statements)

    @contextlib.contextmanager
    def acting(self, function: str | None) -> Iterator[None]:
        """Mark which function, or None for none, makes the requests inside the `with` block."""
        before, self.function = self.function, function
        try:
            yield
        finally:
            self.function = before

    def refusal(self, request: Request, session: Session | None = None) -> str | None:
        """Return AWS's message that the request is not allowed, or None if it is allowed.

        The policies of a session's role decide where the request is made with its credentials.
        """
        if session is not None:
            context = {**request.context, "aws:userid": [session.user_id]}
            who, known, request = session.arn, session.statements, replace(request, context=context)
        elif self.function is not None:
            who, known = self.function, self.statements.get(self.function, ())
        else:
            return None
        if any(allows(each, request) for each in known):
            return None
        self.refused.append((who, request))
        return (
            f"User: {who} is not authorized to perform: {request.action} on resource: {request.resource} "
            f"because no identity-based policy allows the {request.action} action"
        )


def allows(statement: Mapping[str, Any], request: Request) -> bool:
    """Return whether a policy statement allows a request. A trust policy has no resource: it is its role's."""
    if statement["Effect"] != "Allow":
        raise NotImplementedError(f"the lab knows no policy statement that is {statement['Effect']}")
    return (
        any(_matches(pattern, request.action) for pattern in _listed(statement["Action"]))
        and any(_matches(pattern, request.resource) for pattern in _listed(statement.get("Resource", "*")))
        and all(
            _holds(operator, key, _listed(allowed), request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, allowed in keys.items()
        )
    )


def _holds(operator: str, key: str, allowed: Sequence[str], context: Mapping[str, Sequence[str]]) -> bool:
    """Evaluate one condition. ForAllValues holds too where the request has no value of the key."""
    values = context.get(key, ())
    match operator:
        case "ForAllValues:StringEquals":
            return all(value in allowed for value in values)
        case "StringEquals":
            return any(value in allowed for value in values)
        case "StringLike" | "ArnLike":
            return any(_matches(pattern, value) for pattern in allowed for value in values)
        case "Null":
            return (key not in context) == (allowed[0] == "true")
        case _:
            raise NotImplementedError(f"the lab does not evaluate the condition operator {operator}")


@functools.lru_cache(maxsize=4096)
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
