from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from lab.dig import ask, shown
from lab.live import Live
from lab.world import Lab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEMPLATE = """
Parameters: {HostedZoneId: {Type: String}, RecordName: {Type: String}}
Resources:
  Signals: {Type: "AWS::SQS::Queue"}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


def put(lab: Lab, address: str) -> None:
    record = {
        "Name": "app.example.com",
        "Type": "A",
        "TTL": 60,
        "SetIdentifier": address,
        "MultiValueAnswer": True,
        "ResourceRecords": [{"Value": address}],
    }
    changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    lab.client("route53").change_resource_record_sets(HostedZoneId=lab.zone_id, ChangeBatch=changes)


def test_a_live_lab_answers_dns_and_its_time_runs_fast(template: Path) -> None:
    with Lab(template=template) as lab, Live(lab, speed=50) as live:
        began = lab.clock.now()
        put(lab, "52.95.0.9")
        server = live.name_server
        assert ask(server.host, server.port, "app.example.com").addresses == {"52.95.0.9"}
        before = time.monotonic()
        while (lab.clock.now() - began).total_seconds() <= 5:
            assert time.monotonic() - before < 4, "the lab's time runs no faster than real"
            time.sleep(0.05)
        live.check()


def test_an_answer_is_shown_as_dig_shows_it(template: Path) -> None:
    with Lab(template=template) as lab, Live(lab, speed=1) as live:
        put(lab, "52.95.0.9")
        lines = shown(live.name_server.host, live.name_server.port, "app.example.com")
        missing = shown(live.name_server.host, live.name_server.port, "nobody.example.com")
    assert lines[0].startswith(";; ->>HEADER<<- opcode: QUERY, status: NOERROR")
    assert lines[1].startswith(";; flags: qr aa; QUERY: 1, ANSWER: 1")
    assert lines[2] == ";; ANSWER SECTION:"
    assert lines[3].split() == ["app.example.com.", "60", "IN", "A", "52.95.0.9"]
    assert "status: NXDOMAIN" in missing[0]


def fail(_lab: Lab) -> None:
    raise LookupError("this part of the world is broken")


def wait_until(true: Callable[[], object]) -> None:
    for _ in range(100):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come true in five seconds")


def test_an_error_in_a_thread_is_raised_by_check(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab(template=template) as lab, Live(lab, speed=1) as live:
        monkeypatch.setattr(Lab, "turn", fail)
        with pytest.raises(RuntimeError, match="stopped working") as raised:
            wait_until(live.check)
    assert str(raised.value.__cause__) == "this part of the world is broken"


def test_a_lab_that_reports_goes_on_after_an_error_in_a_thread_and_reports_it_once(
    template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[BaseException] = []
    with Lab(template=template) as lab, Live(lab, speed=1, report=reported.append) as live:
        monkeypatch.setattr(Lab, "turn", fail)
        wait_until(lambda: reported)
        time.sleep(0.5)  # several more turns
        live.check()
        put(lab, "52.95.0.9")
        assert ask(live.name_server.host, live.name_server.port, "app.example.com").addresses == {"52.95.0.9"}
        assert {"lab-world", "lab-functions"} <= {thread.name for thread in threading.enumerate()}
    assert [str(error) for error in reported] == ["this part of the world is broken"]


def test_the_environment_is_put_back_when_the_lab_ends(template: Path) -> None:
    before = dict(os.environ)
    with Lab(template=template):
        assert os.environ["AWS_ENDPOINT_URL_ROUTE_53"] == "http://route53.invalid"
    assert {key: value for key, value in os.environ.items() if key.startswith("AWS_")} == {
        key: value for key, value in before.items() if key.startswith("AWS_")
    }
