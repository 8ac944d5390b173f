"""The account under test: the lab's Route 53, or a real one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDPOINT = {"Type": "HTTP", "IPAddress": "52.95.110.1"}


@dataclass
class Account:
    """A boto3 client, a hosted zone, and the random prefix of every name that this test writes."""

    client: Any
    zone_id: str
    zone_name: str
    prefix: str
    check_ids: list[str] = field(default_factory=list)

    def name(self, label: str) -> str:
        return f"{label}.{self.prefix}.{self.zone_name}"

    def member(self, label: str, identifier: str, **fields: Any) -> dict[str, Any]:
        """Return a multivalue A record like fleet53's; a field given as None is left out."""
        record = {
            "Name": self.name(label),
            "Type": "A",
            "SetIdentifier": identifier,
            "MultiValueAnswer": True,
            "TTL": 60,
            "ResourceRecords": [{"Value": "52.95.110.1"}],
        } | fields
        return {name: value for name, value in record.items() if value is not None}

    def simple(self, label: str, **fields: Any) -> dict[str, Any]:
        return self.member(label, "", SetIdentifier=None, MultiValueAnswer=None, **fields)

    def change(self, *changes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
        answer: dict[str, Any] = self.client.change_resource_record_sets(
            HostedZoneId=self.zone_id, ChangeBatch={"Changes": batch}
        )
        return answer

    def create(self, *records: dict[str, Any]) -> None:
        self.change(*(("CREATE", record) for record in records))

    def delete(self, *records: dict[str, Any]) -> None:
        self.change(*(("DELETE", record) for record in records))

    def records(self) -> list[dict[str, Any]]:
        """Return this test's record sets, from all pages."""
        pages = self.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.zone_id)
        suffix = f".{self.prefix}.{self.zone_name}"
        return [record for page in pages for record in page["ResourceRecordSets"] if record["Name"].endswith(suffix)]

    def identifiers(self) -> list[str]:
        return sorted(record["SetIdentifier"] for record in self.records())

    def protect(self, *labels: str, record_type: str = "A", comment: str | None = None) -> None:
        """Protect these names below the prefix."""
        protections = [{"RecordName": self.name(label), "RecordType": record_type} for label in labels]
        if comment is not None:
            protections = [each | {"Comment": comment} for each in protections]
        self.client.create_resource_record_set_protections(HostedZoneId=self.zone_id, Protections=protections)

    def unprotect(self, *labels: str, record_type: str = "A") -> None:
        """Delete the protections of these names below the prefix."""
        keys = [{"RecordName": self.name(label), "RecordType": record_type} for label in labels]
        self.client.delete_resource_record_set_protections(HostedZoneId=self.zone_id, Protections=keys)

    def protections(self, **parameters: str) -> dict[str, Any]:
        """Return a page of the hosted zone's protections, this test's and others."""
        page: dict[str, Any] = self.client.list_resource_record_set_protections(HostedZoneId=self.zone_id, **parameters)
        return page

    def reference(self, label: str) -> str:
        return f"{self.prefix}-{label}"

    def create_check(self, label: str = "check", **config: Any) -> dict[str, Any]:
        """Create a health check of ENDPOINT with these settings; a setting given as None is left out."""
        settings = {name: value for name, value in (ENDPOINT | config).items() if value is not None}
        check: dict[str, Any] = self.client.create_health_check(
            CallerReference=self.reference(label), HealthCheckConfig=settings
        )["HealthCheck"]
        self.check_ids.append(check["Id"])
        return check

    def update_check(self, check: dict[str, Any], **changes: Any) -> dict[str, Any]:
        updated: dict[str, Any] = self.client.update_health_check(HealthCheckId=check["Id"], **changes)["HealthCheck"]
        return updated

    def delete_check(self, check: dict[str, Any]) -> None:
        self.client.delete_health_check(HealthCheckId=check["Id"])

    def clean_up(self) -> None:
        suffix = f".{self.prefix}.{self.zone_name}"
        for found in self.protections(StartRecordName=suffix.removeprefix("."))["ResourceRecordSetProtections"]:
            if found["RecordName"].endswith(suffix):
                key = {"RecordName": found["RecordName"], "RecordType": found["RecordType"]}
                self.client.delete_resource_record_set_protections(HostedZoneId=self.zone_id, Protections=[key])
        for record in self.records():
            self.delete(record)
        for check_id in dict.fromkeys(reversed(self.check_ids)):  # a calculated health check before its children
            try:
                self.client.delete_health_check(HealthCheckId=check_id)
            except self.client.exceptions.NoSuchHealthCheck:
                continue


@contextmanager
def refused(code: str, text: str = "") -> Iterator[list[str]]:
    """Expect a refusal with this code, whose message contains this text; the list has the message afterwards."""
    messages: list[str] = []
    with pytest.raises(ClientError) as caught:
        yield messages
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert text in error["Message"]
    messages.append(error["Message"])
