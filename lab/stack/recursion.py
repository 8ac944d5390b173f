"""Lambda's detection of recursive loops: how often one chain of messages has invoked the same function.

Every invocation has a trace header that says how long its chain is, an SDK sends it along with each request that the
function makes (botocore, `add_recursion_detection_header`), and SQS keeps it with a message that is sent. Lambda stops
a chain of about 16 invocations unless the function's RecursiveLoop is Allow (Lambda Developer Guide, "Use Lambda
recursive loop detection to prevent infinite loops"). For a batch with several chains the longest counts here; AWS does
not document which one does.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_INVOCATIONS: Final = 16
"""Invocations of one function in one chain."""
ALLOW: Final = "Allow"
TERMINATE: Final = "Terminate"
"""The default of a function's RecursiveLoop."""

_LINEAGE: Final = re.compile(r"Lineage=([0-9a-f]{8}):(\d+)")


def trace_header(function_arn: str, invocations: int) -> str:
    """Return the trace header of the invocation that makes a chain `invocations` long."""
    return f"Root=1-00000000-000000000000000000000000;Sampled=0;Lineage={_lineage(function_arn)}:{invocations}"


def longest_chain(messages: Iterable[Mapping[str, Any]], function_arn: str) -> int:
    """Return how often the function was invoked in the longest chain that sent one of these messages; 0 for none."""
    headers = (message.get("Attributes", {}).get("AWSTraceHeader", "") for message in messages)
    chains = (_LINEAGE.search(header) for header in headers)
    return max((int(chain[2]) for chain in chains if chain and chain[1] == _lineage(function_arn)), default=0)


def _lineage(function_arn: str) -> str:
    return hashlib.sha256(function_arn.encode()).hexdigest()[:8]
