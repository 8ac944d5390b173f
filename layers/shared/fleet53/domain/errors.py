"""Errors, named by what the caller does next."""


class Fleet53Error(Exception):
    """The root of every error that fleet53 raises on purpose."""


class SettingsError(Fleet53Error):
    """The function's environment is wrong: every problem in one message. Only a new deployment mends it."""


class NotUnderstoodError(Fleet53Error):
    """A message that no retry will make readable: let it go to the dead-letter queue, and say why."""


class TryLaterError(Fleet53Error):
    """AWS did not answer for now: return the message, so that the queue brings it again."""


class OutOfTimeError(TryLaterError):
    """The function's time is nearly over: stop cleanly, return what is left."""


class ZoneUnreadableError(Fleet53Error):
    """A hosted zone that is not there or not ours to read: report its pools, go on with the others."""

    def __init__(self, zone_id: str, reason: str) -> None:
        super().__init__(f"hosted zone {zone_id}: {reason}")


class ZoneGoneError(ZoneUnreadableError):
    """A hosted zone that does not exist: whatever was in it is gone with it."""


class BatchRefusedError(Fleet53Error):
    """Route 53 refused a whole change batch: read again, plan again."""

    def __init__(self, zone_id: str, reason: str) -> None:
        super().__init__(f"hosted zone {zone_id}: {reason}")


class ReferenceBurnedError(Fleet53Error):
    """A CallerReference that an earlier, deleted or edited check has used up: take the next one."""


class CheckQuotaError(Fleet53Error):
    """The account may hold no more health checks: create no more in this pass, and report it."""


class CheckRefusedError(Fleet53Error):
    """Route 53 does not accept this health check: report it, go on with the others."""


class AnswerNotSentError(Fleet53Error):
    """CloudFormation did not take an answer: let the function fail, so that Lambda invokes it again."""
