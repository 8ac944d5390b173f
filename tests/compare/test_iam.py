"""The lab's IAM beside an independent evaluator: both decide alike on every request of the functions.

`make compare` installs the evaluator (npm) and runs this. It also knows the Service Authorization Reference: whether an
action exists, which resources it takes and which condition keys it has.
docs/decisions/0022-the-lab-checks-permissions.md says what was compared.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from lab.iam import Permissions
from lab.moto import permission as of_moto
from lab.moto.cloud import ACCOUNT
from lab.route53 import permission as of_route53
from lab.world import Lab
from tests.functional.conftest import MONDAY_NOON
from tests.template.story import tell

if TYPE_CHECKING:
    from lab.iam import Request, Session

UNKNOWN = {"route53:ListResourceRecordSetProtections"}
"""Actions that are newer than the evaluator."""
ZONE = "arn:aws:route53:::hostedzone"


def change(name: str, kind: str, zone_id: str = "Z1") -> Request:
    """Return a request to create a record."""
    changes = [{"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": kind}}]
    parameters = {"HostedZoneId": zone_id, "ChangeBatch": {"Changes": changes}}
    return of_route53.request_of("ChangeResourceRecordSets", parameters)


def put(**entry: str) -> Request:
    """Return a request to publish one event."""
    return of_moto.request_of("events", "PutEvents", {"Entries": [{"Source": "fleet53"} | entry]})


REFUSED = [
    change("shop.example.com", "A"),
    change("app.example.com", "CNAME"),
    change("app.example.com", "MX"),
    change("app.example.com", "A", "ZOTHER"),
    put(Source="shop"),
    put(EventBusName="shop"),
    of_moto.request_of("ec2", "TerminateInstances", {"InstanceIds": ["i-1"]}),
    of_moto.request_of("ssm", "GetParametersByPath", {"Path": "/fleet53/other/pools"}),
    of_moto.request_of("lambda", "Invoke", {"FunctionName": "another"}),
]
"""What no function may do."""


class Compared(NamedTuple):
    """A request, whether the lab allows it, and what the evaluator says of it."""

    function: str
    action: str
    resource: str
    context: dict[str, list[str]]
    policy: list[dict[str, Any]]
    allowed: bool
    decision: str


@pytest.fixture(scope="module")
def compared() -> list[Compared]:
    """Return the decisions on each different request of the story, and on what no function may do."""
    decided: dict[str, bool] = {}
    refusal = Permissions.refusal

    def note(permissions: Permissions, request: Request, session: Session | None = None) -> str | None:
        answer = refusal(permissions, request, session)
        if permissions.function is not None and session is None:
            context = {key: sorted(set(values)) for key, values in request.context.items()}
            asked = {
                "function": permissions.function,
                "action": request.action,
                "resource": request.resource,
                "context": context,
                "policy": permissions.statements[permissions.function],
            }
            decided[json.dumps(asked, sort_keys=True)] = answer is None
        return answer

    with Lab({"ReplaceUnhealthyAfter": "5"}, start=MONDAY_NOON) as lab, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Permissions, "refusal", note)
        for function in lab.deployment.functions:
            with lab.faults.invoked(function):
                for request in REFUSED:
                    lab.faults.permissions.refusal(request)
        tell(lab)
    requests = [json.loads(each) for each in decided]
    decisions = _simulate(requests)
    return [
        Compared(**each, allowed=allowed, decision=decision)
        for each, allowed, decision in zip(requests, decided.values(), decisions, strict=True)
    ]


def _simulate(requests: list[dict[str, Any]]) -> list[str]:
    asked = json.dumps({"account": ACCOUNT, "requests": requests})
    command = ["node", str(Path(__file__).parent / "simulate.mjs")]
    answered = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    decisions: list[str] = json.loads(answered.stdout)
    return decisions


def test_both_allow_and_refuse_the_same_requests(compared: list[Compared]) -> None:
    known = [each for each in compared if each.action not in UNKNOWN]
    assert [each for each in known if (each.decision == "Allowed") is not each.allowed] == []
    assert {each.decision for each in known} == {"Allowed", "ImplicitlyDenied"}


def test_the_evaluator_knows_every_action_but_those_that_are_newer(compared: list[Compared]) -> None:
    assert {each.action for each in compared if each.decision == "invalid.action"} == UNKNOWN
