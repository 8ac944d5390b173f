"""Every `make deploy` of README, guide and runbook is played in the lab, as an update of its stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from samcli.cli.types import CfnParameterOverridesType

from lab.world import Lab
from tests.e2e import aws_cli
from tests.e2e.commands import ROOT
from tests.e2e.markdown import Page
from tests.functional.conftest import MONDAY_NOON
from tests.functional.incidents import wait_in_lab_time
from tests.functional.queries import asking
from tests.functional.views import admitted, in_dns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = "app.example.com", "www.example.com"
GUIDE: Final = Page.read(ROOT / "docs/guide.md")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab whose stack allows no other name than its first pool's."""
    with Lab({"AllowedRecordNames": ""}, start=MONDAY_NOON) as lab:
        wait_in_lab_time(lab, monkeypatch)
        yield lab


def deploy(lab: Lab, words: list[str]) -> str:
    """Update the stack by a `make deploy`. Parameters that it does not give keep their values, as with SAM."""
    given = tuple(each.removeprefix("PARAMETERS=") for each in words[2:] if each != "STACK=$STACK")
    parameters: dict[str, Any] = CfnParameterOverridesType().convert(given, None, None) if given else {}
    return lab.update_stack(parameters, pause=1)


def test_the_commands_that_change_things_work_in_the_order_of_the_page(lab: Lab, tmp_path: Path) -> None:
    (web,) = admitted(lab, 1)
    queries = asking(lab, OLD, [web], also=[NEW])
    lab.run(25)
    ran = []
    for words in GUIDE.section("Change things").commands():
        ran.append(words[0])
        match words[0]:
            case "make":
                assert deploy(lab, words) == "UPDATE_COMPLETE"
                lab.run(130)  # about a minute after the members are admitted
            case "aws":
                replaced = [word.replace("i-0123456789abcdef0", web) for word in words[1:]]
                aws_cli.run(replaced, lambda service, _region: lab.client(service), tmp_path)
                lab.fleet.emit_changes()
                lab.run(5)
            case _:
                assert words == ["dig", "+short", NEW]
                assert lab.answers(NEW) == {lab.fleet.address(web)}
    assert ran == ["make", "dig", "aws", "make"]
    assert lab.stack.parameters["PoolTagKey"] == "dns/pool"

    assert lab.update_stack({"AllowedRecordNames": ""}) == "UPDATE_COMPLETE"
    lab.fleet.retag(web, [])
    lab.run(30)
    assert (in_dns(lab, OLD), in_dns(lab, NEW), queries.wrong) == (set(), {web}, [])


def test_every_other_deployment_shown_is_an_update_that_the_stack_takes(lab: Lab) -> None:
    admitted(lab, 1)
    stand_ins = {"Z0123456789ABC": lab.zone_id, "Z0123456789DEF": lab.create_zone("example.net")}
    stand_ins["$ZONE"] = stand_ins["Z0123456789DEF"]
    readme, runbook = Page.read(ROOT / "README.md"), Page.read(ROOT / "docs/runbook.md")
    shown = [*readme.section("Deploy it").commands(), *runbook.commands()]
    deployments = [words for words in shown if words[:2] == ["make", "deploy"]]
    assert len(deployments) > 10
    for words in deployments:
        for named, there in stand_ins.items():
            words[2:] = [word.replace(named, there) for word in words[2:]]
        assert (words, deploy(lab, words)) == (words, "UPDATE_COMPLETE")
