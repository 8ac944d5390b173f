"""Parameter Store in moto."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from moto.ssm.models import Parameter, SimpleSystemManagerBackend, ssm_backends

from lab.moto.cloud import ACCOUNT, REGION
from lab.moto.gap import Gap

if TYPE_CHECKING:
    from collections.abc import Callable


def gaps() -> tuple[Gap, ...]:
    """Return how moto's Parameter Store is corrected."""
    return _answer_get_att(), _overwrite(), _show_late()


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


def _show_late() -> Gap:
    """Show parameters as they were, for as long as a test asks for it; moto shows every change at once.

    Source: CloudFormation Template Reference, AWS::SSM::Parameter, "Return values": because the API is eventually
    consistent, a parameter that was just created may not be found.
    """
    read_as_moto = SimpleSystemManagerBackend.get_parameters_by_path

    def get_parameters_by_path(backend: Any, path: str, *args: Any, **given: Any) -> Any:
        shown, is_late = getattr(backend, "former", (None, lambda: False))
        return (shown, None) if is_late() else read_as_moto(backend, path, *args, **given)

    return Gap(SimpleSystemManagerBackend, "get_parameters_by_path", get_parameters_by_path)


def keep_shown(path: str, while_: Callable[[], bool]) -> None:
    """Show the parameters directly below a path as they are now, even if they change, while `while_` is true."""
    former = [copy.copy(each) for each in parameters_below(path).values()]
    ssm_backends[ACCOUNT][REGION].former = former, while_


def parameters_below(path: str) -> dict[str, Any]:
    """Return moto's newest version of each parameter directly below a path by name.

    They are all as they are at one moment: another thread may delete one.
    """
    stored = dict(ssm_backends[ACCOUNT][REGION]._parameters)  # noqa: SLF001 - moto lists them in pages only
    below = {name: versions for name, versions in stored.items() if name.rpartition("/")[0] == path}
    return {name: versions[-1] for name, versions in below.items() if versions}
