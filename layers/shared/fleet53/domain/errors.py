"""Errors. Each class says what its caller does next."""


class Fleet53Error(Exception):
    """The root of every error that fleet53 raises on purpose."""


class SettingsError(Fleet53Error):
    """The function's environment is wrong: every problem in one message. Only a new deployment repairs it."""


class NotUnderstoodError(Fleet53Error):
    """A message that cannot be read, now or later: let it go to the dead-letter queue, and log why."""


class TryLaterError(Fleet53Error):
    """AWS does not answer at the moment: return the message to the queue, which delivers it again."""


class OutOfTimeError(TryLaterError):
    """The function's time is nearly over: stop, and return the messages that are left to the queue."""


class UnlistedError(TryLaterError):
    """EC2 does not list the instances: go on for those whose ids are known, and try the others again later."""


class ZoneUnreadableError(Fleet53Error):
    """A hosted zone does not exist or may not be read: report its pools, and go on with the others."""

    def __init__(self, zone_id: str, reason: str) -> None:
        super().__init__(f"hosted zone {zone_id}: {reason}")


class ZoneGoneError(ZoneUnreadableError):
    """A hosted zone does not exist, so its records do not exist either."""


class ZoneElsewhereError(ZoneUnreadableError):
    """A hosted zone is another account's, so this stack cannot have put a record there: none is to be withdrawn."""


class ZoneUnansweredError(TryLaterError):
    """AWS does not answer about a hosted zone at the moment: go on with the others, and try this one again later."""

    def __init__(self, zone_id: str, reason: str) -> None:
        super().__init__(f"hosted zone {zone_id}: {reason}")


class RoleRefusedError(Fleet53Error):
    """The role in the account of the hosted zones cannot be assumed (AssumeRole): report it as an unreadable zone."""

    def __init__(self, role_arn: str, reason: str, advice: str) -> None:
        super().__init__(f"the role {role_arn} cannot be assumed ({reason}): {advice}")


class BatchRefusedError(Fleet53Error):
    """Route 53 refused a change batch as a whole (ChangeResourceRecordSets): read and plan again."""

    def __init__(self, zone_id: str, reason: str) -> None:
        super().__init__(f"hosted zone {zone_id}: {reason}")


class ReferenceBurnedError(Fleet53Error):
    """A CallerReference was used by a health check that was deleted or edited since: take the next one."""


class CheckQuotaError(Fleet53Error):
    """The account has no room for more health checks: create no more in this pass, and report it."""


class CheckRefusedError(Fleet53Error):
    """Route 53 refuses to create or to delete this health check: report it, and go on with the others."""


class AnswerNotSentError(Fleet53Error):
    """CloudFormation did not take an answer: let the function fail, so that Lambda invokes it again."""
