"""A lab with a queue and no function of ours in it, for what the lab does by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.world import Lab

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

TEMPLATE = """
Parameters: {HostedZoneId: {Type: String}, RecordName: {Type: String}}
Resources:
  Signals: {Type: "AWS::SQS::Queue"}
"""


def bare_lab(folder: Path, *, servers: bool = False, start: datetime | None = None) -> Lab:
    """Return a lab whose template, written to `folder`, makes nothing but a queue."""
    path = folder / "template.yaml"
    path.write_text(TEMPLATE)
    return Lab(template=path, servers=servers, start=start)
