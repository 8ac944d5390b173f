"""Answers that would be larger than Lambda takes: the functions leave out rows, and say so."""

from __future__ import annotations

import itertools
import json
import string
from typing import TYPE_CHECKING

from tests.functional.views import audit, log_lines

if TYPE_CHECKING:
    from lab.world import Lab

LAMBDA = 6_291_456


def declare_wrong_pools(lab: Lab, count: int) -> None:
    """Declare so many pools, each with 560 unknown keys, so that the finding about each has some 12,000 bytes."""
    names = ("".join(pair) for pair in itertools.product(string.ascii_letters, repeat=2))
    text = json.dumps(dict.fromkeys(itertools.islice(names, 560), 0), separators=(",", ":"))
    ssm = lab.client("ssm")
    for number in range(count):
        ssm.put_parameter(Name=f"/fleet53/fleet53/pools/p{number}", Value=text, Type="String")


def test_an_audit_whose_findings_lambda_does_not_take_answers_with_those_that_fit(lab: Lab) -> None:
    declare_wrong_pools(lab, 560)

    report = audit(lab, {})

    assert 5_500_000 < len(json.dumps(report)) < LAMBDA
    assert report["summary"]["invalid-pool"] == 560
    assert report["left_out"]["findings"] == sum(report["summary"].values()) - len(report["findings"]) > 0
    assert report["headline"][-1].startswith("LEFT OUT, because an answer of Lambda has at most 6 MB: ")
    logged = [line["report"] for message in ("audit", "audit, continued") for line in log_lines(lab, message)]
    assert sum(each["kind"] == "invalid-pool" for part in logged for each in part["findings"]) == 560
    assert max(len(json.dumps(part)) for part in logged) < 262_144


def test_a_widget_whose_page_lambda_does_not_take_shows_what_fits(lab: Lab) -> None:
    declare_wrong_pools(lab, 560)

    seen = lab.invoke("WidgetFunction", {"widgetContext": {"params": {}}})

    assert seen.error is None
    assert 5_500_000 < len(json.dumps(seen.result)) < LAMBDA
    assert "LEFT OUT, because an answer of Lambda has at most 6 MB: " in seen.result
