"""Reads the lab's state, and does what many tests do.

Reading adds nothing to `lab.route53.calls`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from lab.route53.health import every_check
from lab.world import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pytest

    from lab.world import Lab

OWNER: Final = "fleet53.eu-west-1.123456789012"
READS: Final = frozenset(
    {
        "GetHostedZone",
        "ListResourceRecordSets",
        "ListHealthChecks",
        "GetHealthCheckStatus",
        "GetAccountLimit",
        "GetCheckerIpRanges",
        "GetHostedZoneLimit",
        "ListResourceRecordSetProtections",
        "ListTagsForResources",
    }
)
"""The operations of Route 53 that fleet53 uses and that change nothing."""


# -- what is in Route 53


def records(lab: Lab, name: str = RECORD, record_type: str = "A") -> dict[str, dict[str, Any]]:
    """Return the record sets at a name by SetIdentifier; a simple record set has the key ""."""
    return {str(each.get("SetIdentifier", "")): dict(each) for each in lab.route53.records(name, record_type)}


def record_of(lab: Lab, instance_id: str, name: str = RECORD, record_type: str = "A") -> dict[str, Any]:
    """Return this stack's record set of an instance; an error if there is none."""
    return records(lab, name, record_type)[f"{OWNER}/{instance_id}"]


def in_dns(lab: Lab, name: str = RECORD, record_type: str = "A") -> set[str]:
    """Return the ids of the instances that have a record of this stack at a name; the fallback record is left out."""
    prefix = f"{OWNER}/i-"
    return {
        identifier.removeprefix(f"{OWNER}/")
        for identifier in records(lab, name, record_type)
        if identifier.startswith(prefix)
    }


def values(lab: Lab, name: str = RECORD, record_type: str = "A") -> set[str]:
    """Return every value of the record sets at a name, whether its health check is healthy or not."""
    return {
        value["Value"]
        for record in lab.route53.records(name, record_type)
        for value in record.get("ResourceRecords", [])
    }


def checks(lab: Lab) -> dict[str, dict[str, Any]]:
    """Return every health check of the account by its id."""
    return {str(each["Id"]): each for each in every_check(lab.route53)}


def checks_of(lab: Lab, instance_id: str) -> list[str]:
    """Return the ids of the health checks whose CallerReference names the instance."""
    return [key for key, each in checks(lab).items() if f"/{instance_id}/" in each["CallerReference"]]


def check_of(lab: Lab, instance_id: str) -> str:
    """Return the id of an instance's health check; an error if it has none or several."""
    (check,) = checks_of(lab, instance_id)
    return check


# -- what was asked of Route 53


def calls(lab: Lab) -> Counter[str]:
    """Return the number of calls of each Route 53 operation since `lab.route53.reset_calls()`."""
    return Counter(call.operation for call in lab.route53.calls)


def batches(lab: Lab) -> list[list[tuple[str, str]]]:
    """Return the change batches that succeeded, in order, each as pairs of action and the end of its SetIdentifier."""
    return [
        [
            (change["Action"], change["ResourceRecordSet"].get("SetIdentifier", "").rpartition("/")[2])
            for change in call.parameters["ChangeBatch"]["Changes"]
        ]
        for call in lab.route53.calls
        if call.operation == "ChangeResourceRecordSets" and call.code is None
    ]


# -- what fleet53 said


def log_lines(lab: Lab, message: str) -> list[dict[str, Any]]:
    """Return the structured log lines of all functions with this message, in order."""
    return [line for each in lab.invocations for line in each.logs if line.get("message") == message]


