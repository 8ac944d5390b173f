"""The account of the AWS environment as the place of the story: SAM deploys, and DNS is asked over the network."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config

from tests.live.report import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import boto3

ROOT: Final = Path(__file__).resolve().parents[2]
_SAM: Final = ROOT / ".venv/bin/sam"
_IMAGE: Final = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
_PATIENT: Final = Config(read_timeout=330, retries={"mode": "adaptive", "total_max_attempts": 10})
"""Everybody in the account shares Route 53's limits."""


def run(words: Sequence[str | Path]) -> None:
    """Run a program in the repository; raises CalledProcessError if it fails."""
    subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, check=True)  # noqa: S603 - no shell, and our own command


def contract(zone_id: str) -> Outcome:
    """Run the contract suite against Route 53, and return whether it passes; pytest prints what differs."""
    words = [sys.executable, "-m", "pytest", "tests/contract", "--live", "--zone-id", zone_id, "--quiet"]
    code = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603 - as above
    return Outcome("contract", "the contract suite passes", f"pytest's exit code is {code}", differs=code != 0)


class Account:
    """A Region of an account, with one of its public hosted zones; `run` runs a program.

    `template` is the template to deploy, None for the one that `make build` has built.
    """

    def __init__(
        self,
        session: boto3.Session,
        zone_id: str,
        stack: str,
        *,
        run: Callable[[Sequence[str | Path]], None] = run,
        template: Path | None = None,
    ) -> None:
        self.stack = stack
        self.region = str(session.region_name)
        self.zone_id = zone_id
        self._session = session
        self._run = run
        self._template = template
        self._clients: dict[tuple[str, str], Any] = {}
        zone = self.client("route53").get_hosted_zone(Id=zone_id)
        self.zone_name = str(zone["HostedZone"]["Name"]).removesuffix(".")
        self._name_server = str(zone["DelegationSet"]["NameServers"][0])

    @property
    def name_server(self) -> tuple[str, int]:
        """The address and the port of the hosted zone's first name server."""
        return socket.gethostbyname(self._name_server), 53

    @property
    def image(self) -> str:
        """The id of the newest image of Amazon Linux 2023 for arm64."""
        return str(self.client("ssm").get_parameter(Name=_IMAGE)["Parameter"]["Value"])

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client, the same one each time."""
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self._session.client(  # type: ignore[call-overload]
                service, region_name=key[1], config=_PATIENT
            )
        return self._clients[key]

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """Deploy the template, which creates the stack or updates it."""
        values = [f"{name}={value}" for name, value in parameters.items()]
        options = ["--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", *values]
        template: list[str | Path] = []
        if self._template is not None:
            # Without --config-file, SAM looks for its settings beside the template.
            template = ["--template-file", self._template, "--config-file", ROOT / "samconfig.toml"]
        self._run([_SAM, "deploy", *self._where(), *template, *options])

    def delete(self) -> None:
        """Delete the stack and what SAM uploaded for it."""
        self._run([_SAM, "delete", *self._where(), "--no-prompts"])

    def now(self) -> float:
        """Return the seconds since some moment."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Return after these seconds."""
        time.sleep(seconds)

    def _where(self) -> list[str]:
        return ["--stack-name", self.stack, "--region", self.region]
