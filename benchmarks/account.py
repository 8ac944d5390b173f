"""An account with one or two stacks, whose functions run as Lambda runs them, and whose Route 53 has AWS's limits.

Every call to AWS takes 50 ms. Lambda reads each queue as an event source mapping does: each of the
MaximumConcurrency environments collects a batch for MaximumBatchingWindowInSeconds, ten messages at a time.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import sys
import traceback
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

from benchmarks.turns import Turns
from lab import in_process
from lab.moto import sqs
from lab.route53.health import every_check
from lab.route53.limits import Buckets
from lab.stack.cold_start import imported
from lab.stack.functions import Context
from lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lab.route53.limits import Limits
    from lab.stack.deploy import Function
    from lab.stack.life import Stack
    from lab.stack.sources import Poller

LATENCY: Final = 0.05
START: Final = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
_FIRST_DATA: Final = 10.0
_POLL: Final = 0.1
_METRIC: Final = b"HealthCheckPercentageHealthy"
_AT_ONCE: Final = 10


@dataclass(frozen=True, slots=True)
class Call:
    """A request to Route 53, with the virtual time of its answer and the code of its error."""

    at: float
    operation: str
    code: str | None


@dataclass(slots=True)
class _Environment:
    """One execution environment of a function: its module, and the batch that is collected for it."""

    handler: Callable[[Any, Any], Any]
    batch: list[dict[str, Any]] = field(default_factory=list)
    since: float = 0.0
    busy: bool = False


class Account:
    """A lab in virtual time. `functions` is how many reconcilers of a stack run at once, MaximumConcurrency by default.

    `limits` are those of Route 53 (lab/route53/limits.py).

    `invocations`, `seconds` and `metrics` count what the reconcilers cost, `asked` their calls by `service:operation`.
    `audits` are the invocations that `start` made, whose seconds, metrics and calls are counted with theirs.
    `calls` are all requests to Route 53. `fit` is when the server of an instance is fit, `seen_at` when Route 53 sees
    it healthy, and `in_dns_at` and `out_of_dns_at` when its record was first created or deleted, all in seconds.
    """

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        stacks: int = 1,
        functions: int | None = None,
        limits: Callable[[], Limits] = Buckets,
    ) -> None:
        self._parameters = dict(parameters or {})
        self._stacks = stacks
        self._functions = functions
        self._limits = limits
        self._exit = contextlib.ExitStack()
        self.invocations = 0
        self.seconds = 0.0
        self.metrics = 0
        self.audits = 0
        self._scheduled: dict[str, Callable[[Any, Any], Any]] = {}
        self.asked: Counter[str] = Counter()
        self.calls: list[Call] = []
        self.fit: dict[str, float] = {}
        self.seen_at: dict[str, float] = {}
        self.in_dns_at: dict[str, float] = {}
        self.out_of_dns_at: dict[str, float] = {}
        self._seen: set[tuple[str, bool]] = set()
        self._created: dict[str, float] = {}

    def __enter__(self) -> Self:
        enter = self._exit.enter_context
        random.seed(1)  # functions choose slots and pauses by chance, and two runs of a benchmark are to be the same
        enter(patch.object(in_process._Account, "_answer", self._slow(in_process._Account._answer)))
        enter(contextlib.redirect_stdout(io.StringIO()))
        self.lab = lab = enter(Lab(self._parameters, start=START, limits=self._limits))
        stacks = [lab.stack, *(self._second_stack() for _ in range(self._stacks - 1))]
        self.turns = Turns(lab.clock)
        enter(self.turns.entered())
        enter(patch.object(lab.route53, "call", self._recorded(lab.route53.call)))
        self._sqs = lab.client("sqs")
        self._environments = [
            (
                poller,
                [self._environment(poller) for _ in range(self._functions or poller.source.maximum_concurrency or 2)],
            )
            for stack in stacks
            for poller in stack.pollers
        ]
        self.turns.every(_POLL, self._poll)
        self.turns.every(1.0, self._go_on)
        return self

    def __exit__(self, *error: object) -> None:
        self._exit.close()

    @property
    def now(self) -> float:
        """The virtual time in seconds."""
        return self.turns.now

    @property
    def idle(self) -> bool:
        """Whether no function runs, and no message can be received."""
        return not any(
            each.busy or each.batch or sqs.can_receive(poller.source.queue_url)
            for poller, environments in self._environments
            for each in environments
        )

    @property
    def check_ids(self) -> frozenset[str]:
        """The ids of the account's health checks."""
        return frozenset(each["Id"] for each in every_check(self.lab.route53))

    def settle(self) -> None:
        """Let the functions handle what is queued, and forget it."""
        self.turns.run(lambda: self.idle, longest=600)
        self.lab.clock.advance(60)
        self.forget()

    def forget(self) -> None:
        """Count from now on."""
        self.calls.clear()
        self.asked.clear()
        self.in_dns_at.clear()
        self.out_of_dns_at.clear()
        self.invocations, self.seconds, self.metrics, self.audits = 0, 0.0, 0, 0

    def wait(self, until: Callable[[], bool], *, longest: float) -> None:
        """Let time pass until something is so, or raise TimeoutError after so many virtual seconds."""
        self.turns.run(until, longest=longest)

    # -- the stacks

    def _second_stack(self) -> Stack:
        return self.lab.add_stack(
            "second", {"RecordName": "second.example.com", "PoolName": "second"} | self._parameters
        )

    def _environment(self, poller: Poller) -> _Environment:
        return _Environment(imported(poller.functions.deployment.functions[poller.source.function]))

    # -- Lambda

    def _poll(self) -> None:
        for poller, environments in self._environments:
            for each in environments:
                if each.busy:
                    continue
                if len(each.batch) < poller.source.batch_size and sqs.can_receive(poller.source.queue_url):
                    received = self._receive(poller)
                    if received and not each.batch:
                        each.since = self.now
                    each.batch += received
                full = len(each.batch) >= poller.source.batch_size
                if each.batch and (full or self.now - each.since >= poller.source.window):
                    self._invoke(poller, each)

    def _receive(self, poller: Poller) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=poller.source.queue_url, MaxNumberOfMessages=_AT_ONCE, MessageSystemAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    def start(self, name: str, event: Any) -> None:
        """Invoke a function of the first stack, as its schedule does."""
        function = self.lab.deployment.functions[name]
        if name not in self._scheduled:
            self._scheduled[name] = imported(function)
        self.audits += 1
        began = self.now

        def run() -> None:
            self._call(function, self._scheduled[name], event)
            self.seconds += self.now - began

        self.turns.start(run)

    def _call(self, function: Function, handler: Callable[[Any, Any], Any], event: Any) -> Any:
        context = Context(
            function_name=function.name,
            memory_limit_in_mb=function.memory,
            invoked_function_arn=function.arn,
            aws_request_id=str(uuid.uuid4()),
            deadline=self.lab.clock.now() + timedelta(seconds=function.timeout),
        )
        os.environ.update(function.environment)
        return handler(event, context)

    def _invoke(self, poller: Poller, environment: _Environment) -> None:
        function = poller.functions.deployment.functions[poller.source.function]
        messages, environment.batch = environment.batch, []
        environment.busy = True
        self.invocations += 1
        began = self.now

        def run() -> None:
            event = {"Records": [poller._record(message) for message in messages]}
            try:
                result = self._call(function, environment.handler, event)
                failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
            except Exception:  # noqa: BLE001 - Lambda takes every error of a handler
                traceback.print_exc(file=sys.stderr)
                failed = {each["MessageId"] for each in messages}
            finally:
                environment.busy = False
                self.seconds += self.now - began
            running, self.turns._running = self.turns._running, None
            for message in messages:
                if message["MessageId"] not in failed:
                    self._sqs.delete_message(QueueUrl=poller.source.queue_url, ReceiptHandle=message["ReceiptHandle"])
            self.turns._running = running

        self.turns.start(run)

    def _slow(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        account = self

        def slow(made: Any, client: Any, request: Any, *, directly: bool) -> Any:
            turns = getattr(account, "turns", None)
            if turns is not None and turns.in_function:
                turns.sleep(LATENCY)
                service = client.meta.service_model.service_name
                account.asked[f"{service}:{request.operation}"] += 1
                account.metrics += request.body.count(_METRIC)
            return answer(made, client, request, directly=directly)

        return slow

    # -- Route 53

    def _recorded(self, call: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def recorded(operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
            code: str | None = "Failed"
            try:
                answer = call(operation, parameters)
                code = None
            except Exception as error:
                code = getattr(error, "code", code)
                raise
            finally:
                self.calls.append(Call(self.now, operation, code))
            if operation == "CreateHealthCheck":
                self._created.setdefault(answer["HealthCheck"]["Id"], self.now)
            if operation == "ChangeResourceRecordSets":
                self._note(parameters["ChangeBatch"]["Changes"])
            return answer

        return recorded

    def _note(self, changes: Iterable[Mapping[str, Any]]) -> None:
        for change in changes:
            holder = str(change["ResourceRecordSet"].get("SetIdentifier", "")).rpartition("/")[2]
            when = self.in_dns_at if change["Action"] == "CREATE" else self.out_of_dns_at
            when.setdefault(holder, self.now)

    def _go_on(self) -> None:
        """Do what AWS does in a second: groups scale, checkers probe, and metrics show."""
        self.lab.scaling.advance()
        self._probe()
        self.lab.health.publish_due()

    def _probe(self) -> None:
        """Let the checkers of every health check see whether its server is fit, some time after its creation."""
        for check in self.lab.route53._checks._checks.values():
            if self.now - self._created.get(check.id, 0.0) < _FIRST_DATA:
                continue
            holder = check.reference.split("/")[3]
            fit = self.now >= self.fit.get(holder, 0.0)
            if (check.id, fit) not in self._seen:
                self._seen.add((check.id, fit))
                self.lab.health.see(check.id, 100 if fit else 0)
                if fit:
                    self.seen_at[holder] = self.now
