"""API calls that CloudTrail recorded: which of them may change an address or take a member out of service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import InstanceId, InterfaceId
from fleet53.signals.fields import read_text
from fleet53.signals.model import Ignored, InstanceSignal, PoolSignal, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

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
    names only the new one (AssociateAddress). So all pools are looked at.
    """
    name = read_text(detail, "eventName", what)
    if detail.get("errorCode"):
        return Ignored(f"{name} failed with {detail['errorCode']}")
    parameters = detail.get("requestParameters")
    because = f"CloudTrail recorded {name}"
    match name, parameters:
        case (("AssociateAddress" | "DisassociateAddress" | "ReleaseAddress" | "DetachNetworkInterface"), _):
            return PoolSignal(None, f"{because}, which does not name the instance that lost the address", at)
        case "AttachNetworkInterface", {"instanceId": str(instance_id)}:
            return InstanceSignal(frozenset({InstanceId(instance_id)}), because, at)
        case name, _ if name in _INTERFACE_CALLS:
            return _about_interface(parameters, because, at)
        case (("EnterStandby" | "ExitStandby" | "DetachInstances"), {"instanceIds": [*instance_ids]}) if instance_ids:
            return InstanceSignal(frozenset(InstanceId(str(each)) for each in instance_ids), because, at)
        case (("EnterStandby" | "ExitStandby" | "DetachInstances"), _):
            raise NotUnderstoodError(f"{what}: {name} with requestParameters {parameters!r} names no instances")
        case _:
            return Ignored(f"{what}: {name} is not an event that fleet53 acts on")


def _about_interface(parameters: object, because: str, at: datetime | None) -> InstanceSignal | PoolSignal:
    """Read a call that names a network interface, whose addresses may have changed."""
    interface_id = _find_text(parameters, "networkinterfaceid")
    if interface_id is None:
        return PoolSignal(None, f"{because}, which names no network interface", at)
    return InstanceSignal(frozenset(), because, at, interface_ids=frozenset({InterfaceId(interface_id)}))


def _find_text(parameters: object, key: str) -> str | None:
    """Return the text that has `key`, at any depth and in any case.

    CloudTrail writes the parameters of some EC2 calls as camelCase, and of others as an object `<call>Request` with
    keys in the API's own case.
    """
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            if isinstance(value, str) and value and str(name).lower() == key:
                return value
        parameters = list(parameters.values())
    if isinstance(parameters, list):
        return next((found for each in parameters if (found := _find_text(each, key)) is not None), None)
    return None
