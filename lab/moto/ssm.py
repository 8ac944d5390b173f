"""Parameter Store in moto."""

from __future__ import annotations

from typing import Any

from moto.ssm.models import Parameter

from lab.moto.gap import Gap


def gaps() -> tuple[Gap, ...]:
    """Return how moto's Parameter Store is corrected."""
    return _answer_get_att(), _overwrite()


def _answer_get_att() -> Gap:
    """Answer Fn::GetAtt for a parameter's Type and Value; moto knows neither.

    Source: CloudFormation Template Reference, AWS::SSM::Parameter, "Return values".
    """

    def attribute(parameter: Any, name: str) -> str:
        return str({"Type": parameter.parameter_type, "Value": parameter.value}[name])

    return Gap(Parameter, "get_cfn_attribute", attribute)


def _overwrite() -> Gap:
    """Update a stack's parameter by overwriting it, which raises its version; moto deletes it and creates another.

    Source: Systems Manager User Guide, "Working with parameter versions".
    """

    def update(_model: type, /, *, new_resource_name: str, cloudformation_json: Any, **given: Any) -> Any:
        cloudformation_json["Properties"]["Overwrite"] = True
        account_id, region_name = given["account_id"], given["region_name"]
        return Parameter.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )

    return Gap(Parameter, "update_from_cloudformation_json", classmethod(update))
