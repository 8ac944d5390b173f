#!/usr/bin/env python3
"""Writes the generated parts of docs/permissions.md: what the functions may do, and what the deployer needs.

The functions' permissions are read from template.yaml. The deployer's are those that the CloudFormation resource
schemas list for the resource types of the translated template; cfn-lint carries these schemas, and the Service
Authorization Reference, which says for which actions IAM can limit resources.
"""

from __future__ import annotations

import functools
import json
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from samtranslator.yaml_helper import yaml_parse

from lab.stack.template import read_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs/permissions.md"
TEMPLATE: Final = ROOT / "template.yaml"
REGION: Final = "us-east-1"
"""The region whose resource schemas are read."""

WHY: Final[Mapping[str, str]] = {
    "CompleteHooksAndMarkUnhealthy": "The instances of any group may have the pool tag. The code completes only "
    "lifecycle hooks whose name starts with `HookPrefix`, and marks only members unhealthy.",
    "CreateChecks": "Route 53 supports no resource-level permissions for this.",
    "DeleteAlarmsOfMembers": "Only alarms whose names begin with the stack's prefix, `fleet53/<owner>/`.",
    "DeleteChecks": "The ids of health checks are random, and Route 53 has no condition on a health check's tags or "
    "CallerReference. The code deletes only health checks with the stack's CallerReference.",
    "NameChecks": "As for `DeleteChecks`, and Route 53 has no condition on the keys of tags. The code sets the tag "
    "`Name` of health checks with the stack's CallerReference only.",
    "ProbeChecks": "As for `DeleteChecks`. It changes nothing.",
    "PutAlarmsOfMembers": "As for `DeleteAlarmsOfMembers`.",
    "ReadPools": "Everything below the path is a pool of the stack.",
    "ReadPrefixLists": "A security group's rule may name a list that AWS manages or that another account shares. It "
    "changes nothing.",
    "ReadQuotas": "CloudWatch and Route 53 support no resource-level permissions for these. They change nothing.",
    "SeeAlarms": "The health checks of a pool may follow alarms of any name. It changes nothing.",
    "SeeCheckers": "Route 53 supports no resource-level permissions for this. It changes nothing.",
    "SeeChecks": "IAM can limit `cloudwatch:GetMetricData` only to datasets, which fleet53 does not use. Route 53 "
    "supports no resource-level permissions for `route53:ListHealthChecks`. They change nothing.",
    "SeeInstances": "EC2 and Auto Scaling support no resource-level permissions for these. They change nothing.",
    "SeeNamesOfChecks": "As for `DeleteChecks`. It changes nothing.",
    "SeeRecordsThatAnUpdateDrops": "The parameters do not name the hosted zones any more that an update drops. It "
    "changes nothing.",
    "SeeTagsThatAnUpdateExpects": "EC2 supports no resource-level permissions for this. It changes nothing.",
    "SeeWhomGroupsLetIn": "EC2 supports no resource-level permissions for these. They change nothing.",
}
"""Why a statement, known by its Sid, covers more than the resources of this stack."""

UNUSED: Final[Mapping[str, tuple[str, ...]]] = {
    "no function is in a VPC or has a file system": ("ec2:*", "elasticfilesystem:*", "s3files:*"),
    "nothing is encrypted with a key of yours": ("kms:*", "logs:AssociateKmsKey", "logs:DisassociateKmsKey"),
    "roles have inline policies only, and no user or group has one": (
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
        "iam:*UserPolicy",
        "iam:*GroupPolicy",
    ),
    "functions have no code signing, capacity provider or version": (
        "lambda:AssociateRuntimeAlias",
        "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:PassCapacityProvider",
        "lambda:PublishVersion",
        "lambda:PutFunctionCodeSigningConfig",
        "lambda:PutFunctionScalingConfig",
    ),
    "log groups and topics have none of these policies and deliver nowhere": (
        "*:PutDataProtectionPolicy",
        "firehose:*",
        "logs:CreateLogDelivery",
        "logs:DeleteIndexPolicy",
        "logs:DeleteResourcePolicy",
        "logs:PutBearerTokenAuthentication",
        "logs:PutIndexPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:PutResourcePolicy",
        "s3:REST.PUT.OBJECT",
    ),
}
"""Actions that the schemas list for properties that the template does not have, by the reason that it does not."""

