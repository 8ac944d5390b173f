"""`make demo`: shows what fleet53 does, step by step, and checks each step; the exit code is 0 if all came true."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
import time
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from lab.arguments import describe_speed, speed
from lab.live import Live
from lab.scaling.hooks import launch_hook, terminate_hook
from lab.stage import WIDTH, NotTrueError, Stage, expect
from lab.traffic.visitors import asking_server
from lab.world import RECORD, Lab

SPEED: Final = 25
INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C ended."""
GROUP: Final = "web-fleet"
GROUP_SIZE: Final = 4
GROUP_TIMEOUT: Final = 90.0
CLIENTS: Final = 20


def two_servers_appear(stage: Stage) -> None:
    """Show that servers enter DNS only when they are healthy."""
    stage.step("1. Two servers come up")
    stage.say("Two EC2 instances are launched, tagged fleet53:pool=web. They run, but boot for a while.")
    lab = stage.lab
    stage.names |= {"alice": lab.fleet.launch(), "bob": lab.fleet.launch()}
    addresses = {lab.fleet.address(each) for each in stage.names.values()}
    early = stage.ask()
    expect("no answer while the servers boot", true=not early, seen=set(early))
    stage.come_true("DNS answers no address while the servers boot")
    took = stage.wait("both servers are in DNS", lambda: stage.answer() == addresses)
    stage.ask()
    stage.come_true(f"{took:.0f} s after the launch, both are healthy and both are answered")


def a_stopped_server_leaves(stage: Stage) -> None:
    """Show that a stopped server is taken out of DNS."""
    stage.step("2. One is stopped")
    stage.say("Alice is stopped. EC2 releases her address and may assign it to another customer's instance.")
    alice, bob = (stage.lab.fleet.address(stage.names[name]) for name in ("alice", "bob"))
    stage.lab.client("ec2").stop_instances(InstanceIds=[stage.names["alice"]])
    took = stage.wait(
        "only bob is in DNS, and alice's record and health check are gone",
        lambda: stage.answer() == stage.recorded() == {bob} and not stage.lab.checks_of(alice),
    )
    stage.ask()
    stage.come_true(f"{took:.0f} s later her record and her health check are gone")


def a_started_server_comes_back(stage: Stage) -> None:
    """Show that a started server, which has a new address, enters DNS again only when it is healthy."""
    stage.step("3. She is started again")
    stage.lab.client("ec2").start_instances(InstanceIds=[stage.names["alice"]])
    addresses = {stage.lab.fleet.address(each) for each in stage.names.values()}
    stage.say(f"Alice has a new address, {stage.lab.fleet.address(stage.names['alice'])}, and boots again.")
    took = stage.wait("both servers are in DNS", lambda: stage.answer() == addresses)
    stage.ask()
    stage.come_true(f"{took:.0f} s later she is answered under her new address, and not before she was healthy")


def a_broken_server_is_not_answered(stage: Stage) -> None:
    """Show that DNS leaves out a server that breaks, although no event reports it."""
    stage.step("4. One breaks, and no event reports it")
    stage.say("Bob's web server now answers HTTP 503. EC2 sees him running, and sends no event.")
    alice, bob = (stage.lab.fleet.address(stage.names[name]) for name in ("alice", "bob"))
    stage.lab.servers.break_(stage.names["bob"])
    stage.wait("bob is not answered", lambda: stage.answer() == {alice})
    stage.ask()
    recorded = stage.recorded()
    expect("bob's record stays", true=bob in recorded, seen=recorded)
    stage.come_true("Route 53 answers without bob, though his record stays: the health check decides")
    stage.lab.servers.repair(stage.names["bob"])
    took = stage.wait("bob is answered again", lambda: stage.answer() == {alice, bob})
    stage.come_true(f"repaired, he is answered again after {took:.0f} s, with nothing to register")


def the_audit_repairs(stage: Stage) -> None:
    """Show that the audit finds a record that was deleted by hand, and restores it."""
    stage.step("5. A record is deleted by hand")
    stage.say("It is the record of alice, who is still healthy.")
    lab = stage.lab
    alice, bob = (lab.fleet.address(stage.names[name]) for name in ("alice", "bob"))
    (record,) = [each for each in lab.route53.records(RECORD, "A") if each["ResourceRecords"][0]["Value"] == alice]
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=lab.zone_id,
        ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]},
    )
    expect("alice is gone", true=stage.ask() == {bob}, seen=set(stage.answer()))
    stage.say('No event reports it. The audit runs on a schedule; now it is invoked by hand: {"repair": true}')
    name = lab.deployment.functions["AuditFunction"].name
    report = _invoke_audit(lab, name, b'{"repair": true}')
    findings = [each for each in report["findings"] if each["kind"] == "missing-record"]
    named = {instance_id: name for name, instance_id in stage.names.items()}
    for each in findings:
        stage.find(f"{each['kind']} of {named[each['instance_id']]}, because {each['because']}")
    expect("the audit finds the missing record", true=len(findings) == 1, seen=report["findings"])
    stage.wait("the record is back", lambda: stage.answer() == {alice, bob})
    stage.ask()
    stage.come_true("the audit found it, and the code that creates every record created it again")
    report = _invoke_audit(lab, name, b"{}")
    expect("the next audit finds nothing", true=report["in_sync"], seen=report["findings"])
    stage.come_true("a second audit finds nothing to do")


