"""A crowd: an account with thousands of members, served on loopback for a function that runs in another process.

The lab serves it, except for DescribeInstances, DescribeAutoScalingInstances and GetMetricData: moto takes minutes to
make thousands of instances. Their answers repeat what moto says of one instance, with the ids and addresses of the
others. Everything is in sync: each member has a record and a health check that was healthy for an hour.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.client import HTTPConnection
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final, Self, override
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from fleet53.aws.check_config import write_config
from fleet53.config.pools import read_pool
from fleet53.domain.health_check import CheckConfig, CheckSettings
from fleet53.domain.identity import Owner
from fleet53.domain.ids import InstanceId, PoolName
from fleet53.domain.pool import Pool
from fleet53.domain.record import RecordType
from lab import loopback
from lab.moto import cloud
from lab.route53.checks import Checks
from lab.world import ZONE, Lab

if TYPE_CHECKING:
    from datetime import datetime

MEMBERS: Final = 100
"""Members of a pool: the records that a name may have."""
_FIRST_ADDRESS: Final = IPv4Address("52.95.0.0")
_PAGE: Final = 1000
_MINUTES: Final = 60
"""Datapoints of each health check that GetMetricData returns."""
_MINUTE: Final = 60
_FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
_GROUP: Final = "web-group"


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What moto answers about one instance, in three parts: before the instance, the instance, and after it."""

    before: str
    each: str
    after: str

    @classmethod
    def of(cls, answer: str, start: str, end: str) -> Self:
        """Take an answer apart whose list begins with `start` and ends with `end`."""
        before, _, rest = answer.partition(start)
        each, _, after = rest.partition(end)
        return cls(before + start, each, end + after)


