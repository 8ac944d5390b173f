"""The security groups of the lab's account, as an operator makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lab.moto import cloud, ec2
from lab.route53 import checker_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALL_PORTS: Final = (0, 65535)
_CHECKERS: Final = {
    4: (f"com.amazonaws.{cloud.REGION}.route53-healthchecks", checker_ranges.IPV4),
    6: (f"com.amazonaws.{cloud.REGION}.ipv6.route53-healthchecks", checker_ranges.IPV6),
}
"""By address family, the AWS-managed prefix list of Route 53's health checkers and its ranges."""


@dataclass(frozen=True, slots=True)
class SecurityGroups:
    """Security groups and managed prefix lists, by a boto3 client of EC2.

    A rule's source is a CIDR of either family, or the id of a prefix list or of another group.
    """

    ec2: Any

    def open_default(self) -> None:
        """Open every TCP port of the default security group to every address.

        AWS's default group allows only traffic from itself; an operator who runs servers in it opens it.
        """
        ec2.allow_tcp(ec2.default_security_group(), ["0.0.0.0/0"], ["::/0"], _ALL_PORTS)

    def publish_checkers(self) -> None:
        """Create the AWS-managed prefix lists of Route 53's health checkers, as every account has them."""
        for family, (name, ranges) in _CHECKERS.items():
            ec2.add_managed_prefix_list(name, family, ranges)

    def create(self, name: str, sources: Sequence[str] = (), ports: tuple[int, int] = (80, 80)) -> str:
        """Create a group that lets `sources` reach these TCP ports, first to last, and return its id."""
        group_id = str(self.ec2.create_security_group(GroupName=name, Description=name)["GroupId"])
        self.allow(group_id, sources, ports=ports)
        return group_id

    def allow(
        self, group_id: str, sources: Sequence[str], *, ports: tuple[int, int] = (80, 80), protocol: str = "tcp"
    ) -> None:
        """Add an inbound rule for each source; with protocol -1 it allows all ports."""
        for source in sources:
            bounds = {} if protocol == "-1" else {"FromPort": ports[0], "ToPort": ports[1]}
            permission = {"IpProtocol": protocol, **bounds, **_from(source)}
            self.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[permission])

    def create_prefix_list(self, name: str, entries: Sequence[str], family: int = 4) -> str:
        """Create a customer-managed prefix list and return its id."""
        created = self.ec2.create_managed_prefix_list(
            PrefixListName=name,
            AddressFamily=f"IPv{family}",
            MaxEntries=len(entries),
            Entries=[{"Cidr": entry} for entry in entries],
        )
        return str(created["PrefixList"]["PrefixListId"])

    def checkers(self, family: int = 4) -> str:
        """Return the id of the AWS-managed prefix list of Route 53's health checkers."""
        name, _ = _CHECKERS[family]
        named = [{"Name": "prefix-list-name", "Values": [name]}]
        (found,) = self.ec2.describe_managed_prefix_lists(Filters=named)["PrefixLists"]
        return str(found["PrefixListId"])


def _from(source: str) -> dict[str, Any]:
    if source.startswith("pl-"):
        return {"PrefixListIds": [{"PrefixListId": source}]}
    if source.startswith("sg-"):
        return {"UserIdGroupPairs": [{"GroupId": source}]}
    if ":" in source:
        return {"Ipv6Ranges": [{"CidrIpv6": source}]}
    return {"IpRanges": [{"CidrIp": source}]}
