"""`make lab` from outside: a process that a person starts, asks by DNS and AWS's API, and ends with Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

import boto3
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.e2e.child import Child, Program
from tests.e2e.markdown import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dns.message import Message

ROOT: Final = Path(__file__).resolve().parents[2]
SPEED: Final = 30
TIMEOUT: Final = 40.0
"""Real seconds that the lab may take to do what takes it two or three minutes of its own time."""


@dataclass(frozen=True, slots=True)
class RunningLab:
    """The lab's process, and what it printed: how to reach its AWS, its DNS server and its instances."""

    child: Child
    environment: dict[str, str]
    dig: list[str]

    def ask(self, name: str = "app.example.com") -> Message:
        """Ask the printed DNS server for a name's A records."""
        _dig, host, _p, port, _name = self.dig
        query = dns.message.make_query(name, "A", flags=0)
        return dns.query.udp(query, host.removeprefix("@"), port=int(port), timeout=5)

    def addresses(self) -> set[str]:
        """Return the addresses that the name is answered with now."""
        return {record.to_text() for each in self.ask().answer for record in each}

    def wait_for_addresses(self, count: int) -> set[str]:
        """Wait until so many addresses are answered, and return them."""
        return self.child.wait_until(
            f"{count} addresses are answered",
            lambda: found if len(found := self.addresses()) == count else None,
            TIMEOUT,
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client that is told what the lab printed."""
        endpoint = {"route53": "AWS_ENDPOINT_URL_ROUTE_53"}.get(service, "AWS_ENDPOINT_URL")
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.environment[endpoint],
            region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )


def started(child: Child) -> RunningLab:
    """Wait until the lab has printed how to use it, and read that."""
    printed = child.wait_until(
        "the lab says what to do",
        lambda: text if "What fleet53 does:" in (text := child.printed()) else None,
        TIMEOUT,
    )
    (dig,) = re.findall(r"^ *(dig @.*)$", printed, re.MULTILINE)
    exported = dict(re.findall(r"^ *export (\w+)=(\S+)$", printed, re.MULTILINE))
    return RunningLab(child, exported, shlex.split(dig))


def lab_program() -> Program:
    """Return the program that `make lab` starts, in a hurry."""
    command = (sys.executable, "-m", "lab", "--speed", str(SPEED))
    return Program(command, ROOT, os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with Child(lab_program(), tmp_path_factory.mktemp("lab") / "printed") as child:
        yield started(child)


def test_both_instances_are_answered_with_the_records_ttl_and_authority(lab: RunningLab) -> None:
    assert len(lab.wait_for_addresses(2)) == 2
    reply = lab.ask()
    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.flags & dns.flags.AA
    assert [each.ttl for each in reply.answer] == [60]


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed")
def test_the_printed_dig_command_shows_the_same_addresses(lab: RunningLab) -> None:
    addresses = lab.wait_for_addresses(2)
    ran = subprocess.run(  # noqa: S603 - no shell, and the lab's own command
        [*lab.dig, "+short"], capture_output=True, text=True, check=True, timeout=20
    )
    assert set(ran.stdout.split()) == addresses


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_with_what_is_printed_version_1_of_the_aws_cli_finds_the_labs_sqs(lab: RunningLab, tmp_path: Path) -> None:
    (printed,) = re.findall(r"^ *(aws\(\) .*)$", lab.child.printed(), re.MULTILINE)
    (tmp_path / "aws").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "aws").chmod(0o755)
    ran = subprocess.run(  # noqa: S603 - the lab's own line
        [str(shutil.which("bash")), "-c", f"{printed}\naws sqs list-queues\naws ec2 describe-regions --query '[a b]'"],
        env=os.environ | lab.environment | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert ran.stdout.splitlines() == [
        f"--endpoint-url {lab.environment['AWS_ENDPOINT_URL']} sqs list-queues",
        "ec2 describe-regions --query [a b]",
    ]


def test_a_name_that_the_zone_has_not_is_nxdomain(lab: RunningLab) -> None:
    reply = lab.ask("nobody.example.com")
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.flags & dns.flags.AA
    assert [each.name.to_text() for each in reply.authority] == ["example.com."]


def test_a_name_in_no_zone_of_the_lab_is_refused(lab: RunningLab) -> None:
    reply = lab.ask("app.example.org")
    assert reply.rcode() == dns.rcode.REFUSED
    assert not reply.flags & dns.flags.AA


def test_an_instance_that_is_stopped_leaves_the_answers_and_started_comes_back(lab: RunningLab) -> None:
    before = lab.wait_for_addresses(2)
    ec2 = lab.client("ec2")
    (instance_id, address), (_other, kept) = [
        (each["InstanceId"], each["PublicIpAddress"])
        for reservation in ec2.describe_instances()["Reservations"]
        for each in reservation["Instances"]
    ]
    assert before == {address, kept}
    ec2.stop_instances(InstanceIds=[instance_id])
    assert lab.wait_for_addresses(1) == {kept}
    ec2.start_instances(InstanceIds=[instance_id])
    assert kept in lab.wait_for_addresses(2)


def test_the_audit_is_invoked_by_the_command_that_the_guide_shows(lab: RunningLab) -> None:
    lab.wait_for_addresses(2)
    commands = Page.read(ROOT / "docs/guide.md").commands()
    sam, *words = next(each for each in commands if each[:3] == ["sam", "remote", "invoke"])
    ran = subprocess.run(  # noqa: S603 - no shell, and the guide's own command
        [Path(sys.executable).parent / sam, *words],
        env=os.environ | lab.environment | {"SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert [(each["name"], each["members"], each["in_dns"]) for each in report["pools"]] == [("web", 2, 2)]


def ran_audit(lab: RunningLab, *words: str, target: str = "audit") -> subprocess.CompletedProcess[str]:
    """Run what `make audit` runs, with only the settings that the lab printed."""
    return subprocess.run(  # noqa: S603 - no shell, and our own command
        ["make", "--silent", "--assume-old=.venv/.ready", target, *words],  # noqa: S607 - the person's own make
        cwd=ROOT,
        env=os.environ | lab.environment | {"MAKEFLAGS": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_make_audit_prints_the_text_of_the_report(lab: RunningLab) -> None:
    addresses = lab.wait_for_addresses(2)
    ran = ran_audit(lab, "STACK=fleet53")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("fleet53.eu-west-1.123456789012, ")
    assert "\nIn sync and healthy. Nothing is queued.\n" in ran.stdout
    assert all(f" {address} " in ran.stdout for address in addresses)


def test_make_audit_hands_the_event_on(lab: RunningLab) -> None:
    ran = ran_audit(lab, "STACK=fleet53", 'EVENT={"pools": ["web"], "format": "json"}')
    assert ran.returncode == 0, ran.stderr
    assert [each["name"] for each in json.loads(ran.stdout)["pools"]] == ["web"]


def test_make_audit_says_in_a_line_why_the_audit_failed(lab: RunningLab) -> None:
    ran = ran_audit(lab, "STACK=fleet53", """EVENT={"it's": true}""")
    assert ran.returncode == 2
    said, *makes_own = ran.stderr.splitlines()
    assert said.startswith("the audit failed: NotUnderstoodError: it's=True: Extra inputs are not permitted; use ")
    assert [line for line in makes_own if "Error 2" not in line] == []


def test_make_audit_says_in_a_line_that_there_is_no_such_stack(lab: RunningLab) -> None:
    ran = ran_audit(lab, "STACK=fleet35")
    said, *makes_own = ran.stderr.splitlines()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said.startswith("stack fleet35: ")
    assert "does not exist" in said
    assert [line for line in makes_own if "Error 1" not in line] == []


def test_make_status_shows_the_pools_on_one_screen(lab: RunningLab) -> None:
    lab.wait_for_addresses(2)
    ran = ran_audit(lab, "STACK=fleet53", target="status")
    assert ran.returncode == 0, ran.stderr
    owner, verdict, _, heads, web = ran.stdout.splitlines()
    assert owner.startswith("fleet53.eu-west-1.123456789012, ")
    assert verdict == "In sync and healthy."
    assert heads.split()[:2] == ["pool", "members"]
    assert web.split() == ["web", "2", "2", "2", "0", "healthy", "app.example.com"]


def test_a_watch_draws_on_the_terminals_other_screen_and_leaves_the_last_view(lab: RunningLab) -> None:
    lab.wait_for_addresses(2)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    watch = subprocess.Popen(
        [sys.executable, "-m", "tools.status", "fleet53", "--watch", "60"],
        cwd=ROOT,
        env=os.environ | lab.environment | {"TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    drawn = b""
    while b"Asking again in" not in drawn:
        assert select.select([ours], [], [], TIMEOUT)[0], drawn
        drawn += os.read(ours, 65_536)
    watch.send_signal(signal.SIGINT)
    last = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while select.select([ours], [], [], TIMEOUT)[0] and (more := os.read(ours, 65_536)):
            last += more
    os.close(ours)

    assert watch.wait(TIMEOUT) == 0
    _drawn, _, left = last.decode().rpartition("\x1b[?1049l")
    assert "In sync and healthy." in left
    assert "Ctrl-C" not in left
    assert drawn.startswith(b"\x1b[?1049h")


def test_the_dashboards_widget_is_shown_at_the_printed_address(lab: RunningLab) -> None:
    lab.wait_for_addresses(2)
    (port,) = re.findall(r"^ *http://127\.0\.0\.1:(\d+)/$", lab.child.printed(), re.MULTILINE)
    with urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        (endpoint,) = re.findall(r'data-endpoint="([^"]+)"', answer.read().decode())
    body = json.dumps({"endpoint": endpoint, "params": {}, "context": {"theme": "dark"}}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"http://127.0.0.1:{port}/call", body, headers), timeout=TIMEOUT) as answer:
        page = answer.read().decode()
    assert 'class="fleet53 f53-dark"' in page
    assert page.count('scope="row" class="f53-id"') == 2


def test_ctrl_c_ends_the_lab_cleanly(tmp_path: Path) -> None:
    with Child(lab_program(), tmp_path / "printed") as child:
        lab = started(child)
        assert child.end(signal.SIGINT) == 0
        printed = child.printed()
    assert "Traceback" not in printed
    assert printed.endswith("The lab has ended.\n")
    assert not child.left_something_running()
    _dig, host, _p, port, _name = lab.dig
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.removeprefix("@"), int(port)), timeout=5)
