"""The ids and addresses that the whole package uses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import NewType

InstanceId = NewType("InstanceId", str)
CheckId = NewType("CheckId", str)
ZoneId = NewType("ZoneId", str)
PoolName = NewType("PoolName", str)
InterfaceId = NewType("InterfaceId", str)
SecurityGroupId = NewType("SecurityGroupId", str)
IPAddress = IPv4Address | IPv6Address