CUSTOM: Final = frozenset({"lambda:InvokeFunction"})
"""CloudFormation invokes the function of a custom resource with the permissions of the deployer."""
DEPLOYING: Final = frozenset(
    {
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
        "cloudformation:DeleteStack",
        "cloudformation:DescribeChangeSet",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStackResource",
        "cloudformation:DescribeStacks",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:GetTemplate",
        "cloudformation:GetTemplateSummary",
        "cloudformation:ListStackResources",
        "cloudformation:TagResource",
        "s3:GetObject",
        "s3:PutObject",
    }
)
"""What `sam deploy`, `sam remote invoke` and `sam delete` call themselves (AWS SAM Developer Guide)."""
PASS_ROLE: Final = "iam:PassRole"  # noqa: S105 - an action

SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "cloudformation": (
        "arn:aws:cloudformation:*:*:stack/fleet53/*",
        "arn:aws:cloudformation:*:*:stack/aws-sam-cli-managed-default/*",
        "arn:aws:cloudformation:*:aws:transform/Serverless-2016-10-31",
    ),
    "cloudwatch": ("arn:aws:cloudwatch:*:*:alarm:fleet53-*", "arn:aws:cloudwatch::*:dashboard/fleet53-*"),
    "events": ("arn:aws:events:*:*:rule/fleet53-*",),
    "iam": ("arn:aws:iam::*:role/fleet53-*",),
    "lambda": (
        "arn:aws:lambda:*:*:event-source-mapping:*",
        "arn:aws:lambda:*:*:function:customWidget-fleet53",
        "arn:aws:lambda:*:*:function:fleet53-*",
        "arn:aws:lambda:*:*:layer:Shared*",
    ),
    "logs": ("arn:aws:logs:*:*:log-group:/fleet53/fleet53/*",),
    "s3": ("arn:aws:s3:::aws-sam-cli-managed-default-*",),
    "sns": ("arn:aws:sns:*:*:fleet53-Alarms-*",),
    "sqs": ("arn:aws:sqs:*:*:fleet53-*",),
    "ssm": ("arn:aws:ssm:*:*:parameter/fleet53/fleet53/pools/*",),
}
"""What a stack named fleet53 has in each service. SAM's own stack and bucket hold the packaged code."""


# -- the functions


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a role; a reference is written as the name of what it refers to, in angle brackets."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str

    @property
    def wide(self) -> bool:
        """Tell whether it covers resources that the stack's template and parameters do not name."""
        return any("*" in resource.replace("arn:*:", "") for resource in self.resources)


def functions() -> dict[str, list[Statement]]:
    """Return the statements of each function's role by the function's logical id."""
    found: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    roles = {
        name: _written(each["Properties"]["Role"])[0].removeprefix("<").removesuffix(".Arn>")
        for name, each in found.items()
        if each["Type"] == "AWS::Serverless::Function"
    }
    return {name: [*_statements(found, role)] for name, role in roles.items()}


def _statements(found: Mapping[str, Any], role: str) -> Iterator[Statement]:
    documents = [policy["PolicyDocument"] for policy in found[role]["Properties"]["Policies"]]
    documents += [
        each["Properties"]["PolicyDocument"]
        for each in found.values()
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]
    ]
    for document in documents:
        for each in _branches(document["Statement"]):
            condition = {
                operator: {key: _written(value) for key, value in keys.items()}
                for operator, keys in each.get("Condition", {}).items()
            }
            yield Statement(
                each["Sid"],
                tuple(_written(each["Action"])),
                tuple(_written(each["Resource"])),
                json.dumps(condition) if condition else "",
            )