def audit(lab: Lab, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Invoke the audit, check that it wrote nothing to Route 53, and return its report."""
    before = len(lab.route53.calls)
    report = lab.audit(payload or {})
    assert {call.operation for call in lab.route53.calls[before:]} <= READS
    return report


def findings(report: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the findings of one kind in an audit's report."""
    return [each for each in report["findings"] if each["kind"] == kind]


def kinds(report: Mapping[str, Any]) -> dict[str, int]:
    """Return how many findings of each kind an audit's report has."""
    return dict(Counter(each["kind"] for each in report["findings"]))


# -- what happens


def launched(lab: Lab, count: int, **options: Any) -> tuple[str, ...]:
    """Launch instances, handle their events, and return their ids. They have health checks and no records."""
    instance_ids = tuple(lab.fleet.launch(**options) for _ in range(count))
    lab.settle()
    return instance_ids


def see_healthy(lab: Lab, instance_ids: Iterable[str], percent: float = 100) -> None:
    """Make Route 53 see the instances as healthy, and let time pass until the next requeued message."""
    for instance_id in instance_ids:
        lab.report_health(instance_id, percent)
    wait(lab)


def wait(lab: Lab, seconds: float = 31) -> None:
    """Move the clock forward at once, and handle what is due then. By default more than one requeue delay."""
    lab.run(seconds, step=seconds)


def admitted(lab: Lab, count: int, name: str = RECORD, **options: Any) -> tuple[str, ...]:
    """Launch instances, make Route 53 see them as healthy, and return their ids when all are in DNS."""
    instance_ids = launched(lab, count, **options)
    see_healthy(lab, instance_ids)
    assert set(instance_ids) <= in_dns(lab, name)
    return instance_ids


def send(lab: Lab, *pools: str, **detail: Any) -> None:
    """Queue fleet53's own message about these pools, or about all."""
    body = {"pools": list(pools) or "*", "because": "a test asks"} | detail
    lab.send(json.dumps({"source": "fleet53", "detail-type": "Reconcile", "detail": body}))


def signal(lab: Lab, *pools: str, **detail: Any) -> None:
    """Queue fleet53's own message about these pools, or about all, and handle it."""
    send(lab, *pools, **detail)
    lab.settle()


def returned(lab: Lab) -> list[dict[str, Any]]:
    """Let the reconciler handle one batch of the messages that wait, and return those that it returns."""
    run = lab.pollers[0].poll_once()
    assert run is not None
    ids = {each["itemIdentifier"] for each in run.result["batchItemFailures"]}
    return [each for each in run.event["Records"] if each["messageId"] in ids]


def state_change(lab: Lab, instance_id: str, state: str) -> str:
    """Return the body of an EC2 state-change event, as EventBridge queues it."""
    detail = {"instance-id": instance_id, "state": state}
    return json.dumps(lab.bus.event("aws.ec2", "EC2 Instance State-change Notification", detail))


def intercept(
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    act: Callable[[Mapping[str, Any]], dict[str, Any] | None],
) -> None:
    """Call `act` with the parameters of each request for an operation, before Route 53 answers it.

    Where `act` returns an answer, that one is given instead.
    """
    answer = lab.route53.call

    def call(asked: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        with lab.faults.meanwhile():
            instead = act(parameters) if asked == operation else None
        return answer(asked, parameters) if instead is None else instead

    monkeypatch.setattr(lab.route53, "call", call)


# -- what an operator does


def allow_zones(lab: Lab, *zone_ids: str) -> None:
    """Let additional pools use these zones: update the stack, and handle and forget what that starts."""
    assert lab.update_stack({"AllowedZoneIds": ",".join(zone_ids)}) == "UPDATE_COMPLETE"
    lab.settle()
    lab.invocations.clear()
    lab.route53.reset_calls()
    lab.resolver.asked.clear()


def allowed_zone(lab: Lab, name: str) -> str:
    """Create a hosted zone that additional pools may use, and return its id."""
    zone_id = lab.create_zone(name)
    allow_zones(lab, zone_id)
    return zone_id


# -- what a person does in the console


def put_record(lab: Lab, record: Mapping[str, Any], action: str = "UPSERT") -> None:
    """Change one record set by hand."""
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": dict(record)}]}
    lab.route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": batch})


def delete_record(lab: Lab, record: Mapping[str, Any]) -> None:
    """Delete one record set by hand."""
    put_record(lab, record, "DELETE")


def create_check(lab: Lab, reference: str, address: str = "52.94.0.1", **config: Any) -> str:
    """Create a health check that fleet53 did not make, and return its id."""
    settings = {"Type": "HTTP", "IPAddress": address, "Port": 80} | config
    made = lab.route53.call("CreateHealthCheck", {"CallerReference": reference, "HealthCheckConfig": settings})
    return str(made["HealthCheck"]["Id"])


def edit_check(lab: Lab, check_id: str, **config: Any) -> None:
    """Change a health check by hand."""
    lab.route53.call("UpdateHealthCheck", {"HealthCheckId": check_id} | config)


def delete_check(lab: Lab, check_id: str) -> None:
    """Delete a health check by hand."""
    lab.route53.call("DeleteHealthCheck", {"HealthCheckId": check_id})
