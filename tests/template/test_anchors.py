"""CloudFormation takes no YAML aliases, so SAM and the lab have to resolve those of template.yaml."""

from __future__ import annotations

import yaml
from samcli.yamlhelper import yaml_dump, yaml_parse

from tests.template.stack import ROOT, source

TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")


def aliases(text: str) -> int:
    return sum(isinstance(event, yaml.events.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))


def test_what_sam_build_and_sam_deploy_write_holds_no_alias() -> None:
    assert aliases(TEXT) > 0
    assert aliases(yaml_dump(yaml_parse(TEXT))) == 0


def test_what_sam_build_and_sam_deploy_write_is_what_the_lab_and_these_tests_read() -> None:
    assert yaml_parse(yaml_dump(yaml_parse(TEXT))) == source()
