"""Request: what an invocation asks of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fleet53.domain.errors import NotUnderstoodError
from fleet53.domain.ids import PoolName
from fleet53.domain.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection

_ALLOWED: Final = (
    'use {}, or "pools": [...], "repair": true, "force": true, "adopt": true, "dry_run": true, '
    '"format": "text" or "markdown", "verdict": true, "publish": false'
)


class AuditRequest(BaseModel):
    """What an invocation asks for.

    The audit is about `pools`, or about all where it is None. `repair` also queues what drifted, with `force` what the
    guard holds as well, and with `adopt` what takes records of others over. A `dry_run` queues nothing, and reports the
    change batches that the repair would make now. `format` is the form of the answer: an object for programs, or text
    for people. With `verdict`, the answer is an object with the verdict and the report in that form. Without `publish`,
    the audit writes no metrics and sends no events, so that a person can look as often as they like. A dry run never
    writes or sends any, because the drift of its plan may be more than what is wrong, and must not start an alarm.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    pools: Annotated[list[PoolName], Field(min_length=1)] | None = None
    repair: bool = False
    force: bool = False
    adopt: bool = False
    dry_run: bool = False
    format: Literal["json", "text", "markdown"] = "json"
    verdict: bool = False
    publish: bool = True

    @property
    def scope(self) -> Scope:
        """The scope of the pass whose plan the audit reports."""
        return Scope(None if self.pools is None else frozenset(self.pools), sweep=True)


def read_request(event: object) -> AuditRequest:
    """Return what an event asks for, or raise NotUnderstoodError, which names the key and the value."""
    try:
        request = AuditRequest.model_validate(event)
    except ValidationError as error:
        raise NotUnderstoodError(f"{describe_faults(error)}; {_ALLOWED}") from None
    if request.force and not request.repair:
        raise NotUnderstoodError('force=True: only a repair passes the guard; add "repair": true')
    if request.adopt and not (request.repair or request.dry_run):
        because = 'only a repair takes records over; add "repair": true or "dry_run": true'
        raise NotUnderstoodError(f"adopt=True: {because}")
    if request.dry_run and not (request.repair or request.adopt):
        because = 'only a repair makes changes; add "repair": true or "adopt": true'
        raise NotUnderstoodError(f"dry_run=True: {because}")
    return request


def check_pools(request: AuditRequest, declared: Collection[PoolName]) -> None:
    """Raise NotUnderstoodError if the request names an undeclared pool, so that a wrong name does not look healthy."""
    unknown = sorted(set(request.pools or ()) - set(declared))
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        raise NotUnderstoodError(f"pools={unknown!r}: not declared; the declared pools are {known}")


def describe_faults(error: ValidationError) -> str:
    """Return each fault of an input, with its key and its value."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'input'}={fault['input']!r}: {fault['msg']}" for fault in error.errors()
    )
