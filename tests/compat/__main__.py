"""`make compat`: tells the story in LocalStack, and prints what differed and what LocalStack does not play.

The exit code is 0 if nothing differed from what was expected, and 1 otherwise.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

import boto3

from tests.compat import first_release, host
from tests.compat.story import Story
from tests.live.account import Account
from tests.live.report import table

STACK: Final = "fleet53-compat"
ZONE: Final = "compat.test"
NOT_PLAYED: Final = (
    "Route 53's checkers. No checker connects to a member: the story publishes HealthCheckPercentageHealthy itself.",
    "Route 53's name servers. The records are read, and no DNS query is answered.",
    "Route 53's limits. Requests are not throttled.",
    "EC2's events. The story publishes them, which AWS would not take from it.",
    "Permissions. Roles are created, and no request is refused.",
    "Dashboards, and metrics that functions log (EMF). So no alarm of the stack ever has data of fleet53's.",
    "The log groups of the functions. What they log is in the groups that LocalStack names.",
    "The update of an EventBridge rule. LocalStack leaves it as it was created.",
    "A failed update, which AWS rolls back. LocalStack stops, and forgets the resources that it has not reached.",
    "A failed deletion of a custom resource, which in AWS keeps the stack. LocalStack deletes the rest.",
    "The template's Rules and AllowedPattern.",
    "Auto Scaling, so lifecycle hooks. LocalStack does not have the service.",
)
"""What LocalStack does not do, and the story therefore does not see."""
_REFUSED: Final = re.compile(r"AWS (\S+) => (501 \(\w+\))")


def main() -> int:
    """Tell the story, print the report, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="fleet53-compat-") as folder, host.running() as emulator:
        older = first_release.build(Path(folder))
        for name in [each for each in os.environ if each.startswith("AWS_")]:
            del os.environ[name]  # nothing of the environment may lead to an account
        os.environ.update(emulator.aws)
        session = boto3.Session(region_name=host.REGION)
        zone = session.client("route53").create_hosted_zone(Name=ZONE, CallerReference=STACK)["HostedZone"]
        zone_id = zone["Id"].removeprefix("/hostedzone/")
        story = Story(
            Account(session, zone_id, STACK), say=_say, older=Account(session, zone_id, STACK, template=older)
        )
        story.tell()
        gaps = emulator.lines("gap: ")
        refused = Counter(found.groups() for found in _REFUSED.finditer(emulator.child.printed()))
    asked = [f"{operation}: {times} times {code}" for (operation, code), times in sorted(refused.items())]
    _say("\n" + table(story.outcomes, "LocalStack"))
    _say_list("Gaps of LocalStack that are closed here:", gaps)
    _say_list("What LocalStack does not play:", NOT_PLAYED)
    _say_list("What fleet53 asked for and LocalStack does not have:", asked)
    return int(any(each.differs for each in story.outcomes))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say_list(heading: str, items: tuple[str, ...] | list[str]) -> None:
    _say("\n".join([heading, "", *(f"- {each}" for each in items), ""]))


if __name__ == "__main__":
    sys.exit(main())
