"""The story of `make live`, told in the lab: nothing differs, and nothing is left in any case."""

from __future__ import annotations

import contextlib
import random
import sys
from typing import TYPE_CHECKING, Any, Self

import boto3
import pytest

from lab.moto import cloud
from lab.route53.dns import NameServer
from lab.traffic.serving import Serving
from lab.world import ZONE, Lab
from tests.e2e.commands import faults
from tests.functional.conftest import MONDAY_NOON
from tests.functional.views import checks
from tests.live import __main__ as program
from tests.live.account import Account
from tests.live.observer import Observer
from tests.live.report import Outcome, table
from tests.live.resources import Resources
from tests.live.story import IDS, Story
from tests.live.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

STACK = "fleet53-live"
SERVED = 80
"""The port of the web server that the story's instances run."""
FIRST_RESULTS = 60
"""Seconds after which the checkers of a health check have results: three in a row, one every 30 seconds."""


class LabPlace:
    """The lab in the place of an account; it deploys as CloudFormation does, without SAM.

    `first_status` is the percentage of the checkers that say Success before they have results, None for no status.
    """

    stack = STACK
    region = cloud.REGION
    zone_name = ZONE
    image = cloud.IMAGE

    def __init__(self) -> None:
        self.lab = Lab(start=MONDAY_NOON, stack_name=STACK)
        self.first_status: float | None = None
        self._seen: dict[str, float] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.lab)
        self.zone_id = self.lab.zone_id
        server = self._stack.enter_context(NameServer(self.lab.route53, random.Random(53)))
        self.name_server = (server.host, server.port)
        self.lab.delete_stack()  # the lab begins with one; the story creates its own
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def client(self, service: str, region: str | None = None) -> Any:
        return self.lab.client(service, region or self.region)

    def deploy(self, parameters: Mapping[str, str]) -> None:
        self.lab.stack.parameters = dict(parameters)
        self.lab.create_stack()

    def delete(self) -> None:
        self.lab.delete_stack()

    def now(self) -> float:
        return self.lab.clock.now().timestamp()

    def pause(self, seconds: float) -> None:
        self.lab.fleet.emit_changes()
        self.lab.pools.emit_changes()
        self._check()
        self.lab.run(seconds, step=seconds)

    def _check(self) -> None:
        """Make every region's checker see whether a server answers at the port of each health check."""
        for check_id, check in checks(self.lab).items():
            config = check["HealthCheckConfig"]
            serves = config["Port"] == SERVED and self.lab.serving.refusal(str(config["IPAddress"])) is None
            percent: float | None = 100 if serves else 0
            if self.now() - self._seen.setdefault(check_id, self.now()) < FIRST_RESULTS:
                percent = self.first_status
            if percent is not None:
                self.lab.health.see(check_id, percent)
        self.lab.health.publish()


@pytest.fixture
def place() -> Iterator[LabPlace]:
    with LabPlace() as place:
        yield place


def left(place: LabPlace) -> list[object]:
    """Return what there still is of what the story makes."""
    ec2, route53 = place.client("ec2"), place.client("route53")
    records = route53.list_resource_record_sets(HostedZoneId=place.zone_id)["ResourceRecordSets"]
    reservations = ec2.describe_instances()["Reservations"]
    states = [each["State"]["Name"] for found in reservations for each in found["Instances"]]
    return [
        *(each for each in records if each["Type"] not in {"NS", "SOA"}),
        *route53.list_health_checks()["HealthChecks"],
        *place.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"],
        *place.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"],
        *(each for each in states if each != "terminated"),
        *ec2.describe_launch_templates()["LaunchTemplates"],
        *(each for each in ec2.describe_security_groups()["SecurityGroups"] if each["GroupName"] == STACK),
        *place.client("ssm").get_parameters_by_path(Path=f"/fleet53/{STACK}", Recursive=True)["Parameters"],
    ]


