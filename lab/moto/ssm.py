"""Parameter Store in moto."""

from __future__ import annotations

from typing import Any

from moto.ssm.models import Parameter, ssm_backends

from lab.moto.cloud import ACCOUNT, REGION
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


def parameters_below(path: str) -> dict[str, Any]:
    """Return moto's newest version of each parameter directly below a path by name.

    They are all as they are at one moment: another thread may delete one.
    """
    stored = dict(ssm_backends[ACCOUNT][REGION]._parameters)  # noqa: SLF001 - moto lists them in pages only
    below = {name: versions for name, versions in stored.items() if name.rpartition("/")[0] == path}
    return {name: versions[-1] for name, versions in below.items() if versions}
