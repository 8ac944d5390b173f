"""What README.md, docs/guide.md, docs/design.md, CONTRIBUTING.md and SECURITY.md say of the repository is true."""

from __future__ import annotations

import ast
import json
import re
from itertools import chain, pairwise
from typing import Final

import pytest

from fleet53.audit.request import read_request
from fleet53.config.pools import read_pool
from fleet53.domain.alarm import EC2_STATUS
from fleet53.domain.finding import FindingKind
from fleet53.domain.pool import Pool
from fleet53.planning.membership import AUTO_SCALING, EC2
from fleet53.report.verdict import Verdict
from lab.world import RECORD, Lab
from tests.e2e.commands import ROOT, TEMPLATE, faults, make_targets
from tests.e2e.markdown import Page, spans_in

PAGES: Final = {name: Page.read(ROOT / name) for name in ("README.md", "docs/guide.md", "docs/design.md")}
README: Final = Page(PAGES["README.md"].text + PAGES["docs/guide.md"].text)
"""What a user reads: the README, and the guide, which goes on from there."""
CONTRIBUTING: Final = Page.read(ROOT / "CONTRIBUTING.md")
ALL_PAGES: Final = PAGES | {"CONTRIBUTING.md": CONTRIBUTING, "SECURITY.md": Page.read(ROOT / "SECURITY.md")}
CODE: Final = ("docs", "events", "examples", "functions", "lab", "layers", "tests", "tools")
"""The folders that hold what is ours."""

AWS_WORDS: Final = {"CallerReference", "SetIdentifier", "CreateHealthCheck", "DeleteHealthCheck", "IsPrimaryIpv6"}
"""Names of AWS's APIs that the pages write in the same form as ours."""


def metrics() -> set[str]:
    """Return every name of a metric or dimension that the code writes."""
    package = ROOT / "layers/shared/fleet53"
    sources = [*package.glob("*/metrics.py"), package / "reconcile/batch.py"]
    constants = chain.from_iterable(ast.walk(ast.parse(source.read_text(encoding="utf-8"))) for source in sources)
    texts = {node.value for node in constants if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[A-Z]\w+", text)}


def allowed_values() -> set[str]:
    """Return every word that a parameter of the template may hold."""
    return {str(value) for each in TEMPLATE["Parameters"].values() for value in each.get("AllowedValues", [])}


def comparable(report: str) -> list[str]:
    """Return the lines of a report's text without what differs: times, ids, addresses, zones, the version."""
    same = re.sub(r"i-[0-9a-f]{17}|[\d-]{10} [\d:]{8} UTC|52(\.\d+){3}|(?<=fleet53 )\d+\.\d+\.\d+", "…", report)
    return [" ".join(line.split()) for line in same.splitlines() if line and not line.startswith("records in Z")]


def named(pattern: str) -> list[tuple[str, str]]:
    """Return the code spans of a form with the page that each is on; it is an error if there are none."""
    found = [(page, span) for page, each in PAGES.items() for span in each.spans() if re.fullmatch(pattern, span)]
    assert found
    return found


def test_every_command_shown_exists_with_its_options() -> None:
    shown = README.commands()
    assert {"make", "aws", "sam"} <= {words[0] for words in shown}
    assert faults(shown) == []


def test_every_make_target_named_exists() -> None:
    shown = {words[1] for words in README.commands() if words[0] == "make"}
    shown |= {span.split()[1] for _page, span in named(r"make [a-z-]+( .*)?")}
    assert {"demo", "lab", "audit", "check", "test"} <= shown
    assert shown - make_targets() == set()


def test_every_parameter_in_the_table_has_the_default_that_it_says() -> None:
    rows = README.table("parameter")
    assert rows
    for names, default, *_ in rows:
        for name in spans_in(names):
            said = spans_in(default) or [""]  # "none" in plain words is the empty text
            assert (name, str(TEMPLATE["Parameters"][name]["Default"])) == (name, said[0])


def test_the_first_deployment_shown_gives_every_parameter_that_has_no_default() -> None:
    given, *_ = [words[2] for words in README.commands() if words[:2] == ["make", "deploy"]]
    values = dict(each.split("=", 1) for each in given.removeprefix("PARAMETERS=").split())
    without_default = {name for name, each in TEMPLATE["Parameters"].items() if "Default" not in each}
    assert without_default <= values.keys()


def test_every_name_in_camel_case_is_of_the_template_a_metric_or_aws() -> None:
    ours = {*TEMPLATE["Parameters"], *TEMPLATE["Outputs"], *TEMPLATE["Resources"], *metrics()}
    spans = named(r"[A-Z][a-z0-9]+([A-Z][a-z0-9]*)+")
    assert [span for span in spans if span[1] not in ours | AWS_WORDS] == []


def test_every_name_with_hyphens_is_a_kind_of_finding_a_value_or_a_state() -> None:
    known = {*FindingKind, *Verdict, *allowed_values(), *EC2, *AUTO_SCALING, EC2_STATUS}
    assert [span for span in named(r"[a-z0-9]+(-[a-z0-9]+)+") if span[1] not in known] == []


def test_every_path_named_exists() -> None:
    pattern = rf"(?<![\w./<-])(?:{'|'.join(CODE)})/[\w./-]*\w"
    found = {path for page in ALL_PAGES.values() for path in re.findall(pattern, page.text)}
    assert found
    assert [path for path in sorted(found) if not (ROOT / path).exists()] == []


def test_every_file_named_without_its_folder_exists() -> None:
    ours = {path.name for folder in CODE for path in (ROOT / folder).rglob("*")} | {p.name for p in ROOT.iterdir()}
    assert [span for span in named(r"[\w-]+\.(py|yaml|toml|md|json)") if span[1] not in ours] == []


LINKING: Final = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if Page.read(path).links()
)