def run(place: LabPlace, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run what `make live` runs, with the lab in the place of the account, and return its exit code."""
    passed = Outcome("contract", "the contract suite passes", "it is a suite of its own here", differs=False)
    monkeypatch.setattr(program, "Account", lambda *_: place)
    monkeypatch.setattr(program, "contract", lambda _: passed)
    monkeypatch.setattr(sys, "argv", ["live", "--zone-id", place.zone_id, *arguments])
    return program.main()


def test_nothing_differs_in_the_lab_and_nothing_is_left(
    place: LabPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(place, monkeypatch, "--yes")
    printed = capsys.readouterr().out
    rows = [line.split("|") for line in printed.splitlines() if line.startswith("| ")][2:]
    assert [row for row in rows if row[4].strip() != "no"] == []
    assert tuple(dict.fromkeys(row[1].strip() for row in rows)) == ("contract", *IDS)
    assert code == 0
    assert left(place) == []


def test_it_first_says_what_it_will_do_and_what_that_costs_and_asks(
    place: LabPlace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = left(place)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert run(place, monkeypatch) == 2
    said = capsys.readouterr().out
    assert said.startswith("On account 123456789012 in eu-west-1 this will, for about 40 minutes:\n")
    assert "less than one US dollar" in said
    assert left(place) == before


def test_a_member_that_never_becomes_healthy_differs_and_nothing_is_left(
    place: LabPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Serving, "refusal", lambda *_: "a firewall drops the checkers' packets")
    differing = {(each.step, each.expected) for each in Story(place).tell() if each.differs}
    assert ("admit", "a healthy member gets a record within 600 s") in differing
    assert {step for step, _ in differing} >= {"admit", "launch-hook"}
    assert not {step for step, _ in differing} & {"deploy", "launch", "tag", "remove"}
    assert left(place) == []


NEVER_IN_CLOUDWATCH = "no datapoint of HealthCheckPercentageHealthy was above 18 %"
NEVER_IN_ROUTE53 = "at no time did more than 18 % of the checkers have a status that begins with Success"


def new_check(outcomes: list[Outcome]) -> dict[str, tuple[str, bool]]:
    """Return what the last expectations of a new health check saw, and whether it differed."""
    return {each.expected: (each.seen, each.differs) for each in outcomes if each.step == "new-check-health"}


def test_a_new_health_check_without_data_and_then_unhealthy_is_as_expected(place: LabPlace) -> None:
    found = new_check(Story(place).tell())
    percents, differs = found[NEVER_IN_CLOUDWATCH]
    assert not differs
    assert {each.split()[1] for each in percents.split(", ")} == {"0"}
    assert found[NEVER_IN_ROUTE53] == ("0 % at most; at last 8 said Failure: Connection timed out.", False)


def test_a_new_health_check_whose_first_datapoints_say_unhealthy_is_as_expected(place: LabPlace) -> None:
    place.lab.health.before_results = 0
    assert [each for each in Story(place).tell() if each.differs] == []


def test_a_datapoint_that_says_that_a_new_health_check_is_healthy_differs(place: LabPlace) -> None:
    place.lab.health.before_results = 100
    outcomes = Story(place).tell()
    assert [(each.step, each.expected) for each in outcomes if each.differs] == [
        ("admit", "more than 18 % of the checkers have a status that begins with Success"),
        ("launch-hook", "Route 53 sees it healthy by then"),
        ("new-check-health", NEVER_IN_CLOUDWATCH),
    ]
    found = new_check(outcomes)
    first, *_, last = (each.split()[1] for each in found[NEVER_IN_CLOUDWATCH][0].split(", "))
    assert (first, last) == ("100", "0")
    assert found[NEVER_IN_ROUTE53] == ("0 % at most; at last 8 said Failure: Connection timed out.", False)
    assert left(place) == []


def test_checkers_that_say_success_of_a_new_health_check_before_they_have_results_differ(place: LabPlace) -> None:
    place.first_status = 25
    found = new_check(Story(place).tell())
    assert found[NEVER_IN_ROUTE53] == ("25 % at most; at last 8 said Failure: Connection timed out.", True)
    assert found[NEVER_IN_CLOUDWATCH][1]
    assert left(place) == []


def test_a_new_health_check_of_which_nothing_is_said_in_its_time_differs(
    place: LabPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "look", lambda _: None)
    differing = [(each.step, each.expected) for each in Story(place).tell() if each.differs]
    assert differing == [
        (
            "new-check-health",
            "CloudWatch and the checkers have results of a health check that is 300 s old within 360 s",
        ),
        ("new-check-health", "the step goes on to its end"),
    ]


def test_a_datapoint_that_says_healthy_for_a_moment_only_differs_too(place: LabPlace) -> None:
    health = place.lab.health
    check_id = Resources(place).create_check("192.0.3.1", 8053)
    watch = Watch(place, Observer(place), check_id)
    health.see(check_id, 100)
    health.publish()
    watch.look()
    health.see(check_id, 0)
    for _ in range(9):
        health.publish()
    assert Observer(place).percents_healthy(check_id) == {MONDAY_NOON: 10}
    watch.look()
    assert (watch.healthy_by_cloudwatch, watch.by_cloudwatch) == (True, "12:00 100 %")


def test_an_error_while_a_new_health_check_is_watched_leaves_nothing(
    place: LabPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("Ctrl-C")

    monkeypatch.setattr(Watch, "look", breaks)
    story = Story(place)
    with pytest.raises(RuntimeError, match="Ctrl-C"):
        story.tell()
    assert story.outcomes[-1] == Outcome("remove", "everything else is deleted", "all of it", differs=False)
    assert left(place) == []


def test_an_error_in_the_middle_of_a_step_leaves_nothing(place: LabPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("Ctrl-C")

    monkeypatch.setattr(Story, "_answered", breaks)
    story = Story(place)
    with pytest.raises(RuntimeError, match="Ctrl-C"):
        story.tell()
    assert story.outcomes[-1] == Outcome("remove", "everything else is deleted", "all of it", differs=False)
    assert left(place) == []


def test_what_the_stack_leaves_is_reported_and_removed(place: LabPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabPlace, "delete", lambda self: self.lab.delete_stack(retain=["StackLifecycle"]))
    differing = [(each.step, each.expected) for each in Story(place).tell() if each.differs]
    assert differing == [("remove", "the deleted stack leaves no record")]
    assert left(place) == []


def test_an_account_deploys_and_deletes_with_commands_of_sam(place: LabPlace) -> None:
    ran: list[list[str]] = []
    account = Account(
        boto3.Session(region_name="eu-west-1"),
        place.zone_id,
        STACK,
        run=lambda words: ran.append(list(map(str, words))),
    )
    account.deploy({"HostedZoneId": place.zone_id, "AuditMode": "report"})
    account.delete()
    (program, *deploy), (_, *delete) = ran
    assert program.endswith("/sam")
    assert faults([["sam", *deploy], ["sam", *delete]]) == []
    assert (account.zone_name, account.region) == ("example.com", "eu-west-1")
    assert deploy[-2:] == [f"HostedZoneId={place.zone_id}", "AuditMode=report"]


def test_the_report_is_a_table_that_counts_what_differs() -> None:
    outcomes = [
        Outcome("deploy", "the stack is CREATE_COMPLETE", "CREATE_COMPLETE", differs=False),
        Outcome("admit", "a healthy member gets a record within 600 s", "not | in this time", differs=True),
    ]
    assert table(outcomes).splitlines() == [
        "| step   | expected                                    | AWS                 | differs |",
        "| ------ | ------------------------------------------- | ------------------- | ------- |",
        "| deploy | the stack is CREATE_COMPLETE                | CREATE_COMPLETE     | no      |",
        "| admit  | a healthy member gets a record within 600 s | not \\| in this time | YES     |",
        "",
        "1 of 2 expectations differ.",
    ]
