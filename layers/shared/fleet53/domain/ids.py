"""The ids and addresses that the whole package uses."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NewType

InstanceId = NewType("InstanceId", str)
CheckId = NewType("CheckId", str)
ZoneId = NewType("ZoneId", str)
PoolName = NewType("PoolName", str)
InterfaceId = NewType("InterfaceId", str)
SecurityGroupId = NewType("SecurityGroupId", str)
IPAddress = IPv4Address | IPv6Address

INSTANCE_ID: Final = re.compile(r"i-[0-9a-f]{8,17}")
INTERFACE_ID: Final = re.compile(r"eni-[0-9a-f]{8,17}")
"""The form of EC2's ids: old ones have 8 hexadecimal digits, new ones 17 (EC2 User Guide, Resource IDs)."""
