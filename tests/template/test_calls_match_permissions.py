"""Each function may do exactly what its code does: what it calls in a story that needs every call."""

from __future__ import annotations

import contextlib
import os
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.template.iam import iam_actions
from tests.template.stack import stack
from tests.template.story import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BY_LAMBDA: Mapping[str, set[str]] = {
    "ReconcilerFunction": {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    },
    "AuditFunction": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "StackLifecycleFunction": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "WidgetFunction": {"logs:CreateLogStream", "logs:PutLogEvents"},
}
"""What Lambda itself does with a function's role (Lambda Developer Guide, with-sqs and execution role)."""
OTHERWISE: Mapping[str, str] = {"lambda:Invoke": "lambda:InvokeFunction"}
"""Operations that IAM has another name for (Service Authorization Reference, AWS Lambda)."""


@contextlib.contextmanager
def recorded(lab: Lab, actions: Mapping[str, set[str]]) -> Iterator[None]:
    """Add to `actions` the IAM action of every call that a warm function makes meanwhile.

    Functions share their clients in the lab; the variable that Lambda sets for each function tells which one calls.
    """
    names = {function.name: logical_id for logical_id, function in lab.deployment.functions.items()}

    def note(model: Any, **_: object) -> None:
        caller = names.get(os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""))
        if caller is not None:
            called = f"{model.service_model.service_name}:{model.name}"
            actions[caller].add(OTHERWISE.get(called, called))

    clients = list(_clients(lab))
    for client in clients:
        client.meta.events.register("before-call", note, unique_id="recorded")
    yield
    for client in clients:
        client.meta.events.unregister("before-call", unique_id="recorded")


def _clients(lab: Lab) -> Iterator[Any]:
    """Yield the clients of the warm functions."""
    for function in lab.deployment.functions.values():
        module, _, _ = function.handler.rpartition(".")
        made = sys.modules[module].clients
        yield from (client for name in dir(made) if hasattr(client := getattr(made, name), "meta"))


@pytest.fixture(scope="module")
def called() -> Mapping[str, set[str]]:
    """Return the IAM actions of the calls that each function made."""
    actions: defaultdict[str, set[str]] = defaultdict(set)
    with Lab({"ReplaceUnhealthyAfter": "5"}, start=MONDAY_NOON) as lab:
        lab.send("no event")
        lab.settle()
        lab.audit()
        lab.invoke("WidgetFunction", {})
        lab.custom_resources["StackLifecycle"].create()
        lab.settle()
        with recorded(lab, actions):
            tell(lab)
        assert [invocation.error for invocation in lab.invocations if invocation.error] == []
    return actions


@pytest.mark.parametrize("function", BY_LAMBDA)
def test_a_function_may_do_all_that_its_code_does(called: Mapping[str, set[str]], function: str) -> None:
    assert called[function] | BY_LAMBDA[function] <= iam_actions(stack(), function)


@pytest.mark.parametrize("function", BY_LAMBDA)
def test_a_function_may_do_nothing_that_its_code_does_not(called: Mapping[str, set[str]], function: str) -> None:
    assert iam_actions(stack(), function) <= called[function] | BY_LAMBDA[function]