class Crowd(loopback.Server):
    """An account with `count` members, in pools of 100. With `groups` they are in an Auto Scaling group.

    `environment` is that of the audit's function, with the variables that lead its clients here.
    """

    def __init__(self, lab: Lab, count: int, *, groups: bool) -> None:
        self.moto = urlsplit(lab.environment["AWS_ENDPOINT_URL"])
        self._groups = groups
        lab.fleet.create_group(_GROUP, pools=())
        self._one = lab.fleet.launch(("p0",), group=_GROUP, events=False)
        self._address = lab.fleet.address(self._one)
        described = _asked(lab, "ec2", "Action=DescribeInstances&Version=2016-11-15")
        self._instances = _Recorded.of(described, "<reservationSet>", "</reservationSet>")
        described = _asked(
            lab,
            "autoscaling",
            f"Action=DescribeAutoScalingInstances&Version=2011-01-01&InstanceIds.member.1={self._one}",
        )
        self._in_groups = _Recorded.of(described, "<AutoScalingInstances>", "</AutoScalingInstances>")
        self.ids = tuple(InstanceId(f"i-0{number:016x}") for number in range(count))
        launched = lab.fleet.describe(self._one)["LaunchTime"]
        self.environment = _environment(lab, -(-count // MEMBERS)) | {"FLEET53_ZONE_IDS": lab.zone_id}
        _fill_route53(lab, self.ids, Owner(self.environment["FLEET53_OWNER"]), launched)
        super().__init__(_Handler)
        for service in ("EC2", "AUTO_SCALING", "CLOUDWATCH"):
            self.environment[f"AWS_ENDPOINT_URL_{service}"] = self.url

    def describe_instances(self, parameters: dict[str, list[str]]) -> str:
        """Answer DescribeInstances for all members, as many at a time as are asked for."""
        first = int(parameters.get("NextToken", ["0"])[0])
        last = first + int(parameters.get("MaxResults", [str(_PAGE)])[0])
        found = "".join(self._instance(number) for number in range(first, min(last, len(self.ids))))
        more = f"<nextToken>{last}</nextToken>" if last < len(self.ids) else ""
        recorded = self._instances
        return f"{recorded.before}{found}{recorded.after.replace('</reservationSet>', f'</reservationSet>{more}', 1)}"

    def describe_auto_scaling_instances(self, parameters: dict[str, list[str]]) -> str:
        """Answer DescribeAutoScalingInstances for the members that are asked for."""
        asked = [values[0] for name, values in parameters.items() if name.startswith("InstanceIds.")]
        recorded = self._in_groups
        found = "".join(recorded.each.replace(self._one, instance_id) for instance_id in asked)
        return f"{recorded.before}{found}{recorded.after}"

    def _instance(self, number: int) -> str:
        address = str(_FIRST_ADDRESS + number)
        tags = {"Name": "a server", "fleet53:pool": f"p{number // MEMBERS}"}
        tags |= {"aws:autoscaling:groupName": _GROUP} if self._groups else {}
        written = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
        text = self._instances.each.replace(self._one, self.ids[number]).replace(self._address, address)
        text = text.replace(self._address.replace(".", "-"), address.replace(".", "-"))
        return re.sub(r"<tagSet>.*?</tagSet>", f"<tagSet>{written}</tagSet>", text, count=1, flags=re.DOTALL)


def _environment(lab: Lab, pools: int) -> dict[str, str]:
    """Declare the pools, and return the environment of the audit's function, which may use all of their names."""
    environment = lab.environment | lab.deployment.functions["AuditFunction"].environment
    settings = lab.pools.settings("web")
    lab.delete_pool("web")
    names = [f"p{number}.{ZONE}" for number in range(pools)]
    for number, name in enumerate(names):
        lab.client("ssm").put_parameter(
            Name=f"{lab.pools.path}/p{number}", Value=json.dumps(settings | {"record_name": name}), Type="String"
        )
    return environment | {"FLEET53_RECORD_NAMES": ",".join(names), "FLEET53_FIRST_POOL": "p0"}


def _fill_route53(lab: Lab, ids: tuple[InstanceId, ...], owner: Owner, launched: datetime) -> None:
    """Make the record and the health check of each member, as fleet53 makes them."""
    route53 = lab.route53
    route53.health_check_quota = 2 * len(ids) + MEMBERS
    parameters = lab.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=lab.pools.path)
    texts = {each["Name"]: each["Value"] for page in parameters for each in page["Parameters"]}
    with patch.object(Checks, "_count_creation", lambda _: None):  # AWS creates a thousand a day
        for start in range(0, len(ids), MEMBERS):
            name = PoolName(f"p{start // MEMBERS}")
            pool = read_pool(f"{lab.pools.path}/{name}", texts[f"{lab.pools.path}/{name}"])
            if not isinstance(pool, Pool) or not isinstance(pool.check, CheckSettings):
                raise TypeError(f"pool {name} is not valid: {pool}")
            changes = []
            for number, instance_id in enumerate(ids[start : start + MEMBERS], start):
                address = _FIRST_ADDRESS + number
                config = CheckConfig.of(pool.check, address)
                reference = next(owner.references(name, instance_id, launched, RecordType.A, config))
                asked = {"CallerReference": reference, "HealthCheckConfig": write_config(config)}
                check = route53.call("CreateHealthCheck", asked)["HealthCheck"]
                record = {
                    "Name": pool.record_name,
                    "Type": "A",
                    "SetIdentifier": owner.identifier(instance_id),
                    "MultiValueAnswer": True,
                    "TTL": pool.ttl,
                    "ResourceRecords": [{"Value": str(address)}],
                    "HealthCheckId": check["Id"],
                }
                changes.append({"Action": "CREATE", "ResourceRecordSet": record})
            route53.call("ChangeResourceRecordSets", {"HostedZoneId": lab.zone_id, "ChangeBatch": {"Changes": changes}})
    route53.reset_calls()


def _asked(lab: Lab, service: str, body: str) -> str:
    """Return what moto answers to a request in AWS's query protocol."""
    scope = f"20261126/{cloud.REGION}/{service}/aws4_request"
    headers = {"Content-Type": _FORM, "Authorization": f"AWS4-HMAC-SHA256 Credential=testing/{scope}"}
    with urlopen(Request(lab.environment["AWS_ENDPOINT_URL"], body.encode(), headers)) as answer:  # noqa: S310 - the lab's
        return str(answer.read().decode())


def _metric_data(asked: dict[str, Any]) -> bytes:
    """Answer GetMetricData: each metric was 100 in each minute."""
    newest = int(asked["EndTime"]) // _MINUTE * _MINUTE - 2 * _MINUTE
    times = [newest - _MINUTE * minute for minute in range(_MINUTES)]
    metrics = [
        {
            "Id": query["Id"],
            "Label": "HealthCheckPercentageHealthy",
            "Timestamps": times,
            "Values": [100.0] * _MINUTES,
            "StatusCode": "Complete",
        }
        for query in asked["MetricDataQueries"]
    ]
    return json.dumps({"MetricDataResults": metrics, "Messages": []}).encode()


class _Handler(loopback.Handler):
    server: Crowd

    def _answer(self) -> None:
        body = self.body()
        if self.headers.get("X-Amz-Target", "").endswith(".GetMetricData"):
            self.answer(200, {"Content-Type": "application/x-amz-json-1.0"}, _metric_data(json.loads(body)))
            return
        parameters = parse_qs(body.decode())
        match parameters.get("Action"):
            case ["DescribeInstances"] if parameters.get("Filter.1.Name") == ["tag-key"]:
                self._write_xml(self.server.describe_instances(parameters))
            case ["DescribeAutoScalingInstances"]:
                self._write_xml(self.server.describe_auto_scaling_instances(parameters))
            case _:
                self._ask_moto(body)

    def _write_xml(self, text: str) -> None:
        self.answer(200, {"Content-Type": "text/xml"}, text.encode())

    def _ask_moto(self, body: bytes) -> None:
        moto = HTTPConnection(self.server.moto.netloc)
        sent = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "content-length"}}
        moto.request(self.command, self.path, body, sent)
        answered = moto.getresponse()
        content = answered.read()
        kept = {"Content-Type": answered.headers.get("Content-Type", "text/xml")}
        self.answer(answered.status, kept, content)
        moto.close()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    do_POST = _answer  # noqa: N815 - http.server looks for this name
