"""`make live`: tells the story on the account of the AWS environment, and reports what differed.

The exit code is 0 if nothing differed, 1 if something did, and 2 if the story was not told.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tests.live.account import Account, contract
from tests.live.report import table
from tests.live.story import IDS, Story

NOT_TOLD: Final = 2
PLAN: Final = """\
On account {account} in {region} this will, for about 40 minutes:

  deploy the stack {stack} with SAM, which uploads its code to SAM's bucket in this Region
  create records below {stack}.{zone} in the hosted zone {zone_id}
  launch three t4g.nano instances in the default VPC, one of them in an Auto Scaling group
  create four health checks, a security group, a launch template and a parameter

It costs less than one US dollar. Everything is named {stack} and is removed at the end, also after an error.
Before that, the contract suite creates and deletes records and some 60 health checks in the same hosted zone.
The steps are contract, {steps}.
"""


def main() -> int:
    """Tell the story, print the report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.live", description=__doc__)
    parser.add_argument("--zone-id", required=True, help="a public hosted zone in which the story may write")
    parser.add_argument("--yes", action="store_true", help="begin without asking")
    arguments = parser.parse_args()
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    try:
        account = Account(session, arguments.zone_id, f"fleet53-live-{secrets.token_hex(3)}")
        whose = account.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_TOLD
    said = {"account": whose, "region": account.region, "stack": account.stack, "zone": account.zone_name}
    sys.stdout.write(PLAN.format(**said, zone_id=account.zone_id, steps=", ".join(IDS)))
    if not arguments.yes and input("Go on? [y/N] ").strip().lower() != "y":
        return NOT_TOLD
    sys.stdout.flush()
    story = Story(account, [contract(account.zone_id)], say=lambda line: print(line, flush=True))  # noqa: T201
    try:
        story.tell()
    finally:
        sys.stdout.write("\n" + table(story.outcomes))
    return int(any(each.differs for each in story.outcomes))


if __name__ == "__main__":
    sys.exit(main())
