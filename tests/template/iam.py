"""What the template lets a function do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.template.stack import Stack


def statements(stack: Stack, function: str) -> Iterator[dict[str, Any]]:
    """Yield, resolved, every policy statement of the role of the function with this logical id."""
    role = stack.properties(function)["Role"].removesuffix(".Arn")
    for policy in stack.properties(role)["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]
    for _, policy in stack.of_type("AWS::IAM::Policy"):
        if role in policy["Roles"]:
            yield from policy["PolicyDocument"]["Statement"]


def iam_actions(stack: Stack, function: str) -> set[str]:
    """Return the actions, such as `sqs:SendMessage`, that the function with this logical id may call."""
    return {action for statement in statements(stack, function) for action in _listed(statement["Action"])}


def _listed(action: str | list[str]) -> list[str]:
    return [action] if isinstance(action, str) else action
