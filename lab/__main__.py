"""`make lab`: the lab, left running for the AWS CLI and dig until Ctrl-C."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import threading
from typing import TYPE_CHECKING

from lab.arguments import describe_speed, explain_taken_port, port, speed
from lab.console import Console, widget_of
from lab.dig import command
from lab.live import Live
from lab.moto import cloud
from lab.route53.limits import Buckets
from lab.world import RECORD, Lab

if TYPE_CHECKING:
    from lab.stack.functions import Invocation

_SQS = (
    'aws() { if [ "$1" = sqs ]; then command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; else command aws "$@"; fi; }'
)
"""A shell function. Version 1 of the AWS CLI has endpoints of its own for SQS (awscli, overridesslcommonname.py)."""
_SHOWN = ("pool", "instance_id", "address", "health_check_id", "because")


def main() -> int:
    """Run the lab until a signal ends it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--speed", type=speed, default=1, help="how fast time passes (1 is real time)")
    parser.add_argument("--dns-port", type=port, default=0, help="port of the DNS server (0: any free one)")
    parser.add_argument("--page-port", type=port, default=0, help="port of the dashboard's page (0: any free one)")
    parser.add_argument("--throttle", action="store_true", help="throttle requests to Route 53 as AWS does")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except OSError as error:
        return explain_taken_port(error)
    print("\nThe lab has ended.", flush=True)
    return 0


def run(arguments: argparse.Namespace) -> None:
    """Run the lab, and print what its functions do, until a signal ends it."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    limits = Buckets if arguments.throttle else None
    with Lab(servers=True, http=True, limits=limits, seed=secrets.randbits(32)) as lab:
        instances = [lab.fleet.launch(), lab.fleet.launch()]
        with (
            Live(lab, arguments.speed, arguments.dns_port, report=_report) as live,
            Console(lab.functions.answer, widget_of(lab), arguments.page_port) as console,
        ):
            print(_welcome(lab, live, console, instances), flush=True)
            told = 0
            while not ended.wait(0.2):
                for invocation in lab.invocations[told:]:
                    told += 1
                    _tell(invocation)


def _welcome(lab: Lab, live: Live, console: Console, instances: list[str]) -> str:
    exports = "\n".join(f"  export {k}={v}" for k, v in lab.environment.items())
    audit = lab.deployment.functions["AuditFunction"].name
    return f"""\
fleet53's lab: its template is deployed, its functions run, AWS is on this machine.
Time passes {describe_speed(live.speed)}. Ctrl-C ends it.

For the AWS CLI, in another terminal (the last line is for version 1, which finds the lab's SQS only with it):
{exports}
  {_SQS}

Watch the name (a new instance takes two minutes of the lab's time to be seen healthy):
  {command(live.name_server.host, live.name_server.port, RECORD)}

The dashboard's widget, with its Repair button (a dark one: ?theme=dark):
  {console.url}/

Then change something, and ask again:
  aws ec2 describe-instances --query 'Reservations[].Instances[].[InstanceId,State.Name,PublicIpAddress]'
  aws ec2 stop-instances --instance-ids {instances[0]}
  aws ec2 start-instances --instance-ids {instances[0]}
  aws ec2 run-instances --image-id {cloud.IMAGE} --tag-specifications \\
    'ResourceType=instance,Tags=[{{Key=fleet53:pool,Value=web}}]'
  aws ssm get-parameters-by-path --path {lab.pools.path}
  aws route53 list-resource-record-sets --hosted-zone-id {lab.zone_id}
  aws lambda invoke --function-name {audit} /dev/stdout
  .venv/bin/sam remote invoke AuditFunction --stack-name {lab.deployment.stack_name}
  aws cloudformation delete-stack --stack-name {lab.deployment.stack_name}

What fleet53 does:"""


def _report(error: BaseException) -> None:
    """Print that a part of the lab failed. The lab goes on."""
    print(f"A part of the lab failed, and the lab goes on: {type(error).__name__}: {error}", flush=True)


def _tell(invocation: Invocation) -> None:
    """Print one line for each change or refusal that an invocation logged."""
    at = invocation.at.strftime("%H:%M:%S")
    if invocation.error is not None:
        print(f"{at} {invocation.function} failed: {invocation.error!r}", flush=True)
    for line in invocation.logs:
        if "because" in line:
            facts = ", ".join(str(line[key]) for key in _SHOWN if line.get(key))
            print(f"{at} {line.get('message', '')}: {facts}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
