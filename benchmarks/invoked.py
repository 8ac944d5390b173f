"""One invocation of the audit in a process of its own, as Lambda invokes it: prints what it took, as JSON.

botocore's part is the time within its calls: requests are written, sent, received and parsed there. The rest is
fleet53's.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import dns.resolver
from botocore.client import BaseClient

_STATUS: Final = Path("/proc/self/status")
_TIMEOUT: Final = 300_000


class _Server:
    """One name server in an answer of DNS."""

    def __init__(self, name: str) -> None:
        self._name = name

    def to_text(self) -> str:
        """Return its name."""
        return self._name


class _Context:
    """The part of Lambda's context object that the handler and Powertools read."""

    function_name = "audit"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:audit"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Return the whole timeout."""
        return _TIMEOUT


def peak() -> int:
    """Return the most memory that this process has had, in bytes.

    Linux counts in the usage of a process also what its parent had, so its status is read there.
    """
    if _STATUS.exists():
        (line,) = (line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Invoke the audit, and print what it took."""
    name_servers = [_Server(name) for name in os.environ["NAME_SERVERS"].split(",")]
    in_botocore = 0.0
    calls: Counter[str] = Counter()
    call_as_botocore = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(client: Any, operation: str, parameters: Any) -> Any:
        nonlocal in_botocore
        calls[f"{client.meta.service_model.service_name}:{operation}"] += 1
        began = time.process_time()
        try:
            return call_as_botocore(client, operation, parameters)
        finally:
            in_botocore += time.process_time() - began

    with (
        patch.object(BaseClient, "_make_api_call", call),
        patch.object(dns.resolver, "resolve", lambda *_asked, **_settings: name_servers),
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        handler = importlib.import_module("audit").handler  # Lambda's init phase, which the cold starts measure
        at_start, began = peak(), time.process_time()
        answer = handler({}, _Context())
        seconds = time.process_time() - began
    taken = {
        "seconds": seconds,
        "in_botocore": in_botocore,
        "peak": peak(),
        "at_start": at_start,
        "calls": calls,
        "answer": len(json.dumps(answer, ensure_ascii=False).encode()),
        "log": len(printed.getvalue()),
        "verdict": answer["verdict"],
        "members": sum(pool["members"] for pool in answer["pools"]),
    }
    sys.stdout.write(json.dumps(taken) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