@pytest.mark.parametrize("page", LINKING)
def test_every_link_leads_to_a_file_and_to_a_heading(page: str) -> None:
    for link in Page.read(ROOT / page).links():
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in Page.read(target).anchors(), link


def test_every_command_of_the_contributors_guide_exists() -> None:
    shown = CONTRIBUTING.commands()
    assert {words[1] for words in shown if words[0] == "make"} >= {"check", "test", "fix"}
    assert faults(shown) == []


def test_every_name_in_the_contributors_guide_is_in_the_code() -> None:
    paths = [path for folder in ("functions", "layers", "tests") for path in (ROOT / folder).rglob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in (*paths, ROOT / "template.yaml"))
    known = set(re.findall(r"\w+", code))
    names = {name for span in CONTRIBUTING.spans() for name in re.findall(r"^([A-Za-z_]\w*)(?:\(\)|=\w+)?$", span)}
    assert {"FindingKind", "read_api_call", "EVENT_DETAILS", "SignalsPolicy"} <= names
    assert names - known - {*make_targets(), "dig"} == set()


def test_every_event_shown_is_one_that_the_audit_takes() -> None:
    shown = [event for _page, event in named(r"\{.*\}")]
    shown += [value for words in README.commands() for name, value in pairwise(words) if name == "--event"]
    for event in shown:
        read_request(json.loads(event))  # it raises for what it does not take


def test_every_pool_shown_is_valid_and_lies_where_the_stack_looks() -> None:
    shown = [
        (words[words.index("--name") + 1], words[words.index("--value") + 1])
        for words in README.commands()
        if words[:3] == ["aws", "ssm", "put-parameter"]
    ]
    assert shown
    for parameter, text in shown:
        assert parameter.startswith("/fleet53/fleet53/pools/")
        assert isinstance(read_pool(parameter, text), Pool)


def test_every_pool_of_the_guide_is_valid() -> None:
    blocks = PAGES["docs/guide.md"].blocks("json")
    assert blocks
    for block in blocks:
        assert isinstance(read_pool("/fleet53/fleet53/pools/vpn", block), Pool)


def test_the_text_shown_is_what_a_real_audit_says() -> None:
    (shown,) = README.blocks("text")
    with Lab() as lab:
        first, second = sorted((lab.fleet.launch(), lab.fleet.launch()))  # the report's order
        lab.settle()
        lab.report_health(first)
        lab.report_health(second)
        lab.run(31, step=31)
        gone = next(each for each in lab.route53.records(RECORD, "A") if each["SetIdentifier"].endswith(first))
        change = {"Action": "DELETE", "ResourceRecordSet": gone}
        batch = {"HostedZoneId": lab.zone_id, "ChangeBatch": {"Changes": [change]}}
        lab.route53.call("ChangeResourceRecordSets", batch)
        said = lab.invoke("AuditFunction", {"format": "text"}).result
    assert max(map(len, shown.splitlines())) <= 120
    assert comparable(shown) == comparable(said)


def test_the_report_shown_has_the_form_of_a_real_one() -> None:
    (shown,) = [json.loads(block) for block in PAGES["docs/design.md"].blocks("json")]
    with Lab() as lab:
        lab.fleet.launch(events=False)
        report = lab.audit()
    assert shown.keys() == report.keys()
    assert shown["pools"][0].keys() == report["pools"][0].keys()
    assert shown["pools"][0]["instances"][0].keys() == report["pools"][0]["instances"][0].keys()
    assert shown["cost"].keys() == report["cost"].keys()
    missing = next(each for each in report["findings"] if each["kind"] == "missing-check")
    assert all(each.keys() == missing.keys() and each["kind"] in set(FindingKind) for each in shown["findings"])
    assert shown["summary"].keys() == {each["kind"] for each in shown["findings"]}
    assert shown["quotas"].keys() == report["quotas"].keys()