def _branches(statements: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the statements of a policy, also those that it has only under a condition."""
    for each in statements:
        yield from (branch for branch in each["Fn::If"][1:] if "Sid" in branch) if "Fn::If" in each else (each,)


def _written(node: Any) -> list[str]:
    """Return the texts that a piece of the template stands for: each of its references in angle brackets."""
    match node:
        case list():
            return [text for each in node for text in _written(each)]
        case {"Ref": name}:
            return [f"<{name}>"]
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return [f"<{logical_id}.{attribute}>"]
        case {"Fn::Sub": str(text)}:
            return [re.sub(r"\$\{([^}]+)\}", r"<\1>", text)]
        case {"Fn::Join": [str(delimiter), parts]}:
            return [delimiter.join(_written(parts))]
        case {"Fn::Split": [str(delimiter), text]}:
            return _written(text)[0].split(delimiter)
        case {"Fn::If": [_condition, then, _otherwise]}:  # the one with all that the parameters can name
            return _written(then)
    return [str(node)]


# -- the deployer


def resource_types() -> list[str]:
    """Return the resource types of the translated template."""
    template = read_template(TEMPLATE)
    found = {template.resource(name)["Type"] for name in template.deletion_order}
    return sorted(found | ({"AWS::Lambda::LayerVersion"} if template.layers else set()))


def needed(kind: str) -> set[str]:
    """Return the actions with which CloudFormation creates, updates and deletes a resource of this type."""
    if kind.startswith("Custom::"):
        return set(CUSTOM)
    handlers = _schema(kind)["handlers"]
    listed = {action for name, each in handlers.items() if name != "list" for action in each["permissions"]}
    patterns = [pattern for each in UNUSED.values() for pattern in each]
    return {action for action in listed if not any(fnmatchcase(action, pattern) for pattern in patterns)}


def takes_tags(kind: str) -> bool:
    """Tell whether a resource of this type takes the stack's tags, which CloudFormation passes on."""
    return not kind.startswith("Custom::") and bool(_schema(kind).get("tagging", {}).get("taggable"))


def _schema(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    return schema


def deployer_policy() -> dict[str, Any]:
    """Return a policy for the deployer of a stack named fleet53, with one statement for each service."""
    actions = {action for kind in resource_types() for action in needed(kind)} | DEPLOYING
    unscoped = {action for action in actions if not has_resources(action)}
    statements: list[dict[str, Any]] = [
        {"Sid": "Unscoped", "Effect": "Allow", "Action": sorted(unscoped), "Resource": "*"},
        {
            "Sid": "PassRole",
            "Effect": "Allow",
            "Action": PASS_ROLE,
            "Resource": list(SCOPES["iam"]),
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        },
    ]
    for service, scope in SCOPES.items():
        its = sorted(action for action in actions - unscoped - {PASS_ROLE} if action.startswith(f"{service}:"))
        statements.append({"Sid": service, "Effect": "Allow", "Action": its, "Resource": list(scope)})
    return {"Version": "2012-10-17", "Statement": statements}


def has_resources(action: str) -> bool:
    """Tell whether IAM can limit an action to resources (Service Authorization Reference)."""
    service, _, name = action.partition(":")
    return bool(_authorization()[service]["Actions"][name.lower()].get("Resources"))


@functools.cache
def _authorization() -> dict[str, Any]:
    """Return the Service Authorization Reference as cfn-lint carries it."""
    text = (resources.files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text(encoding="utf-8")
    known: dict[str, Any] = json.loads(text)
    return known


# -- the page


def sections() -> dict[str, str]:
    """Return the text of each generated part of the page by its name."""
    by_function = functions()
    wide = sorted({each.sid for statements in by_function.values() for each in statements if each.wide})
    types = resource_types()
    return {
        "functions": "\n".join(_function(name, statements) for name, statements in by_function.items()),
        "wide": _table(("statement", "reason"), ([f"`{sid}`", WHY[sid]] for sid in wide)),
        "unused": "".join(f"- {_spans(actions)}: {why}.\n" for why, actions in UNUSED.items()),
        "types": _table(("resource type", "actions"), ([f"`{kind}`", _spans(sorted(needed(kind)))] for kind in types)),
        "policy": f"```json\n{_policy_text()}\n```\n",
        "tagged": _spans(kind for kind in types if takes_tags(kind)) + ".\n",
        "untagged": _spans(kind for kind in types if not takes_tags(kind)) + ".\n",
    }


def _function(name: str, statements: Iterable[Statement]) -> str:
    rows = [
        [
            f"`{each.sid}`",
            _spans(each.actions),
            _spans(each.resources),
            _spans([each.condition] if each.condition else []),
        ]
        for each in sorted(statements, key=lambda each: each.sid)
    ]
    return f"### {name}\n\n" + _table(("statement", "actions", "resources", "condition"), rows)


def _spans(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(headings)]
    lines += [["---"] * len(lines[0]), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _policy_text() -> str:
    """Return the policy as JSON with each statement's lists on one line."""
    statements = [json.dumps(each) for each in deployer_policy()["Statement"]]
    body = ",\n".join(f"    {each}" for each in statements)
    return f'{{\n  "Version": "2012-10-17",\n  "Statement": [\n{body}\n  ]\n}}'


def written(page: str) -> str:
    """Return the page with its generated parts as they should be."""
    for name, text in sections().items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{text}{end}{rest.partition(end)[2]}"
    return page


def main() -> None:
    """Write the page."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM's translator asks for one
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
