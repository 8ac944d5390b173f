"""Where the lab's Route 53 checks from: ranges of its own making, two of each family for every region.

GetCheckerIpRanges and AWS-managed prefix lists have AWS's own. They change, and no test may depend on them.
"""

from typing import Final

from lab.route53.check_config import REGIONS

IPV4: Final = tuple(f"15.177.{index}.{start}/26" for index in range(len(REGIONS)) for start in (64, 192))
IPV6: Final = tuple(f"2600:1f53:{index:x}{half}00::/53" for index in range(1, len(REGIONS) + 1) for half in "08")
