"""What `sam build` made runs under AWS's own runtime, as the deployed template configures it.

The functions are processes of their own with the real clock. So the lab's clock, too, is the real one; it leaps
only over a message's delay. And their resolver is this machine's, whose word on the lab's zone is no part of a test.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from lab.moto import cloud
from lab.route53.health import every_check
from lab.stack.sources import Poller
from lab.world import RECORD, Lab
from tests.artifact.lambda_runtime import (
    EmulatedFunctions,
    emulated,
    link_runtime,
    python_command,
    runtime_environment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lab.stack.functions import Invocation

EVENTS = Path(__file__).resolve().parents[2] / "events"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime interface emulator is for Linux")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    link_runtime(folder)
    return folder


@pytest.fixture
def lab(built: Path) -> Iterator[Lab]:
    """Return a lab where the built template is deployed."""
    with Lab(template=built, http=True) as lab:
        yield lab


@pytest.fixture
def environments(lab: Lab, runtime: Path) -> dict[str, dict[str, str]]:
    """Return each function's environment by its logical id."""
    (layer,) = lab.deployment.layers
    return {name: runtime_environment(function, layer, runtime) for name, function in lab.deployment.functions.items()}


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    """Return the folder of what the functions print, in a file for each."""
    return tmp_path


@pytest.fixture
def functions(lab: Lab, environments: dict[str, dict[str, str]], printed: Path) -> Iterator[EmulatedFunctions]:
    """Return the built functions, each in an emulator, which find the lab where AWS would be."""
    aws = lab.environment
    with contextlib.ExitStack() as stack:
        emulators = {
            name: stack.enter_context(emulated(function, environments[name] | aws, printed / name))
            for name, function in lab.deployment.functions.items()
        }
        yield EmulatedFunctions(lab.deployment, emulators=emulators)
    assert not any(emulator.child.left_something_running() for emulator in emulators.values())


@pytest.fixture
def poller(lab: Lab, functions: EmulatedFunctions) -> Poller:
    """Return the event source mapping between the signals queue and the built reconciler."""
    (source,) = lab.deployment.event_sources
    return Poller(source, functions)


def running(instance_id: str, at: datetime) -> str:
    """Return the canonical event of a running instance, for this instance and time."""
    event = json.loads((EVENTS / "ec2-instance-running.json").read_text(encoding="utf-8"))
    event["detail"]["instance-id"] = instance_id
    event["time"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(event)


def taken(poller: Poller) -> Invocation:
    """Return the invocation with what is in the queue; it is an error if that is nothing."""
    invocation = poller.poll_once()
    assert invocation is not None
    return invocation


def admitted(lab: Lab, poller: Poller) -> str:
    """Launch an instance, let Route 53 see it healthy, and return its id once its timer was handled."""
    instance_id = lab.fleet.launch(events=False)
    lab.send(running(instance_id, lab.clock.now()))
    taken(poller)
    lab.report_health(instance_id)
    lab.clock.advance(31)
    taken(poller)
    return instance_id


def logged(output: Path) -> list[dict[str, Any]]:
    """Return the structured lines that a function has printed."""
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines() if line.startswith("{")]


@pytest.mark.parametrize("name", ["ReconcilerFunction", "AuditFunction", "StackLifecycleFunction", "WidgetFunction"])
def test_a_function_has_the_layer_and_the_runtime_and_nothing_else(
    lab: Lab, environments: dict[str, dict[str, str]], name: str
) -> None:
    probe = "import importlib.util as u; print(*(u.find_spec(n) and u.find_spec(n).origin for n in {!r}), sep='\\n')"
    names = ("fleet53", "pydantic", "aws_lambda_powertools", "moto", "pip")
    ran = subprocess.run(  # noqa: S603 - no shell, and our own command
        [*python_command(), "-c", probe.format(names)],
        env=environments[name],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    (layer,) = lab.deployment.layers
    assert ran.stdout.splitlines() == [
        f"{layer}/python/fleet53/__init__.py",
        f"{layer}/python/pydantic/__init__.py",
        f"{layer}/python/aws_lambda_powertools/__init__.py",
        "None",
        "None",
    ]


@dataclass(frozen=True, slots=True)
class Start:
    """What a start did: the modules in memory, the services whose models it read, and its collections of garbage.

    Those count from where fleet53 is imported: AWS's runtime and Powertools come before it.
    """

    modules: list[str]
    services: list[str]
    collections: int


STARTING: Final = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import aws_lambda_powertools, gc, importlib, json, pathlib
before = gc.get_stats()
importlib.import_module(sys.argv[1])
collections = sum(after["collections"] - each["collections"] for after, each in zip(gc.get_stats(), before))
models = [path.parts for path in map(pathlib.Path, opened) if path.name.startswith("service-2.json")]
services = sorted({parts[-3] for parts in models if "botocore" in parts})
print(json.dumps({"modules": [*sys.modules], "services": services, "collections": collections}))
"""


def started(lab: Lab, environment: dict[str, str], name: str) -> Start:
    """Import a function's handler as a start does."""
    module = lab.deployment.functions[name].handler.partition(".")[0]
    ran = subprocess.run(  # noqa: S603 - no shell, and our own command
        [*python_command(), "-c", STARTING, module],
        env=environment | lab.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return Start(**json.loads(ran.stdout))


NEVER: Final = ("boto3", "dns", "tabulate")


@pytest.mark.parametrize(
    ("name", "never"),
    [
        ("ReconcilerFunction", ("fleet53.aws.stack_clients", "fleet53.report", "fleet53.telemetry.events", "jinja2")),
        ("AuditFunction", ("fleet53.aws.stack_clients", "fleet53.report.text", "jinja2")),
        ("StackLifecycleFunction", ("fleet53.aws.clients", "fleet53.report", "fleet53.telemetry", "jinja2")),
        ("WidgetFunction", ("fleet53.aws.stack_clients", "fleet53.report.text")),
    ],
)
def test_a_start_does_not_wait_for_what_few_invocations_need(
    lab: Lab, environments: dict[str, dict[str, str]], name: str, never: tuple[str, ...]
) -> None:
    start = started(lab, environments[name], name)
    assert "fleet53.aws.session" in start.modules
    assert [each for each in start.modules if each.startswith((*NEVER, *never))] == []


MANY: Final = ["autoscaling", "cloudwatch", "ec2", "route53", "sqs", "ssm"]


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("ReconcilerFunction", MANY),
        ("AuditFunction", MANY),
        ("StackLifecycleFunction", ["cloudformation", "cloudwatch", "ec2", "lambda", "route53", "sqs", "ssm"]),
        ("WidgetFunction", MANY),
    ],
)
def test_a_start_makes_no_client_of_the_event_bus(
    lab: Lab, environments: dict[str, dict[str, str]], name: str, services: list[str]
) -> None:
    assert started(lab, environments[name], name).services == services


