"""An older template: the built one without what was added later. An upgrade leads from it to the template of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from samcli.yamlhelper import yaml_dump, yaml_parse

from tests.compat.host import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_BUILT: Final = ROOT / ".aws-sam/build/template.yaml"
_ADDED: Final = "StackHandover"
"""A custom resource that later versions have."""
_VERSION: Final = "0.0.9"


def write() -> Path:
    """Write the older template beside the built one, with which it shares the functions' code, and return its path."""
    template = yaml_parse(_BUILT.read_text(encoding="utf-8"))
    del template["Resources"][_ADDED]
    for resource in template["Resources"].values():
        if resource.get("DependsOn") == _ADDED:
            del resource["DependsOn"]
    template["Outputs"]["Version"]["Value"] = _VERSION
    path = _BUILT.with_name("older.yaml")
    path.write_text(yaml_dump(template), encoding="utf-8")
    return path
