"""`make demo`: what fleet53 does, as a story that checks itself; exit code 0 only if every step came true."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.live import Live as Spinning
from rich.rule import Rule
from rich.spinner import Spinner
from rich.text import Text

from lab import dig
from lab.live import Live
from lab.scaling.hooks import launch_hook, terminate_hook
from lab.traffic.visitors import asking_server
from lab.world import RECORD, Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SPEED: Final = 15
WIDTH: Final = 80
INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C ended."""
TIMEOUT: Final = 40.0
"""Real seconds that a step may take to come true."""
GROUP: Final = "web-fleet"
GROUP_SIZE: Final = 4
GROUP_TIMEOUT: Final = 90.0
CLIENTS: Final = 20


class NotTrueError(Exception):
    """A step of the story did not come true; the message says what was expected and what was seen."""


@dataclass(slots=True)
class Stage:
    """Where the story is told: the lab, its DNS server, and the console."""

    lab: Lab
    live: Live
    console: Console
    names: dict[str, str] = field(default_factory=dict)

    # -- telling

    def step(self, title: str) -> None:
        """Open a step of the story."""
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left", style="dim"))

    def say(self, text: str) -> None:
        """Tell what happens."""
        self.console.print(Text(textwrap.fill(text, WIDTH - 2)), soft_wrap=True)

    def come_true(self, text: str) -> None:
        """Say that what was promised has been seen."""
        told = textwrap.fill(text, WIDTH - 2, initial_indent="  ✓ ", subsequent_indent="    ")
        self.console.print(Text(told, style="green"), soft_wrap=True)

    def find(self, text: str) -> None:
        """Show a finding of the audit."""
        told = textwrap.fill(text, WIDTH - 2, initial_indent="  ! ", subsequent_indent="    ")
        self.console.print(Text(told, style="yellow"), soft_wrap=True)

    def ask(self) -> frozenset[str]:
        """Ask the name server, show question and answer, and return the addresses."""
        server = self.live.name_server
        question = f"  $ {dig.command(server.host, server.port, RECORD)}"
        self.console.print(Text(question, style="bold cyan"), soft_wrap=True)
        for line in dig.shown(server.host, server.port, RECORD):
            self.console.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
        return self.answer()

    # -- seeing

    def answer(self) -> frozenset[str]:
        """Return the addresses that the name server answers now."""
        return dig.ask(self.live.name_server.host, self.live.name_server.port, RECORD).addresses

    def recorded(self) -> set[str]:
        """Return the addresses that Route 53 holds a record of, healthy or not."""
        records = self.lab.route53.records(RECORD, "A")
        return {value["Value"] for each in records for value in each["ResourceRecords"]}

    def state(self) -> tuple[str, ...]:
        """Return a line for each instance: what EC2, its health check, Route 53 and DNS say of it."""
        answered, recorded = self.answer(), self.recorded()
        lines = []
        for name, instance_id in self.names.items():
            described = self.lab.fleet.describe(instance_id)
            state, address = described["State"]["Name"], described.get("PublicIpAddress", "no address")
            record = "record" if address in recorded else "no record"
            dns = "answered" if address in answered else "not answered"
            lines.append(f"{name:6}{state:8}{address:12}{self._health(address):15}{record:10}{dns}")
        return tuple(lines)

    def wait(
        self,
        expected: str,
        true: Callable[[], bool],
        *,
        state: Callable[[], tuple[str, ...]] | None = None,
        timeout: float = TIMEOUT,
    ) -> float:
        """Wait until something is true, telling every change of `state`; return how many of the lab's seconds it took.

        `timeout` is in real seconds.
        """
        began, give_up = self.lab.clock.now(), time.monotonic() + timeout
        told: tuple[str, ...] = ()
        spinner = Spinner("dots", Text(f"waiting: {expected}", style="dim"))
        # While a handler runs, sys.stdout is its own: the spinner must not take it, too.
        with Spinning(spinner, console=self.console, transient=True, redirect_stdout=False, redirect_stderr=False):
            while True:
                self.live.check()
                self._refuse_early(self.answer())
                passed = (self.lab.clock.now() - began).total_seconds()
                done = true()
                seen = (state or self.state)()
                for line in seen:
                    if line not in told:
                        self.console.print(Text(f"  {passed:4.0f} s  {line}", style="dim"), soft_wrap=True)
                told = seen
                if done:
                    return passed
                if time.monotonic() > give_up:
                    raise NotTrueError(f"expected: {expected}\nseen: {'; '.join(seen)}{self._failures()}")
                time.sleep(0.1)

    def _health(self, address: str) -> str:
        percents = [self.lab.route53.percent_healthy(check) for check in self.lab.checks_of(address)]
        if not percents:
            return "no check"
        return "check: no data" if percents[0] is None else f"check: {percents[0]:.0f} %"

    def _refuse_early(self, answered: Iterable[str]) -> None:
        """Refuse an answer that names somebody whom no checker has seen healthy."""
        for address in answered:
            percents = [self.lab.route53.percent_healthy(check) for check in self.lab.checks_of(address)]
            if percents and all(percent is None for percent in percents):
                raise NotTrueError(f"{address} was answered before any checker had seen it healthy")

    def _failures(self) -> str:
        errors = [f"{each.function}: {each.error!r}" for each in self.lab.invocations if each.error is not None]
        logged = [line for each in self.lab.invocations for line in each.logs if "because" in line]
        last = [f"{line['message']}: {line['because']}" for line in logged[-3:]]
        return "".join(f"\n{line}" for line in (*errors[-1:], *last))


