"""Claims: what an event says of its instances. EC2 may show the same only some seconds later."""

from enum import StrEnum


class Claim(StrEnum):
    """What EC2 will show when it has caught up with an event."""

    LAUNCHED = "it was launched"
    """The instance exists, with the tags of its launch."""
    RUNNING = "it is running"
    """As LAUNCHED, and it runs."""
    ENDS = "it stops or is terminated"
    INTERRUPTED = "Spot interrupts it"
    ADDRESSED = "addresses were given or taken"
    """The event does not say which addresses the instances have now, or not even which instances it is about."""
