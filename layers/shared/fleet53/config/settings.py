"""Settings: what the template tells a function through its environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet53.domain.errors import SettingsError
from fleet53.domain.identity import Owner
from fleet53.domain.lifecycle import Result
from fleet53.domain.model import ZoneId

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX: Final = "FLEET53_"
_LONGEST_OWNER: Final = 108
"""An owner, a slash and an instance id of 19 characters make a SetIdentifier of at most 128."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One stack's settings.

    `zone_ids` are those pools may use, `admit_timeout` is how long a launch may take, `replace_unhealthy_after` how
    long a member may be unhealthy before its group should replace it (0 for ever).
    """

    owner: Owner
    pools_path: str
    pool_tag_key: str
    queue_url: str
    zone_ids: tuple[ZoneId, ...]
    max_withdraw_percent: int
    admit_timeout: timedelta
    hook_prefix: str
    unhealthy_launch_result: Result
    replace_unhealthy_after: timedelta


class _Environment(BaseModel):
    model_config = ConfigDict(extra="ignore")

    owner: Annotated[str, Field(pattern=r"^[^/]+$", max_length=_LONGEST_OWNER)]
    pools_path: Annotated[str, Field(pattern=r"^/.*[^/]$")]
    pool_tag_key: Annotated[str, Field(min_length=1)]
    queue_url: Annotated[str, Field(min_length=1)]
    zone_ids: str
    max_withdraw_percent: Annotated[int, Field(ge=0, le=100)]
    admit_timeout: Annotated[int, Field(ge=1, le=7200)]
    hook_prefix: Annotated[str, Field(min_length=1)]
    unhealthy_launch_result: Result
    replace_unhealthy_after: Annotated[int, Field(ge=0, le=1440)]


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings in `environment`, or raise SettingsError with every problem in it."""
    named = {key.removeprefix(_PREFIX).lower(): value for key, value in environment.items() if key.startswith(_PREFIX)}
    try:
        read = _Environment.model_validate(named)
    except ValidationError as error:
        problems = (
            f"{_PREFIX}{str(fault['loc'][0]).upper()}={named.get(str(fault['loc'][0]))!r}: {fault['msg']}"
            for fault in error.errors()
        )
        raise SettingsError("; ".join(problems)) from None
    return Settings(
        owner=Owner(read.owner),
        pools_path=read.pools_path,
        pool_tag_key=read.pool_tag_key,
        queue_url=read.queue_url,
        zone_ids=tuple(ZoneId(zone_id) for zone_id in read.zone_ids.split(",") if zone_id),
        max_withdraw_percent=read.max_withdraw_percent,
        admit_timeout=timedelta(seconds=read.admit_timeout),
        hook_prefix=read.hook_prefix,
        unhealthy_launch_result=read.unhealthy_launch_result,
        replace_unhealthy_after=timedelta(minutes=read.replace_unhealthy_after),
    )
