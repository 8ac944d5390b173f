"""Every command of README, guide, runbook and migration page is run in one lab, or is marked as needing AWS."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socketserver
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.e2e import aws_cli
from tests.e2e.child import Child
from tests.e2e.markdown import Page
from tests.e2e.test_lab_process import ROOT, RunningLab, lab_program, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AWS_ONLY: Final = re.compile(r"^make deploy\b|# AWS only$")
"""What docs/runbook.md says needs AWS."""
IN_THE_LAB: Final = re.compile(r"aws |dig |make audit|make status STACK=\w+ +# once|sam remote ")
"""What README.md and docs/guide.md say works in the lab."""
MOVED: Final = "www.example.com"
"""The name in the place of docs/migrate.md's, because fleet53 serves the other one already."""

BASH: Final = r"""
set -u
declare -A asked
aws() { "$PYTHON" -IS -c 'import json, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect(sys.argv[1])
    asked.sendall(json.dumps(sys.argv[2:]).encode() + b"\n")
    code, out, error = json.loads(asked.makefile().read())
sys.stdout.write(out), sys.stderr.write(error), sys.exit(code)' "$AWS_SOCKET" "$@" || echo "failed: aws $1 $2" >&2; }
make() {
  [ -n "${asked["$*"]-}" ] && return
  asked["$*"]=1
  command make --silent --assume-old=.venv/.ready -C "$ROOT" "$@" 2>made ||
    grep -Eq '(audit|status)\] Error [345]$' made || echo "failed: make $*" >&2
}
sam() { SAM_CLI_TELEMETRY=0 "${PYTHON%/*}/sam" "$@" || echo "failed: sam $*" >&2; }
dig() { if type -P dig >/dev/null; then command dig $LAB_DIG "$@" || echo "failed: dig $*" >&2; fi; }
"""
"""The programs of the pages: aws asks this process, dig asks the lab, and make runs each command once."""


class Cli(socketserver.ThreadingUnixStreamServer):
    """Runs the commands of the AWS CLI that come in, and knows how many that were."""

    def __init__(self, path: Path, lab: RunningLab) -> None:
        self.lab, self.folder, self.ran = lab, path.parent, 0
        self._clients: dict[tuple[str, str | None], Any] = {}
        super().__init__(str(path), _Handler)

    def client(self, service: str, region: str | None) -> Any:
        """Return a client that is told what the lab printed."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._make(service, region)
        return self._clients[service, region]

    def server_close(self) -> None:
        """Close the clients too."""
        super().server_close()
        for each in self._clients.values():
            each.close()

    def _make(self, service: str, region: str | None) -> Any:
        environment = self.lab.environment
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL_ROUTE_53" if service == "route53" else "AWS_ENDPOINT_URL"],
            region_name=region or environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )


class _Handler(socketserver.StreamRequestHandler):
    server: Cli

    def handle(self) -> None:
        self.server.ran += 1
        words = json.loads(self.rfile.readline())
        try:
            answer = 0, aws_cli.run(words, self.server.client, self.server.folder), ""
        except (aws_cli.UsageError, BotoCoreError, ClientError, OSError, ValueError) as error:
            answer = 255, "", f"aws {shlex.join(words)}: {' '.join(str(error).split())}\n"
        self.wfile.write(json.dumps(answer).encode())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with Child(lab_program(), tmp_path_factory.mktemp("lab") / "printed") as child:
        lab = started(child)
        lab.wait_for_addresses(2)
        yield lab


@pytest.fixture(scope="module")
def cli(lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    with Cli(tmp_path_factory.mktemp("cli") / "aws", lab) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def stand_ins(cli: Cli) -> dict[str, str]:
    """Return what the lab has in the place of the pages' examples."""
    ec2, route53 = cli.client("ec2", None), cli.client("route53", None)
    members = [each for found in ec2.describe_instances()["Reservations"] for each in found["Instances"]]
    first, second = (each["InstanceId"] for each in members)
    # The pages move the first member to another address and another pool, which replaces its health check.
    check = next(
        each["Id"]
        for each in route53.list_health_checks()["HealthChecks"]
        if each["HealthCheckConfig"]["IPAddress"] == members[1]["PublicIpAddress"]
    )
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"].rpartition("/")[2]
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    scaling = cli.client("autoscaling", None)
    scaling.create_launch_configuration(LaunchConfigurationName="web", ImageId="ami-12c6146b", InstanceType="t3.micro")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchConfigurationName="web",
        MinSize=0,
        MaxSize=4,
        AvailabilityZones=["eu-west-1a"],
    )
    scaling.attach_instances(AutoScalingGroupName="web", InstanceIds=[first, second])
    theirs = {
        "Name": "app.example.com",
        "Type": "A",
        "SetIdentifier": "theirs",
        "MultiValueAnswer": True,
        "TTL": 60,
        "ResourceRecords": [{"Value": "203.0.113.10"}],
    }
    change = {"Action": "CREATE", "ResourceRecordSet": theirs}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    return {
        "i-0123456789abcdef0": first,
        "Z0123456789ABC": zone,
        "5800ca8f-ff39-4f90-ba40-66b02b56bb8b": check,
        "sg-0123456789abcdef0": group,
        "eipalloc-0123456789abcdef0": ec2.allocate_address(Domain="vpc")["AllocationId"],
    }


