"""Telling: put on the bus what a run or an audit has to tell. It comes last, and nothing depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet53.aws.event_bus import Event
from fleet53.telemetry.announcements import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fleet53.aws.event_bus import EventBus
    from fleet53.domain.log import Log
    from fleet53.telemetry.announcements import Announcement


def tell(announcements: Iterable[Announcement], bus: EventBus, log: Log) -> None:
    """Tell of `announcements`, which may be made on the way; whatever stands in the way is logged, never raised."""
    try:
        lost = bus.put(_event(announcement) for announcement in announcements)
    except Exception:  # whatever it is, it must not bring back messages whose work is done
        log.exception("events not sent", extra={})
        return
    for because in lost:
        log.warning("event not sent", extra={"because": because})


def _event(announcement: Announcement) -> Event:
    return Event(SOURCE, announcement.detail_type, announcement.model_dump_json(), announcement.at)
