"""Claims: what an event says about its instances or its pool. AWS may show it some seconds later."""

from enum import StrEnum
from typing import Final


class Claim(StrEnum):
    """What EC2 or Parameter Store will show when it has caught up with an event."""

    LAUNCHED = "it was launched"
    """The instance exists, with the tags of its launch."""
    RUNNING = "it is running"
    """As LAUNCHED, and it runs."""
    ENDS = "it stops or is terminated"
    INTERRUPTED = "Spot interrupts it"
    LEAVES = "it leaves its Auto Scaling group or enters standby"
    """EC2 does not show it: the instance may continue to run."""
    ADDRESSED = "addresses were given or taken"
    """The event does not say which addresses the instances have now, or not even which instances it is about."""
    DECLARED = "its parameter was created or changed"
    UNDECLARED = "its parameter was deleted"
    """Both are about a pool."""


LEAVING: Final = frozenset({Claim.ENDS, Claim.INTERRUPTED, Claim.LEAVES})
"""The claims of events that may be evidence against a record, before EC2 shows anything."""
