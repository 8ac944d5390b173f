"""The status of submitted changes: PENDING until all name servers have them, then INSYNC (GetChange)."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from lab.route53.error import Route53Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

PROPAGATION: Final = timedelta(seconds=30)
"""Route 53 needs up to 60 s (ChangeResourceRecordSets). The lab's own name server answers with a change at once."""


class Changes:
    """Every submitted change of an account, by its id; `new_change_id` makes the id of a new one."""

    def __init__(self, now: Callable[[], datetime], new_change_id: Callable[[], str]) -> None:
        self._now = now
        self._new_change_id = new_change_id
        self._submitted: dict[str, datetime] = {}

    def submit(self) -> dict[str, Any]:
        """Return the ChangeInfo of a change that is submitted now."""
        change_id = self._new_change_id()
        self._submitted[change_id] = self._now()
        return self._info(change_id)

    def get(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetChange."""
        change_id = parameters["Id"].removeprefix("/change/")
        if change_id not in self._submitted:
            raise Route53Error("NoSuchChange", f"No change exists with the ID: {change_id}", HTTPStatus.NOT_FOUND)
        return {"ChangeInfo": self._info(change_id)}

    def _info(self, change_id: str) -> dict[str, Any]:
        submitted = self._submitted[change_id]
        status = "PENDING" if self._now() - submitted < PROPAGATION else "INSYNC"
        return {"Id": f"/change/{change_id}", "Status": status, "SubmittedAt": submitted}
