"""API calls that CloudTrail recorded: which of them may change an address or take a member out of service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleet53.domain.claim import Claim
from fleet53.domain.errors import NotUnderstoodError
from fleet53.signals.fields import quoted, read_instance_id, read_interface_id, read_text, shown
from fleet53.signals.model import Ignored, InstanceSignal, PoolSignal, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_CALLS_THAT_TAKE: Final = frozenset(
    {
        "AssignPrivateIpAddresses",
        "AssociateAddress",
        "DetachNetworkInterface",
        "DisassociateAddress",
        "ReleaseAddress",
    }
)
"""Calls that may take an address from an instance that they do not name."""
_INTERFACE_CALLS: Final = frozenset(
    {
        "AttachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
        "AssignIpv6Addresses",
        "UnassignIpv6Addresses",
        "UnassignPrivateIpAddresses",
    }
)
"""Calls that change the addresses of a network interface that stays with its instance."""


def read_api_call(detail: Mapping[str, Any], at: datetime | None, what: str) -> Signal:
    """Read an API call that CloudTrail recorded; one that failed changed nothing.

    An Elastic IP that is associated with another instance than before leaves its former holder in the same call, which
    names only the new one (AssociateAddress). So does a secondary private address that is reassigned, with its Elastic
    IP (AssignPrivateIpAddresses). So all pools are looked at.
    """
    name = read_text(detail, "eventName", what)
    if detail.get("errorCode"):
        return Ignored(f"{shown(name)} failed with {shown(detail['errorCode'])}")
    parameters = detail.get("requestParameters")
    because = f"CloudTrail recorded {shown(name)}"
    match name, parameters:
        case "AssignPrivateIpAddresses", _ if not _find(parameters, "allowreassignment", bool):
            return Ignored(f"{because}, which takes no address from anybody")
        case name, _ if name in _CALLS_THAT_TAKE:
            because = f"{because}, which does not name the instance that lost the address"
            return PoolSignal(None, because, at, claim=Claim.ADDRESSED)
        case "AttachNetworkInterface", {"instanceId": str(instance_id)}:
            named = frozenset({read_instance_id(instance_id, "instanceId", what)})
            return InstanceSignal(named, because, at, claim=Claim.ADDRESSED)
        case name, _ if name in _INTERFACE_CALLS:
            return _about_interface(parameters, because, at, what)
        case (("EnterStandby" | "ExitStandby" | "DetachInstances"), {"instanceIds": [*instance_ids]}) if instance_ids:
            # AWS records a call with a wrong id as failed. So a list with one is not AWS's, and nothing of it is used.
            named = frozenset(read_instance_id(each, "instanceIds", what) for each in instance_ids)
            return InstanceSignal(named, because, at, claim=None if name == "ExitStandby" else Claim.LEAVES)
        case (("EnterStandby" | "ExitStandby" | "DetachInstances"), _):
            raise NotUnderstoodError(f"{what}: {name} with requestParameters {quoted(parameters)} names no instances")
        case _:
            return Ignored(f"{what}: {shown(name)} is not an event that fleet53 acts on")


def _about_interface(parameters: object, because: str, at: datetime | None, what: str) -> InstanceSignal | PoolSignal:
    """Read a call that names a network interface, whose addresses may have changed."""
    interface_id = _find(parameters, "networkinterfaceid", str)
    if interface_id is None:
        return PoolSignal(None, f"{because}, which names no network interface", at, claim=Claim.ADDRESSED)
    named = read_interface_id(interface_id, "networkInterfaceId", what)
    return InstanceSignal(frozenset(), because, at, interface_ids=frozenset({named}), claim=Claim.ADDRESSED)


def _find[Value: (str, bool)](parameters: object, key: str, kind: type[Value]) -> Value | None:
    """Return the text, or the true value, that has `key`, at any depth and in any case.

    CloudTrail writes the parameters of some EC2 calls as camelCase, and of others as an object `<call>Request` with
    keys in the API's own case.
    """
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            if isinstance(value, kind) and value and str(name).lower() == key:
                return value
        parameters = list(parameters.values())
    if isinstance(parameters, list):
        return next((found for each in parameters if (found := _find(each, key, kind)) is not None), None)
    return None
