"""Parameter Store in moto."""

from __future__ import annotations

from typing import Any

from moto.ssm.models import Parameter

from lab.moto.gap import Gap


def gaps() -> tuple[Gap, ...]:
    """Return how moto's Parameter Store is corrected."""
    return (_answer_get_att(),)


def _answer_get_att() -> Gap:
    """Answer Fn::GetAtt for a parameter's Type and Value; moto knows neither.

    Source: CloudFormation Template Reference, AWS::SSM::Parameter, "Return values".
    """

    def attribute(parameter: Any, name: str) -> str:
        return str({"Type": parameter.parameter_type, "Value": parameter.value}[name])

    return Gap(Parameter, "get_cfn_attribute", attribute)
