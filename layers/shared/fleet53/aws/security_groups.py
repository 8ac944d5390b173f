"""Security groups, and the managed prefix lists that their rules name."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import batched
from typing import TYPE_CHECKING, Final

from fleet53.domain.ingress import ALL_PORTS, Family, IPNetwork, PrefixList, PrefixListId, Rule, SecurityGroup
from fleet53.domain.model import SecurityGroupId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, SecurityGroupTypeDef

_FILTER_VALUES: Final = 200  # values of one filter (EC2 User Guide, Filter resources)
_GROUPS_PER_PAGE: Final = 1000  # DescribeSecurityGroups, MaxResults
_LISTS_PER_PAGE: Final = 100  # DescribeManagedPrefixLists and GetManagedPrefixListEntries, MaxResults


class SecurityGroups:
    """The calls that return security groups and prefix lists."""

    def __init__(self, client: EC2Client) -> None:
        self._client = client

    def by_id(self, group_ids: Iterable[SecurityGroupId]) -> dict[SecurityGroupId, SecurityGroup]:
        """Return those of `group_ids` that EC2 shows.

        Uses a filter, because an unknown id among GroupIds fails the whole call (DescribeSecurityGroups,
        InvalidGroup.NotFound), and another account's group in a shared VPC may not be shown.
        """
        found: dict[SecurityGroupId, SecurityGroup] = {}
        pages = self._client.get_paginator("describe_security_groups")
        for ids in batched(sorted(group_ids), _FILTER_VALUES, strict=False):
            for page in pages.paginate(
                Filters=[{"Name": "group-id", "Values": list(ids)}], PaginationConfig={"PageSize": _GROUPS_PER_PAGE}
            ):
                groups = (_read_group(described) for described in page["SecurityGroups"])
                found |= {group.id: group for group in groups}
        return found

    def checker_lists(self) -> dict[Family, PrefixList]:
        """Return the region's AWS-managed lists of the addresses that Route 53 checks from, by family.

        The VPC User Guide has their names ("AWS-managed prefix lists"). Only AWS can create names that begin so
        (CreateManagedPrefixList).
        """
        region = self._client.meta.region_name
        names: dict[str, Family] = {
            f"com.amazonaws.{region}.route53-healthchecks": 4,
            f"com.amazonaws.{region}.ipv6.route53-healthchecks": 6,
        }
        pages = self._client.get_paginator("describe_managed_prefix_lists").paginate(
            Filters=[{"Name": "prefix-list-name", "Values": list(names)}],
            PaginationConfig={"PageSize": _LISTS_PER_PAGE},
        )
        return {
            names[listed["PrefixListName"]]: PrefixList(PrefixListId(listed["PrefixListId"]), listed["PrefixListName"])
            for page in pages
            for listed in page["PrefixLists"]
        }

    def entries(self, prefix_list: PrefixListId) -> tuple[IPNetwork, ...]:
        """Return the ranges in a prefix list, in its current version."""
        pages = self._client.get_paginator("get_managed_prefix_list_entries").paginate(
            PrefixListId=prefix_list, PaginationConfig={"PageSize": _LISTS_PER_PAGE}
        )
        return tuple(ip_network(entry["Cidr"], strict=False) for page in pages for entry in page["Entries"])


def _read_group(described: SecurityGroupTypeDef) -> SecurityGroup:
    return SecurityGroup(
        id=SecurityGroupId(described["GroupId"]),
        name=described["GroupName"],
        rules=tuple(_read_rule(permission) for permission in described["IpPermissions"]),
    )


def _read_rule(permission: IpPermissionOutputTypeDef) -> Rule:
    """Read a rule. A rule without ports is for all ports."""
    first, last = permission.get("FromPort"), permission.get("ToPort")
    cidrs = [
        *(each["CidrIp"] for each in permission.get("IpRanges", [])),
        *(each["CidrIpv6"] for each in permission.get("Ipv6Ranges", [])),
    ]
    return Rule(
        protocol=permission["IpProtocol"],
        ports=ALL_PORTS if first is None or last is None else range(first, last + 1),
        ranges=tuple(ip_network(cidr, strict=False) for cidr in cidrs),
        prefix_lists=frozenset(PrefixListId(each["PrefixListId"]) for each in permission.get("PrefixListIds", [])),
    )
