"""Templates of other versions: they differ from today's as an upgrade's do, and their functions do the same."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Final

from samtranslator.yaml_helper import yaml_parse

from fleet53 import __version__
from lab.world import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

_OLDER: Final = {
    f"&version {__version__} ": "&version 0.0.9 ",
    "    MemorySize: 512\n": "    MemorySize: 256\n",
    "    Default: 900\n": "    Default: 600\n",  # AdmitTimeout
    "      MaximumBatchingWindowInSeconds: 1\n": "      MaximumBatchingWindowInSeconds: 5\n",
    "      ScalingConfig: {MaximumConcurrency: 2}": "      ScalingConfig: {MaximumConcurrency: 3}",
}
"""What an older template had, by what is there today."""


_ADDED: Final = ("StackPrecondition", "StackHandover")
_CODE: Final = "CodeUri: functions/"


def write_older(folder: Path) -> Path:
    """Write a template with other settings, other code and another layer, and return its path."""
    text = TEMPLATE.read_text(encoding="utf-8")
    for today, before in _OLDER.items():
        assert today in text
        text = text.replace(today, before)
    shutil.copytree(TEMPLATE.parent / "functions", folder / "functions")
    return _write(text, folder)


def write_first(folder: Path) -> Path:
    """Write a template that differs as that of version 0.1.0 does, and return its path.

    It has no precondition and no handover, and its queue and its rules have no names of their own. Its layer is another
    one, and its code is today's.
    """
    sam = yaml_parse(TEMPLATE.read_text(encoding="utf-8").replace(_CODE, f"CodeUri: {TEMPLATE.parent}/functions/"))
    resources = sam["Resources"]
    for added in _ADDED:
        del resources[added]
    for resource in resources.values():
        if resource.get("DependsOn") in list(_ADDED):
            del resource["DependsOn"]
    del resources["Signals"]["Properties"]["QueueName"]
    del resources["DeadLetters"]["Properties"]["RedriveAllowPolicy"]
    for resource in resources.values():
        if resource["Type"] == "AWS::Events::Rule":
            del resource["Properties"]["Name"]
    for policy in ("SignalsPolicy", "DeadLettersPolicy"):
        statement = resources[policy]["Properties"]["PolicyDocument"]["Statement"][0]
        statement["Condition"]["ArnLike"]["aws:SourceArn"] = "arn:aws:events:*:*:rule/*"
    for later in ("HostedZoneIds", "RecordNames"):
        del resources["StackLifecycle"]["Properties"][later]
    return _write(json.dumps(sam), folder)


def _write(text: str, folder: Path) -> Path:
    (folder / "layers/shared").mkdir(parents=True)
    path = folder / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return path
