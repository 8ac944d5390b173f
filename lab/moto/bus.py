"""EventBridge: delivers the events on the default bus to the targets of the rules that match them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloud, events, sqs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "StringEquals": str.__eq__,
    "Bool": str.__eq__,
}
"""IAM's condition operators: whether a value of the request meets one of the policy. The two on ARNs are the same."""
_MAX_DETAIL: Final = 256 * 1024
"""Bytes of an event that every kind of target accepts; PutEvents itself accepts more (EventBridge User Guide)."""


@dataclass(slots=True)
class Bus:
    """The default event bus.

    PutEvents refuses sources that begin with `aws.`, so `deliver` sends the events of AWS services; `put` answers
    PutEvents. `sent` keeps every event in order, whether a rule matched it or not. The first `refusals` entries of
    PutEvents are refused. `dropped` has the name of a rule and the ARN of its target for each event that the target's
    policy kept out: the sender is not told (EventBridge User Guide, "Events aren't delivered to the expected target").
    The lab does not play targets other than queues and functions, nor inputs that are made of the event. It drops these
    events too, so that a rule which a test adds changes nothing for the others.
    """

    now: Callable[[], datetime]
    new_id: Callable[[], str]
    invoke: Callable[[str, Any], Any]
    sent: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    refusals: int = 0

    def event(
        self, source: str, detail_type: str, detail: dict[str, Any], resources: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Return an event in EventBridge's own form, with an id and the present time."""
        return {
            "version": "0",
            "id": self.new_id(),
            "detail-type": detail_type,
            "source": source,
            "account": cloud.ACCOUNT,
            "time": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": cloud.REGION,
            "resources": list(resources),
            "detail": detail,
        }

    def put(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answer PutEvents: deliver each valid entry, and return an error for each other one."""
        return [self._put(entry) for entry in entries]

    def _put(self, entry: dict[str, Any]) -> dict[str, Any]:
        if self.refusals:
            self.refusals -= 1
            return {"ErrorCode": "InternalFailure", "ErrorMessage": "EventBridge could not take the event"}
        if entry["Source"].startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSource", "ErrorMessage": "aws. is AWS's own"}
        if len(entry["Detail"].encode()) > _MAX_DETAIL:
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"more than {_MAX_DETAIL} bytes"}
        event = self.event(
            entry["Source"], entry["DetailType"], json.loads(entry["Detail"]), tuple(entry.get("Resources", ()))
        )
        if "Time" in entry:
            event["time"] = datetime.fromtimestamp(float(entry["Time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.deliver(event)
        return {"EventId": event["id"]}

    def deliver(self, event: dict[str, Any]) -> tuple[str, ...]:
        """Send an event to the targets of every rule that matches it; return those rules' names."""
        self.sent.append(event)
        matched = events.rules_for(event)
        for rule in matched:
            for target in rule.targets:
                self._send(rule, target, event)
        return tuple(rule.name for rule in matched)

    def _send(self, rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
        if {"InputPath", "InputTransformer"} & target.keys():
            self.dropped.append((rule.name, target["Arn"]))
            return
        body = target.get("Input", json.dumps(event))
        service, name = target["Arn"].split(":")[2], target["Arn"].rsplit(":", 1)[1]
        if service == "sqs":
            if _admits(sqs.policy_of(name), rule.arn):
                sqs.send(name, body)
            else:
                self.dropped.append((rule.name, target["Arn"]))
        elif service == "lambda":
            self.invoke(target["Arn"], json.loads(body))
        else:
            self.dropped.append((rule.name, target["Arn"]))


def _admits(policy: str, rule_arn: str) -> bool:
    """Return whether a queue's policy lets EventBridge send for a rule: a statement allows it, and none denies it."""
    effects = {each["Effect"] for each in json.loads(policy)["Statement"] if _is_about(each, rule_arn)}
    return effects == {"Allow"}


def _is_about(statement: dict[str, Any], rule_arn: str) -> bool:
    """Return whether a policy statement is about what EventBridge sends for a rule, as IAM evaluates it."""
    if statement["Principal"] not in ("*", {"Service": "events.amazonaws.com"}):
        return False
    request = {"aws:sourcearn": rule_arn, "aws:sourceaccount": cloud.ACCOUNT, "aws:securetransport": "true"}
    return all(
        any(
            _OPERATORS[operator](request[key.lower()], each)
            for each in ([values] if isinstance(values, str) else values)
        )
        for operator, test in statement.get("Condition", {}).items()
        for key, values in test.items()
    )