def ran(script: str, cli: Cli, stand_ins: dict[str, str]) -> list[str]:
    """Run a script with bash, and return the commands of it that failed."""
    return failed(finished(script, cli, stand_ins))


def failed(run: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the commands of a script that failed."""
    return [line for line in run.stderr.splitlines() if line.startswith("failed: ")]


def finished(
    script: str, cli: Cli, stand_ins: dict[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a script with bash for at most so many seconds, and return how it ended."""
    for named, there in stand_ins.items():
        script = script.replace(named, there)
    _dig, host, p, port, _name = cli.lab.dig
    bash = shutil.which("bash")
    assert bash is not None
    return subprocess.run(  # noqa: S603 - the pages' own commands
        [bash, "-c", BASH + script],
        cwd=cli.folder,
        env=os.environ
        | cli.lab.environment
        | {
            "AWS_SOCKET": str(cli.server_address),
            "LAB_DIG": shlex.join([host, p, port]),
            "MAKEFLAGS": "",
            "PYTHON": sys.executable,
            "ROOT": str(ROOT),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def records(cli: Cli, zone: str) -> list[dict[str, Any]]:
    listed = cli.client("route53", None).list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return [each for each in listed if each["Name"] == f"{MOVED}."]


def audited(cli: Cli) -> dict[str, Any]:
    function = cli.client("cloudformation", None).describe_stack_resource(
        StackName="fleet53", LogicalResourceId="AuditFunction"
    )["StackResourceDetail"]["PhysicalResourceId"]
    answer = cli.client("lambda", None).invoke(FunctionName=function, Payload=b'{"pools": ["www"]}')
    return dict(json.loads(answer["Payload"].read()))


def blocks(*titles: str) -> list[str]:
    """Return the blocks of these sections, each as the lines that the lab can run."""
    page = Page.read(ROOT / "docs/migrate.md")
    found = [block for title in titles for block in page.section(title).blocks("sh")]
    return ["\n".join(line for line in block.splitlines() if not AWS_ONLY.search(line)) for block in found]


def test_the_migration_guides_steps_move_a_round_robin_record_in_and_back(
    lab: RunningLab,
    cli: Cli,
    stand_ins: dict[str, str],
) -> None:
    zone = stand_ins["Z0123456789ABC"]
    instances = [
        each
        for found in cli.client("ec2", None).describe_instances()["Reservations"]
        for each in found["Instances"]
        if each["State"]["Name"] == "running"
    ]
    robin = {
        "Name": MOVED,
        "Type": "A",
        "TTL": 300,
        "ResourceRecords": [{"Value": each["PublicIpAddress"]} for each in instances],
    }
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": robin}]}
    cli.client("route53", None).change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    before = records(cli, zone)
    pool = json.dumps({"hosted_zone_id": zone, "record_name": MOVED})
    cli.client("ssm", None).put_parameter(Name="/fleet53/fleet53/pools/www", Value=pool, Type="String")
    here = stand_ins | {
        "i-0123456789abcdef1": next(
            each["InstanceId"] for each in instances if each["InstanceId"] not in stand_ins.values()
        ),
        "app.example.com": MOVED,
        "Value=web": "Value='web www'",
    }

    deploy, look, adopt, back, _keep, leave = blocks("1. Deploy and tag", "2. Look", "3. Adopt", "Leave fleet53")
    named = "\n".join(line for line in deploy.splitlines() if "=" in line.split(" ", maxsplit=1)[0])
    assert ran(deploy, cli, here) == []
    lab.child.wait_until("the record can be taken over", lambda: "adoptable-record" in audited(cli)["summary"], 60)
    assert ran(f"{named}\n{look}", cli, here) == []
    assert ran(f"{named}\n{adopt}", cli, here) == []
    lab.child.wait_until("it is taken over", lambda: all("SetIdentifier" in each for each in records(cli, zone)), 40)
    assert ran(f"{named}\n{back}", cli, here) == []
    assert records(cli, zone) == before

    assert ran(f"{named}\n{adopt}", cli, here) == []
    lab.child.wait_until(
        "it is taken over again", lambda: all("SetIdentifier" in each for each in records(cli, zone)), 40
    )
    assert ran(f"{named}\n{leave}", cli, here) == []
    (simple,) = records(cli, zone)
    assert (simple["TTL"], len(simple["ResourceRecords"])) == (60, len(instances))

    # The other pages start from a lab without it.
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": simple}]}
    cli.client("route53", None).change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    cli.client("ssm", None).delete_parameter(Name="/fleet53/fleet53/pools/www")
    tags = [{"Key": "fleet53:pool", "Value": "web"}]
    cli.client("ec2", None).create_tags(Resources=[each["InstanceId"] for each in instances], Tags=tags)


def test_the_commands_of_readme_and_guide_run_in_the_lab_from_top_to_bottom(
    cli: Cli, stand_ins: dict[str, str]
) -> None:
    pages = (Page.read(ROOT / name) for name in ("README.md", "docs/guide.md"))
    lines = [line for page in pages for line in page.lines() if IN_THE_LAB.match(line)]
    # Resources are retained only after a deletion that failed.
    assert ran("\n".join(lines), cli, stand_ins) == ["failed: aws cloudformation delete-stack"]


def test_the_runbooks_commands_run_in_the_lab_from_top_to_bottom(cli: Cli, stand_ins: dict[str, str]) -> None:
    pool = json.dumps({"hosted_zone_id": stand_ins["Z0123456789ABC"], "record_name": "api.example.com"})
    (cli.folder / "pool.json").write_text(pool)
    cli.client("ssm", None).put_parameter(Name="/fleet53/fleet53/pools/api", Value=pool, Type="String", Overwrite=True)
    lines = "\n".join(Page.read(ROOT / "docs/runbook.md").blocks("sh")).splitlines()
    kept = [line for line in lines if not AWS_ONLY.search(line)]
    # No foreign record is there to be deleted, and no instance waits at a lifecycle hook.
    assert set(ran("\n".join(kept), cli, stand_ins)) == {
        "failed: aws route53 change-resource-record-sets",
        "failed: aws autoscaling complete-lifecycle-action",
    }


def test_the_lab_deletes_its_stack_and_goes_on(lab: RunningLab, cli: Cli) -> None:
    assert ran("aws cloudformation delete-stack --stack-name fleet53", cli, {}) == []
    lab.child.wait_until("no address is answered", lambda: not lab.addresses(), 40)
    assert ran("aws ec2 describe-instances", cli, {}) == []
