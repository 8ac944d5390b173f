"""What a person sees in AWS's consoles says what it is for."""

from __future__ import annotations

import pytest

from tests.template.stack import stack

DESCRIBED = {
    "AWS::CloudWatch::Alarm": "AlarmDescription",
    "AWS::Events::Rule": "Description",
    "AWS::IAM::Role": "Description",
    "AWS::Lambda::Function": "Description",
    "AWS::Lambda::LayerVersion": "Description",
    "AWS::SSM::Parameter": "Description",
}
"""The types of the template whose resources can have a description (CloudFormation Template Reference)."""


@pytest.mark.parametrize("kind", DESCRIBED)
def test_every_resource_that_can_have_a_description_has_one(kind: str) -> None:
    described = {name: properties.get(DESCRIBED[kind]) for name, properties in stack().of_type(kind)}
    assert described
    assert [name for name, text in described.items() if not text] == []
