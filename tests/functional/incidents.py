"""Incidents in a test: another actor's change, a refusal or a wait in the middle of a run."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from fleet53.aws.session import TRIES
from lab.stack.functions import Functions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    import pytest

    from lab.world import Lab


def wait_in_lab_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every `time.sleep` move the lab's clock instead of waiting."""
    monkeypatch.setattr(time, "sleep", lab.clock.advance)


def before_each(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[Mapping[str, Any]], object]
) -> None:
    """Call `act` with the parameters before Route 53 answers each call of `operation`; it may raise a refusal."""
    answer = lab.route53.call

    def interrupted(asked: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if asked == operation:
            with lab.faults.meanwhile():
                act(parameters)
        return answer(asked, parameters)

    monkeypatch.setattr(lab.route53, "call", interrupted)


def meanwhile(lab: Lab, monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[], object]) -> None:
    """Call `act` once, just before Route 53 answers the next call of `operation`."""
    acts = [act]

    def act_once(_parameters: Mapping[str, Any]) -> None:
        if acts:
            acts.pop()()

    before_each(lab, monkeypatch, operation, act_once)


@contextlib.contextmanager
def other_environments(lab: Lab) -> Iterator[None]:
    """Let invocations have environments of their own meanwhile, as Lambda gives one to each of two at once."""
    retrier, warm = TRIES.retrier, lab.functions._warm
    lab.functions._warm = {}
    try:
        yield
    finally:
        TRIES.retrier, lab.functions._warm = retrier, warm


def overlap(lab: Lab, asked: str, act: Callable[[], object], *, after: int = 0) -> list[datetime]:
    """Let another function handle what `act` does, in the middle of the next run that asks AWS for `asked`.

    That is once, before the first such request but `after`. Return a list that will hold the time of it.
    """
    met: list[datetime] = []

    def handle() -> None:
        met.append(lab.clock.now())
        with other_environments(lab):
            act()
            lab.settle()

    lab.faults.interrupt(handle, asked, after=after)
    return met


def answer_otherwise(
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    change: Callable[[Mapping[str, Any], dict[str, Any]], dict[str, Any]],
) -> None:
    """Replace each answer to `operation` by what `change` makes of it and of the parameters; it may raise an error."""
    answer = lab.route53.call

    def changed(asked: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answered = answer(asked, parameters)
        return change(parameters, answered) if asked == operation else answered

    monkeypatch.setattr(lab.route53, "call", changed)


def fail_lifecycle(lab: Lab, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Let CloudFormation hear that StackLifecycle failed, the next `times` that it is asked for something."""
    answer, left = lab.answer_urls.answer, [None] * times

    def failed(request_id: str) -> dict[str, Any]:
        answered = answer(request_id)
        if answered["LogicalResourceId"] != "StackLifecycle" or not left:
            return answered
        left.pop()
        return answered | {"Status": "FAILED", "Reason": "a test says so"}

    monkeypatch.setattr(lab.answer_urls, "answer", failed)


def after_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch, logical_id: str, act: Callable[[], object]) -> None:
    """Call `act` once, when CloudFormation has heard the next answer of a custom resource."""
    answer, acts = lab.answer_urls.answer, [act]

    def heard(request_id: str) -> dict[str, Any]:
        answered = answer(request_id)
        if answered["LogicalResourceId"] == logical_id and acts:
            acts.pop()()
        return answered

    monkeypatch.setattr(lab.answer_urls, "answer", heard)


def while_replaced(monkeypatch: pytest.MonkeyPatch, function: str, act: Callable[[], object]) -> None:
    """Call `act` once, when an update has given a function its new layers and not yet its new code."""
    mismatched, acts = Functions.mismatched, [act]

    @contextlib.contextmanager
    def in_between(functions: Functions, name: str) -> Iterator[None]:
        with mismatched(functions, name):
            if name == function and acts:
                acts.pop()()
            yield

    monkeypatch.setattr(Functions, "mismatched", in_between)


def set_timeout(lab: Lab, function: str, seconds: int) -> None:
    """Change a function's timeout, as a person does in the console."""
    functions = lab.deployment.functions
    functions[function] = replace(functions[function], timeout=seconds)


@contextlib.contextmanager
def denied(module: str, client: str, operation: str, message: str | None = None) -> Iterator[None]:
    """Deny one operation to a warm function, identified by its module, as a missing permission does."""
    meta = getattr(sys.modules[module].clients, client).meta
    error = {"Error": {"Code": "AccessDenied", "Message": message or f"not authorized to perform {operation}"}}

    def deny(**_: object) -> tuple[AWSResponse, dict[str, Any]]:
        answer = error | {"ResponseMetadata": {"HTTPStatusCode": HTTPStatus.FORBIDDEN}}
        return AWSResponse("", HTTPStatus.FORBIDDEN, HTTPHeaders(), None), answer

    name = f"before-call.{meta.service_model.service_id.hyphenize()}.{operation}"
    meta.events.register_first(name, deny)
    try:
        yield
    finally:
        meta.events.unregister(name, deny)