def test_a_start_collects_no_garbage(lab: Lab, environments: dict[str, dict[str, str]]) -> None:
    collections = {name: started(lab, environments[name], name).collections for name in environments}
    assert collections == {
        "ReconcilerFunction": 0,
        "AuditFunction": 0,
        "StackLifecycleFunction": 0,
        "WidgetFunction": 0,
    }


def test_a_running_instance_gets_a_health_check_and_no_record_yet(lab: Lab, poller: Poller) -> None:
    instance_id = lab.fleet.launch(events=False)
    lab.send(running(instance_id, lab.clock.now()))
    assert taken(poller).result == {"batchItemFailures": []}
    (check,) = every_check(lab.route53)
    assert check["HealthCheckConfig"]["IPAddress"] == lab.fleet.address(instance_id)
    assert lab.answers() == set()


def test_the_timers_message_admits_an_instance_that_was_seen_healthy(lab: Lab, poller: Poller) -> None:
    instance_id = lab.fleet.launch(events=False)
    lab.send(running(instance_id, lab.clock.now()))
    taken(poller)
    lab.report_health(instance_id)
    lab.clock.advance(31)
    timer = taken(poller)
    (message,) = timer.event["Records"]
    assert json.loads(message["body"])["source"] == "fleet53"
    assert timer.result == {"batchItemFailures": []}
    assert lab.answers() == {lab.fleet.address(instance_id)}


def test_a_message_that_is_not_an_event_comes_back_alone(lab: Lab, poller: Poller) -> None:
    instance_id = lab.fleet.launch(events=False)
    lab.send("no event at all")
    lab.send(running(instance_id, lab.clock.now()))
    invocation = taken(poller)
    no_event, _event = sorted(invocation.event["Records"], key=lambda record: record["body"] != "no event at all")
    assert invocation.result == {"batchItemFailures": [{"itemIdentifier": no_event["messageId"]}]}
    assert len(every_check(lab.route53)) == 1


def test_each_change_is_one_structured_log_line_that_says_why(
    lab: Lab, poller: Poller, functions: EmulatedFunctions, printed: Path
) -> None:
    instance_id = admitted(lab, poller)
    output = printed / "ReconcilerFunction"
    functions.emulators["ReconcilerFunction"].child.wait_until(
        "the admission is measured", lambda: "SecondsToAdmit" in output.read_text(encoding="utf-8"), seconds=10
    )
    changes = [line for line in logged(output) if "because" in line]
    assert [(line["message"], line["because"]) for line in changes] == [
        ("health check created", "EC2 says running; it has no health check"),
        ("record put", "EC2 says running; Route 53 sees it healthy"),
    ]
    for line in changes:
        assert (line["pool"], line["instance_id"]) == ("web", instance_id)
        assert line["address"] == lab.fleet.address(instance_id)


def test_the_audit_reports_a_pool_that_is_in_sync(lab: Lab, poller: Poller, functions: EmulatedFunctions) -> None:
    admitted(lab, poller)
    report = functions.invoke("AuditFunction", {}).result
    assert report["owner"] == f"fleet53.eu-west-1.{cloud.ACCOUNT}"
    assert report["in_sync"] is True
    (pool,) = report["pools"]
    assert (pool["name"], pool["record_name"], pool["members"], pool["in_dns"]) == ("web", RECORD, 1, 1)


def test_the_widget_shows_a_pool_that_is_in_sync(lab: Lab, poller: Poller, functions: EmulatedFunctions) -> None:
    instance_id = admitted(lab, poller)
    page = functions.invoke("WidgetFunction", {"widgetContext": {"theme": "dark"}}).result
    assert 'class="fleet53 f53-dark"' in page
    assert "In sync" in page
    assert instance_id in page


def test_a_record_deleted_by_hand_is_put_back_by_audit_and_reconciler(
    lab: Lab, poller: Poller, functions: EmulatedFunctions
) -> None:
    admitted(lab, poller)
    (record,) = lab.route53.records(RECORD, "A")
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=lab.zone_id, ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
    )
    report = functions.invoke("AuditFunction", {"repair": True}).result
    assert report["summary"]["missing-record"] == 1
    assert report["queued"] == 1
    assert taken(poller).result == {"batchItemFailures": []}
    assert lab.route53.records(RECORD, "A") == (record,)
