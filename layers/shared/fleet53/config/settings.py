"""Settings: the environment variables that the template gives every function, as values."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, ValidationError
from pydantic_core.core_schema import no_info_after_validator_function

from fleet53.config.pools import Allowed, FirstPool, normal_name
from fleet53.domain.errors import SettingsError
from fleet53.domain.identity import Owner
from fleet53.domain.ids import PoolName, ZoneId
from fleet53.domain.lifecycle import Result
from fleet53.domain.role import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PREFIX: Final = "FLEET53_"
_LONGEST_OWNER: Final = 108
"""An owner, a slash and an instance id of 19 characters make a SetIdentifier of at most 128."""


def _read_as(form: Any, make: Callable[[Any], Any]) -> GetPydanticSchema:
    """Return the annotation of a field that is validated as `form` and converted by `make`."""
    return GetPydanticSchema(lambda _, schema_of: no_info_after_validator_function(make, schema_of(form)))


def _owner(text: str) -> Owner:
    if len(text) > _LONGEST_OWNER:
        name = text.rsplit(".", 2)[0]
        fit = len(name) - (len(text) - _LONGEST_OWNER)
        raise ValueError(
            f"the stack's name has {len(name)} characters, and {fit} fit into the SetIdentifiers of its records in "
            "this Region: create the stack under a shorter name"
        )
    return Owner(text)


def _zone_ids(text: str) -> tuple[ZoneId, ...]:
    return tuple(ZoneId(zone_id) for zone_id in text.split(",") if zone_id)


def _record_names(text: str) -> tuple[str, ...]:
    return tuple(normal_name(name) for name in text.split(",") if name)


def _seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


class Settings(BaseModel):
    """One stack's settings: each field is a variable of the environment, with its form and its limits.

    `zone_ids` are the hosted zones that pools may use, and `record_names` the names in any of them, each given
    separated by commas. The first of each are those of the pool `first_pool`. `max_withdraw_percent` is the percentage
    of a pool that may be withdrawn only because of absence. `admit_timeout` is how long a launch may take, given in
    seconds. `replace_unhealthy_after` is how long a member may be unhealthy before its group has to replace it, given
    in minutes; 0 is never. `route53_role_arn` is the role that leads to the account of the hosted zones, and
    `route53_role_external_id` its external ID. Both are empty without a role.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    owner: Annotated[Owner, _read_as(Annotated[str, Field(pattern=r"^[^/]+$")], _owner)]
    pools_path: Annotated[str, Field(pattern=r"^/.*[^/]$")]
    pool_tag_key: Annotated[str, Field(min_length=1)]
    queue_url: Annotated[str, Field(min_length=1)]
    zone_ids: Annotated[tuple[ZoneId, ...], _read_as(str, _zone_ids)]
    record_names: Annotated[tuple[str, ...], _read_as(str, _record_names)]
    first_pool: Annotated[PoolName, _read_as(Annotated[str, Field(min_length=1)], PoolName)]
    max_withdraw_percent: Annotated[int, Field(ge=0, le=100)]
    admit_timeout: Annotated[timedelta, _read_as(Annotated[int, Field(ge=1, le=7200)], _seconds)]
    hook_prefix: Annotated[str, Field(min_length=1)]
    unhealthy_launch_result: Result
    replace_unhealthy_after: Annotated[timedelta, _read_as(Annotated[int, Field(ge=0, le=1440)], _minutes)]

    route53_role_arn: str = ""
    route53_role_external_id: str = ""

    @property
    def zone_role(self) -> Role | None:
        """The role that leads to the account of the hosted zones, None where the stack's own account has them."""
        return read_role(self.route53_role_arn, self.route53_role_external_id)

    @property
    def allowed(self) -> Allowed:
        """The places where pools may be, and the one of the first pool."""
        first = None
        if self.zone_ids and self.record_names:
            parameter = f"{self.pools_path}/{self.first_pool}"
            first = FirstPool(self.first_pool, self.zone_ids[0], self.record_names[0], parameter)
        return Allowed(frozenset(self.zone_ids), frozenset(self.record_names), first)


def read_role(arn: str, external_id: str) -> Role | None:
    """Return the role that these two template parameters name, None if `arn` is empty."""
    return Role(arn, external_id or None) if arn else None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings in `environment`, or raise SettingsError.

    The error names each variable that is wrong, its value, and what is wrong with it.
    """
    named = {key.removeprefix(_PREFIX).lower(): value for key, value in environment.items() if key.startswith(_PREFIX)}
    try:
        return Settings.model_validate(named)
    except ValidationError as error:
        problems = (
            f"{_PREFIX}{str(fault['loc'][0]).upper()}={named.get(str(fault['loc'][0]))!r}: "
            f"{fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise SettingsError("; ".join(problems)) from None