def _expect(claim: str, *, true: bool, seen: object) -> None:
    if not true:
        raise NotTrueError(f"expected: {claim}\nseen: {seen}")


def two_servers_appear(stage: Stage) -> None:
    """Show that servers are in DNS only once they are healthy."""
    stage.step("1. Two servers come up")
    stage.say("Two EC2 instances are launched, tagged fleet53:pool=web. They run, but boot for a while.")
    lab = stage.lab
    stage.names |= {"alice": lab.fleet.launch(), "bob": lab.fleet.launch()}
    addresses = {lab.fleet.address(each) for each in stage.names.values()}
    early = stage.ask()
    _expect("no answer while they boot", true=not early, seen=set(early))
    stage.come_true("nobody is answered while the servers boot")
    took = stage.wait("both servers are in DNS", lambda: stage.answer() == addresses)
    stage.ask()
    stage.come_true(f"{took:.0f} s after the launch, both are healthy and both are answered")


def a_stopped_server_leaves(stage: Stage) -> None:
    """Show that a stopped server is taken out of DNS."""
    stage.step("2. One is stopped")
    stage.say("Alice is stopped. EC2 takes her address back and may give it to a stranger.")
    alice, bob = (stage.lab.fleet.address(stage.names[name]) for name in ("alice", "bob"))
    stage.lab.client("ec2").stop_instances(InstanceIds=[stage.names["alice"]])
    took = stage.wait(
        "only bob is in DNS, and alice's record and check are gone",
        lambda: stage.answer() == stage.recorded() == {bob} and not stage.lab.checks_of(alice),
    )
    stage.ask()
    stage.come_true(f"{took:.0f} s later her record and her health check are gone")


def a_started_server_comes_back(stage: Stage) -> None:
    """Show that a started server, which has a new address, comes back through the same gate."""
    stage.step("3. She is started again")
    stage.lab.client("ec2").start_instances(InstanceIds=[stage.names["alice"]])
    addresses = {stage.lab.fleet.address(each) for each in stage.names.values()}
    stage.say(f"Alice has a new address, {stage.lab.fleet.address(stage.names['alice'])}, and boots again.")
    took = stage.wait("both servers are in DNS", lambda: stage.answer() == addresses)
    stage.ask()
    stage.come_true(f"{took:.0f} s later she is answered under her new address, and not before she was healthy")


def a_broken_server_is_not_answered(stage: Stage) -> None:
    """Show that a server that breaks is left out of answers, though no event tells of it."""
    stage.step("4. One breaks, and nobody is told")
    stage.say("Bob's web server now answers HTTP 503. EC2 sees him running, and sends no event.")
    alice, bob = (stage.lab.fleet.address(stage.names[name]) for name in ("alice", "bob"))
    stage.lab.servers.break_(stage.names["bob"])
    stage.wait("bob is not answered", lambda: stage.answer() == {alice})
    stage.ask()
    recorded = stage.recorded()
    _expect("bob's record stays", true=bob in recorded, seen=recorded)
    stage.come_true("Route 53 answers without bob, though his record stays: the health check decides")
    stage.lab.servers.mend(stage.names["bob"])
    took = stage.wait("bob is answered again", lambda: stage.answer() == {alice, bob})
    stage.come_true(f"mended, he is answered again after {took:.0f} s, with nothing to register")


