"""examples/terraform and examples/cdk say what the template and examples/fleet.yaml say, and their tools take them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from samtranslator.yaml_helper import yaml_parse

from lab.world import Lab
from tests.e2e.commands import ROOT, TEMPLATE
from tests.functional.conftest import MONDAY_NOON
from tests.functional.groups import pass_time
from tests.functional.views import audit, in_dns

if TYPE_CHECKING:
    from pathlib import Path

TERRAFORM: Final = ROOT / "examples/terraform"
CDK: Final = ROOT / "examples/cdk"
FLEET: Final = yaml_parse((ROOT / "examples/fleet.yaml").read_text(encoding="utf-8"))
CONTEXT: Final = {
    "template_url": "https://bucket.s3.eu-west-1.amazonaws.com/fleet53/0.1.0/fleet53.yaml",
    "hosted_zone_id": "Z0123456789ABC",
    "record_name": "app.example.com",
    "pool_record_name": "api.example.com",
    "vpc_id": "vpc-0a1b2c3d",
    "subnet_ids": "subnet-0a1b2c3d,subnet-1a1b2c3d",
    "checkers": "pl-0a1b2c3d",
}

needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
needs_cdk = pytest.mark.skipif(
    importlib.util.find_spec("aws_cdk") is None or shutil.which("node") is None, reason="aws-cdk-lib is not installed"
)


def hooks() -> dict[str, tuple[str, int, str]]:
    """Return the transition, heartbeat and result of each hook of examples/fleet.yaml by its name."""
    listed = FLEET["Resources"]["Group"]["Properties"]["LifecycleHookSpecificationList"]
    return {
        each["LifecycleHookName"]: (each["LifecycleTransition"], each["HeartbeatTimeout"], each["DefaultResult"])
        for each in listed
    }


def terraform(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("terraform")
    assert program is not None
    return subprocess.run(  # noqa: S603 - no shell, and our own configuration
        [program, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_terraform_gives_the_template_parameters_that_it_has_and_reads_outputs_that_it_has() -> None:
    text = (TERRAFORM / "main.tf").read_text(encoding="utf-8") + (TERRAFORM / "outputs.tf").read_text(encoding="utf-8")
    (block,) = re.findall(r"  parameters = \{\n(.*?)\n  \}", text, re.DOTALL)
    given = set(re.findall(r"^ +(\w+) +=", block, re.MULTILINE))
    assert {name for name, each in TEMPLATE["Parameters"].items() if "Default" not in each} <= given
    assert given <= TEMPLATE["Parameters"].keys()
    outputs = set(re.findall(r'outputs\["(\w+)"\]', text))
    assert outputs == {"PoolsPath", "InvokeAudit"}
    assert outputs <= TEMPLATE["Outputs"].keys()


def test_terraforms_group_has_the_hooks_and_the_tag_of_the_example_fleet() -> None:
    text = (TERRAFORM / "main.tf").read_text(encoding="utf-8")
    found = {
        name: (transition, int(heartbeat), result)
        for name, transition, heartbeat, result in re.findall(
            r'initial_lifecycle_hook \{\s+name += "(.*?)"\s+lifecycle_transition += "(.*?)"\s+'
            r'heartbeat_timeout += (\d+).*?\s+default_result += "(.*?)"',
            text,
        )
    }
    assert found == hooks()
    assert re.search(r'key += "fleet53:pool"\s+value += var.pool\s+propagate_at_launch = true', text)
    assert FLEET["Parameters"]["Image"]["Default"] in text


@needs_terraform
def test_terraforms_files_are_formatted() -> None:
    assert terraform(TERRAFORM, "fmt", "-check", "-recursive").returncode == 0


@needs_terraform
def test_the_aws_provider_takes_the_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "terraform"
    shutil.copytree(TERRAFORM, folder)
    if terraform(folder, "init", "-input=false", "-backend=false").returncode != 0:
        pytest.skip("the provider hashicorp/aws cannot be installed")
    validated = terraform(folder, "validate", "-json")
    assert json.loads(validated.stdout)["diagnostics"] == []


def synthesised(folder: Path, **context: str) -> Path:
    """Return the file of the template that the CDK makes for these settings in the place of CONTEXT's."""
    subprocess.run(
        [sys.executable, "app.py"],
        cwd=CDK,
        env=os.environ | {"CDK_OUTDIR": str(folder), "CDK_CONTEXT_JSON": json.dumps(CONTEXT | context)},
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=240,
    )
    (written,) = folder.glob("*.template.json")
    return written


@needs_cdk
def test_cdk_makes_a_template_that_lints_and_has_the_hooks_and_the_tag_of_the_example_fleet(tmp_path: Path) -> None:
    written = synthesised(tmp_path)
    resources = json.loads(written.read_text(encoding="utf-8"))["Resources"]
    group = resources["Group"]["Properties"]
    assert {
        each["LifecycleHookName"]: (each["LifecycleTransition"], each["HeartbeatTimeout"], each["DefaultResult"])
        for each in group["LifecycleHookSpecificationList"]
    } == hooks()
    assert group["Tags"] == [{"Key": "fleet53:pool", "PropagateAtLaunch": True, "Value": "servers"}]
    given = resources["Fleet53"]["Properties"]["Parameters"]
    assert given.keys() <= TEMPLATE["Parameters"].keys()
    linted = subprocess.run(  # noqa: S603 - no shell
        [f"{sys.prefix}/bin/cfn-lint", str(written)], stdin=subprocess.DEVNULL, check=False, timeout=120
    )
    assert linted.returncode == 0


@needs_cdk
def test_the_group_of_the_cdk_is_answered_for_in_the_lab(tmp_path: Path) -> None:
    with Lab(start=MONDAY_NOON) as lab:
        subnets = lab.client("ec2").describe_subnets()["Subnets"]
        written = synthesised(
            tmp_path,
            hosted_zone_id=lab.zone_id,
            vpc_id=subnets[0]["VpcId"],
            subnet_ids=",".join(each["SubnetId"] for each in subnets[:2]),
            checkers=lab.fleet.security_groups.checkers(),
        )
        client = lab.client("cloudformation")
        client.create_stack(StackName="servers", TemplateBody=json.dumps(without_nested_stack(lab, written)))
        client.get_waiter("stack_create_complete").wait(StackName="servers")
        lab.fleet.emit_changes()
        pass_time(lab, 130)
        (group,) = lab.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        members = lab.fleet.members(group["AutoScalingGroupName"])
        assert list(members.values()) == ["InService"] * 2
        assert in_dns(lab, CONTEXT["pool_record_name"]) == set(members)
        assert audit(lab)["in_sync"] is True


def without_nested_stack(lab: Lab, written: Path) -> dict[str, Any]:
    """Return a template of the CDK with the lab's own stack in the place of the one that it nests.

    The rule and the parameter of CDK's bootstrap are left out: they only compare a version.
    """
    template: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    del template["Resources"]["Fleet53"], template["Rules"], template["Parameters"]
    path = template["Resources"]["Pool"]["Properties"]["Name"]["Fn::Join"][1]
    assert path == [{"Fn::GetAtt": ["Fleet53", "Outputs.PoolsPath"]}, "servers"]
    path[0] = lab.deployment.outputs["PoolsPath"]
    return template