def a_group_is_refreshed(stage: Stage) -> None:
    """Show that an instance refresh of a whole Auto Scaling group breaks no client connection."""
    stage.step("6. A group is replaced under load")
    stage.say(
        f"An Auto Scaling group of {GROUP_SIZE} joins the pool. Its lifecycle hooks, fleet53-launch and "
        "fleet53-terminate, are completed by fleet53: an instance goes into service when Route 53 sees it healthy, "
        "and it is terminated when no resolver can still have its address in its cache."
    )
    lab, live = stage.lab, stage.live
    lab.fleet.create_group(GROUP, GROUP_SIZE, hooks=[launch_hook(), terminate_hook()])
    stage.wait(
        "the group is in DNS",
        lambda: len(_in_service(lab) & stage.answer()) == GROUP_SIZE,
        state=lambda: _progress(stage),
        timeout=GROUP_TIMEOUT,
    )
    old = _in_service(lab)
    stage.say(
        f"Now {CLIENTS} clients connect, again and again. They ask the DNS server, keep an answer for its TTL, and "
        "connect to one of its addresses. Meanwhile an instance refresh replaces the group, two at a time."
    )
    server = live.name_server
    clients = lab.visitors(CLIENTS, ask=asking_server(server.host, server.port, RECORD))
    lab.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName=GROUP, Preferences={"MinHealthyPercentage": 50, "InstanceWarmup": 0}
    )
    took = stage.wait(
        "every instance of the group is a new one, and in DNS",
        lambda: _refreshed(lab) and len((_in_service(lab) - old) & stage.answer()) == GROUP_SIZE,
        state=lambda: _progress(stage),
        timeout=GROUP_TIMEOUT,
    )
    stage.ask()
    expect("no client ever got an address that did not answer", true=not clients.failures, seen=clients.failures[:3])
    expect("clients were always told an address", true=not clients.unanswered, seen=clients.unanswered)
    stage.come_true(
        f"{took:.0f} s, {clients.questions} DNS queries and {clients.connections} connections later the group is new, "
        "and no client ever got an address that did not answer"
    )


def _in_service(lab: Lab) -> set[str]:
    """Return the addresses of the group's instances that are in service."""
    running = lab.fleet.running_addresses()
    states = lab.fleet.members(GROUP)
    return {address for each, address in running.items() if states.get(each) == "InService"}


def _refreshed(lab: Lab) -> bool:
    described = lab.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=GROUP)
    return bool(described["InstanceRefreshes"][0]["Status"] == "Successful")


def _progress(stage: Stage) -> tuple[str, ...]:
    """Return a line that counts the group's instances by lifecycle state."""
    states = stage.lab.fleet.members(GROUP).values()
    launching = sum(state.startswith("Pending") for state in states)
    terminating = sum(state.startswith("Terminat") for state in states)
    serving = sum(state == "InService" for state in states)
    answered = len(_in_service(stage.lab) & stage.answer())
    return (f"{serving} in service, {answered} of them answered; {launching} launching, {terminating} terminating",)


def _invoke_audit(lab: Lab, name: str, payload: bytes) -> dict[str, Any]:
    answer = lab.client("lambda").invoke(FunctionName=name, Payload=payload)
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise NotTrueError(f"the audit failed: {body}")
    return dict(body)


STORY: Final = (
    two_servers_appear,
    a_stopped_server_leaves,
    a_started_server_comes_back,
    a_broken_server_is_not_answered,
    the_audit_repairs,
    a_group_is_refreshed,
)

PROLOGUE: Final = """\
fleet53 keeps a DNS name pointing at exactly the servers that can serve it.

Route 53 holds one record for each server, all under one name, here {name}, and each record names a health
check. DNS answers with up to eight records whose health check is healthy: a multivalue answer. fleet53 creates
and deletes these records and health checks as EC2 instances start and stop. You register nothing by hand.

The template, the functions, the DNS queries, and the health checks that connect to small servers are real. AWS
is simulated on this machine, {speed}: the seconds below are simulated ones."""


def main() -> int:
    """Run every step; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__)
    parser.add_argument("--speed", type=speed, default=SPEED, help="how fast the lab's time passes")
    pace = parser.parse_args().speed
    console = Console(file=sys.stdout, width=min(WIDTH, shutil.get_terminal_size().columns), highlight=False)
    paragraphs = PROLOGUE.format(name=RECORD, speed=describe_speed(pace)).split("\n\n")
    console.print(Text("\n\n".join(textwrap.fill(each, console.width - 2) for each in paragraphs)))
    began = time.monotonic()
    try:
        # The scheduled audit runs once a day here; otherwise it could repair the damage of step 5 first.
        with Lab({"AuditSchedule": "rate(1 day)"}, servers=True, http=True) as lab, Live(lab, pace) as live:
            stage = Stage(lab, live, console)
            for step in STORY:
                step(stage)
    except NotTrueError as error:
        console.print(Text(f"\n✗ This did not come true.\n{error}", style="bold red"))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    console.print()
    console.print(Text(f"Every step came true, in {time.monotonic() - began:.0f} seconds.", style="bold green"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