def the_audit_repairs(stage: Stage) -> None:
    """Show that a record that somebody deletes is found by the audit and put back."""
    stage.step("5. Somebody deletes a record by hand")
    stage.say("It was alice's, who is as healthy as before.")
    lab = stage.lab
    alice, bob = (lab.fleet.address(stage.names[name]) for name in ("alice", "bob"))
    (record,) = [each for each in lab.route53.records(RECORD, "A") if each["ResourceRecords"][0]["Value"] == alice]
    lab.client("route53").change_resource_record_sets(
        HostedZoneId=lab.zone_id,
        ChangeBatch={"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]},
    )
    _expect("alice is gone", true=stage.ask() == {bob}, seen=set(stage.answer()))
    stage.say('No event tells of it. The audit comes on a schedule; now it is asked by hand: {"repair": true}')
    name = lab.deployment.functions["AuditFunction"].name
    report = _invoke_audit(lab, name, b'{"repair": true}')
    findings = [each for each in report["findings"] if each["kind"] == "missing-record"]
    named = {instance_id: name for name, instance_id in stage.names.items()}
    for each in findings:
        stage.find(f"{each['kind']} of {named[each['instance_id']]}, because {each['because']}")
    _expect("the audit finds the missing record", true=len(findings) == 1, seen=report["findings"])
    stage.wait("the record is back", lambda: stage.answer() == {alice, bob})
    stage.ask()
    stage.come_true("the audit found it, and the same code that makes records put it back")
    report = _invoke_audit(lab, name, b"{}")
    _expect("the next audit finds nothing", true=report["in_sync"], seen=report["findings"])
    stage.come_true("a second audit finds nothing to do")


def a_group_is_refreshed(stage: Stage) -> None:
    """Show that clients never notice how a whole Auto Scaling group is replaced."""
    stage.step("6. A group is replaced under load")
    stage.say(
        f"An Auto Scaling group of {GROUP_SIZE} joins the pool. Its lifecycle hooks, fleet53-launch and "
        "fleet53-terminate, are fleet53's to complete: an instance goes into service when Route 53 sees it healthy, "
        "and it is terminated when no resolver can hold its address any more."
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
        "take one of its addresses. Meanwhile an instance refresh replaces the group, two at a time."
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
    _expect("no client ever got an address that did not answer", true=not clients.failures, seen=clients.failures[:3])
    _expect("clients were always told an address", true=not clients.unanswered, seen=clients.unanswered)
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
    """Return a line that counts the group's instances by what becomes of them."""
    states = stage.lab.fleet.members(GROUP).values()
    coming = sum(state.startswith("Pending") for state in states)
    going = sum(state.startswith("Terminat") for state in states)
    serving = sum(state == "InService" for state in states)
    answered = len(_in_service(stage.lab) & stage.answer())
    return (f"{serving} in service, {answered} of them answered; {coming} coming, {going} going",)


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
fleet53 keeps a DNS name pointing at the servers that can serve it, and at no others.

Route 53 holds one record for each server, all under one name, here {name}, and each record names a health
check. DNS answers with those whose check is healthy, up to eight at a time: a multivalue answer. fleet53 makes
and removes these records and checks as EC2 instances come and go. Nobody registers anything by hand.

The template, the functions, the DNS queries, and the health checks that connect to small servers are real. AWS
is played on this machine, and its time passes {speed:g} times as fast as yours: the seconds below are its own."""


def main() -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__)
    parser.add_argument("--speed", type=float, default=SPEED, help="how fast the lab's time passes")
    speed = parser.parse_args().speed
    console = Console(file=sys.stdout, width=WIDTH, highlight=False)
    paragraphs = PROLOGUE.format(name=RECORD, speed=speed).split("\n\n")
    console.print(Text("\n\n".join(textwrap.fill(each, WIDTH - 2) for each in paragraphs)))
    began = time.monotonic()
    try:
        # The scheduled audit would be first to repair what step 5 breaks, so it is seldom here.
        with Lab({"AuditSchedule": "rate(1 day)"}, servers=True, http=True) as lab, Live(lab, speed) as live:
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
