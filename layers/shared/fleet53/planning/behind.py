"""Behind: whether EC2 or Parameter Store still shows something as it was before an event. Pure.

Note [EC2 is behind]: EC2 is eventually consistent. For some seconds after an event, DescribeInstances may not show the
instance, its tags or its state, and a Spot request may keep its former status (EC2 API Reference, Eventual
consistency). A pass acts on what EC2 shows, because a signal is only a hint, so it would handle the event too early.
The message is therefore queued again with a delay of some seconds, until EC2 agrees with the event or two minutes have
passed since it. An event about an address does not say what EC2 will show. Its message is queued again for each of the
ages in ADDRESS_LOOKS.

Note [Parameters are late]: Parameter Store is eventually consistent, too (CloudFormation Template Reference,
AWS::SSM::Parameter, Return values). No other event reports a new or changed pool, so its event is queued again in the
same way until Parameter Store shows it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fleet53.domain.claim import Claim
from fleet53.planning.membership import EC2, SPOT_MARKS, Membership

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from fleet53.domain.ids import PoolName
    from fleet53.domain.instance import Instance

LONGEST: Final = timedelta(minutes=2)
"""How long after an event EC2 may be behind it. A Spot instance is interrupted at the same age of its warning."""
FORMER_ADDRESSES: Final = "EC2 may show former addresses"
ADDRESS_LOOKS: Final = tuple(timedelta(seconds=age) for age in (10, 30, 60, 120))
"""The ages of an event about an address at which to look again. Each look costs a request to Route 53 for each pool."""
_AT_ONCE: Final = timedelta(seconds=5)
"""The longest time from a change of a parameter to the time in the event about it."""
_SECOND: Final = timedelta(seconds=1)
"""An event may be up to a second later than its time, which has whole seconds only."""
_SOONEST: Final = timedelta(seconds=5)
_LATEST: Final = timedelta(seconds=30)
_BEFORE_RUNNING: Final = frozenset({"pending", "stopping", "stopped"})
_BEFORE_END: Final = frozenset({"pending", "running"})


def why_behind(
    claim: Claim, instance: Instance | None, *, spot: str | None, at: datetime, in_dns: bool = False
) -> str | None:
    """Return how EC2 does not yet show what an event at `at` said about an instance; None if it does.

    If the instance was launched again since, the event does not count. `spot` is the status of its Spot request.
    `in_dns` is whether a record of ours has it, so that the event matters even if its tag is gone.
    """
    starts = claim in {Claim.LAUNCHED, Claim.RUNNING}
    if instance is None:
        return "EC2 does not show the instance yet" if starts else None
    if starts and not instance.pools and EC2.get(instance.state) is not Membership.WITHDRAW:
        return "EC2 does not show a pool tag"
    if not (instance.pools or in_dns) or instance.launched > at:
        return None
    match claim:
        case Claim.ADDRESSED if EC2.get(instance.state) is not Membership.WITHDRAW:
            return FORMER_ADDRESSES
        case Claim.RUNNING if instance.state in _BEFORE_RUNNING:
            return f"EC2 still says {instance.state}"
        case Claim.ENDS if instance.state in _BEFORE_END and instance.launched < at:
            return f"EC2 still says {instance.state}"
        case Claim.INTERRUPTED if instance.state == "running" and not (spot or "").startswith(SPOT_MARKS):
            return f"its Spot request is still {spot}"
        case _:
            return None


def why_tag_is_behind(tagged: AbstractSet[PoolName], instance: Instance | None) -> str | None:
    """Return how EC2 does not yet show the pool tag that an event reported; None if it does.

    The tag of an instance that is ending does not matter.
    """
    if instance is None:
        return "EC2 does not show the instance yet" if tagged else None
    if instance.pools == tagged or EC2.get(instance.state) is Membership.WITHDRAW:
        return None
    return "EC2 shows another pool tag"


def why_parameter_is_behind(claim: Claim | None, changed: datetime | None, *, at: datetime) -> str | None:
    """Return how Parameter Store does not yet show what an event at `at` said about a parameter; None if it does.

    `changed` is when the parameter that is shown was changed last, None if none is shown.
    """
    if changed is None:
        return "Parameter Store does not show the parameter yet" if claim is Claim.DECLARED else None
    match claim:
        case Claim.DECLARED if changed < at - _AT_ONCE:
            return "Parameter Store shows a former value"
        case Claim.UNDECLARED if changed < at + _SECOND:
            return "Parameter Store still shows the parameter"
        case _:
            return None


def next_look(age: timedelta, claim: Claim | None = None) -> timedelta | None:
    """Return how long to wait before looking again at an event of this age; None if EC2 had enough time."""
    if claim is Claim.ADDRESSED:
        return next((look - age for look in ADDRESS_LOOKS if look > age), None)
    if age >= LONGEST:
        return None
    return min(max(age, _SOONEST), _LATEST, LONGEST - age)
