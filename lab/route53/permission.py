"""The action, the resource and the condition keys with which IAM evaluates a request to Route 53.

Sources: Service Authorization Reference, "Amazon Route 53"; Route 53 Developer Guide, "Using IAM policy conditions for
fine-grained access control".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lab.iam import Request
from lab.route53.names import InvalidNameError, parse_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_ONE_CHECK: Final = frozenset({"DeleteHealthCheck", "GetHealthCheck", "GetHealthCheckStatus", "UpdateHealthCheck"})


def request_of(operation: str, parameters: Mapping[str, Any]) -> Request:
    """Return a request to Route 53, in botocore's names and shapes, as IAM sees it."""
    resource = "*"
    if operation in _OF_ONE_CHECK:
        resource = f"arn:aws:route53:::healthcheck/{parameters['HealthCheckId']}"
    elif kind := parameters.get("ResourceType"):
        # ListTagsForResources needs the permission for each resource. The first of them stands for all.
        tagged = parameters.get("ResourceId") or parameters["ResourceIds"][0]
        resource = f"arn:aws:route53:::{kind}/{tagged}"
    elif zone_id := parameters.get("HostedZoneId") or (parameters["Id"] if operation == "GetHostedZone" else None):
        resource = f"arn:aws:route53:::hostedzone/{zone_id.removeprefix('/hostedzone/')}"
    context = {}
    if operation == "ChangeResourceRecordSets":
        changes = parameters["ChangeBatch"]["Changes"]
        sets = [change["ResourceRecordSet"] for change in changes]
        context = {
            f"route53:{operation}NormalizedRecordNames": [_normalized(each["Name"]) for each in sets],
            f"route53:{operation}RecordTypes": [each["Type"] for each in sets],
            f"route53:{operation}Actions": [change["Action"] for change in changes],
        }
    return Request(f"route53:{operation}", resource, context)


def _normalized(name: str) -> str:
    """Return a name in lower case, without the trailing dot, and with characters but a-z, 0-9, - and _ in octal."""
    try:
        return str(parse_name(name)).removesuffix(".")
    except InvalidNameError:
        return name
