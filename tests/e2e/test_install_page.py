"""docs/install.md and the workflows call what exists, and what a release contains is what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.e2e.commands import ROOT, TEMPLATE, faults, make_targets
from tests.e2e.markdown import Page
from tools import package

PAGE: Final = Page.read(ROOT / "docs/install.md")
WORKFLOWS: Final = sorted((ROOT / ".github/workflows").glob("*.yml"))
PROGRAMS: Final = {"aws", "gh", "grep", "if", "make"}
"""What a workflow's commands begin with, other than scripts of this repository; a runner has them."""


def workflow(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))
    return found


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def commands(name: str) -> list[list[str]]:
    return [shlex.split(line) for step in steps(name) for line in step.get("run", "").splitlines()]


def quick_create() -> tuple[str, dict[str, list[str]]]:
    """Return the template's URL of the quick-create link, and the link's other parameters."""
    (link,) = PAGE.blocks("text")
    query = parse_qs(urlsplit(link.strip()).fragment.partition("?")[2])
    (url,) = query.pop("templateURL")
    return url, query


def test_every_command_shown_exists_with_its_options() -> None:
    assert {"make", "aws", "sam", "terraform", "unzip"} == {words[0] for words in PAGE.commands()}
    assert faults(PAGE.commands()) == []


def test_a_template_that_is_larger_than_a_request_goes_through_a_bucket() -> None:
    # 51,200 bytes (CloudFormation User Guide, quotas).
    assert (ROOT / "template.yaml").stat().st_size > 51_200
    deploys = (words for words in PAGE.commands() if words[:3] == ["aws", "cloudformation", "deploy"])
    (deploy,) = (words for words in deploys if "fleet53.yaml" in words)
    assert "--s3-bucket" in deploy


def test_the_quick_create_link_gives_every_parameter_that_has_no_default() -> None:
    _, query = quick_create()
    given = {name.removeprefix("param_") for name in query if name.startswith("param_")}
    assert given == {name for name, each in TEMPLATE["Parameters"].items() if "Default" not in each}
    assert query["stackName"] == ["fleet53"]


def test_the_quick_create_link_names_the_file_that_the_release_uploads() -> None:
    url, _ = quick_create()
    assert urlsplit(url).path == "/fleet53/VERSION/fleet53.yaml"
    (upload,) = (words for words in commands("release.yml") if words[:3] == ["aws", "s3", "cp"])
    assert upload[3:] == [".aws-sam/fleet53.yaml", "s3://$BUCKET/fleet53/${GITHUB_REF_NAME#v}/fleet53.yaml"]


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_a_workflow_calls_targets_and_scripts_that_exist(name: str) -> None:
    called = commands(name)
    assert called
    assert faults(called) == []
    assert [words[0] for words in called if words[0] not in PROGRAMS and not (ROOT / words[0]).exists()] == []


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_a_workflow_has_no_permission_that_a_job_does_not_ask_for(name: str) -> None:
    assert workflow(name)["permissions"] == {}
    assert all("permissions" in job for job in workflow(name)["jobs"].values())


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_an_action_is_pinned_by_its_commit_or_the_line_above_says_why_not(name: str) -> None:
    lines = (ROOT / ".github/workflows" / name).read_text(encoding="utf-8").splitlines()
    used = [number for number, line in enumerate(lines) if "uses:" in line]
    assert used
    for number in used:
        pinned = re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", lines[number])
        assert pinned or lines[number - 1].lstrip().startswith("# By tag"), lines[number]


def test_every_push_and_pull_request_runs_the_gate_and_every_version_tag_makes_a_release() -> None:
    assert commands("ci.yml") == [[".ci/run"]]
    assert workflow("release.yml")[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}  # YAML reads on as true
    assert "package" in make_targets()


def test_a_release_has_only_the_assets_that_the_package_makes() -> None:
    assets = {word for words in commands("release.yml") for word in words if word.startswith(".aws-sam/")}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {asset.rstrip(";") for asset in assets} == {".aws-sam/fleet53.zip", ".aws-sam/fleet53.yaml"}
    assert package.FOLDER.relative_to(ROOT).with_suffix(".zip") == Path(".aws-sam/fleet53.zip")
    assert "--output-template-file .aws-sam/fleet53.yaml" in makefile


def test_the_metadata_for_the_application_repository_matches_the_repository() -> None:
    told = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]
    assert told["Name"] == "fleet53"
    assert re.fullmatch(r".{1,256}", told["Description"])
    assert "MIT No Attribution" in (ROOT / told["LicenseUrl"]).read_text(encoding="utf-8")
    assert told["SpdxLicenseId"] == "MIT-0"
    assert (ROOT / told["ReadmeUrl"]).is_file()
    assert len(told["Labels"]) <= 10
    assert {"Author", "SourceCodeUrl"} <= told.keys()


def test_every_link_leads_somewhere() -> None:
    for link in PAGE.links():
        path, _, anchor = link.partition("#")
        target = (ROOT / "docs" / path).resolve()
        assert target.exists()
        assert not anchor or anchor in Page.read(target).anchors()
