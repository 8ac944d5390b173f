"""The version stands in fleet53/__init__.py and once in template.yaml. Every other place shows one of the two."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore import xform_name
from botocore.client import BaseClient
from samtranslator.yaml_helper import yaml_parse

from fleet53 import __version__
from fleet53.aws.clients import Clients
from fleet53.aws.retrier import Retrier
from fleet53.aws.session import TRIES
from fleet53.aws.stack_clients import StackClients
from fleet53.report.json import as_json
from fleet53.report.page import View, write_page
from fleet53.report.text import as_markdown, as_text
from tests.unit.reports import report

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return every client that the functions make for the stack's own account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "lab")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(TRIES, "retrier", Retrier(lambda: 60.0, lambda _seconds: None, lambda: 0.5))
    own, stacks = Clients("audit"), StackClients("stack-lifecycle")
    made = [*vars(own).values(), own.events, *vars(stacks).values()]
    return [each for each in made if isinstance(each, BaseClient)]


def test_the_version_is_a_semantic_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_templates_output_and_its_metadata_are_the_version() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    assert template["Outputs"]["Version"]["Value"] == __version__
    assert template["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"] == __version__


def test_the_template_has_the_version_once() -> None:
    assert (ROOT / "template.yaml").read_text(encoding="utf-8").count(__version__) == 1


def test_the_changelogs_newest_release_is_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]? - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert releases[:1] == [__version__]


def test_every_form_of_the_report_says_the_version() -> None:
    audited = report()
    assert as_json(audited)["version"] == __version__
    assert as_text(audited).splitlines()[0].endswith(f", fleet53 {__version__}")
    assert as_markdown(audited).splitlines()[0].replace("\\", "").endswith(f", fleet53 {__version__}")
    assert f", fleet53 {__version__}\n" in write_page(audited, View("arn:aws:lambda:eu-west-1:123456789012:function:x"))


def test_every_client_names_the_version_in_its_user_agent(clients: list[Any]) -> None:
    assert len(clients) == 8 + 7
    for client in clients:
        assert f"fleet53/{__version__}" in user_agent(client).split()


class _SentError(Exception):
    """A request as it would have been sent."""

    def __init__(self, request: AWSPreparedRequest) -> None:
        super().__init__(request.url)
        self.user_agent = request.headers["User-Agent"]


def user_agent(client: Any) -> str:
    """Return the user agent of a request that takes no input."""
    model = client.meta.service_model
    operations = [model.operation_model(name) for name in model.operation_names]
    operation = next(each for each in operations if not (each.input_shape and each.input_shape.required_members))

    def keep(request: AWSPreparedRequest, **_: object) -> None:
        raise _SentError(request)

    client.meta.events.register("before-send", keep)
    with pytest.raises(_SentError) as kept:
        getattr(client, xform_name(operation.name))()
    sent = kept.value.user_agent
    return sent.decode() if isinstance(sent, bytes) else sent
