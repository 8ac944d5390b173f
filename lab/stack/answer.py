"""A handler's answer as Lambda returns it: converted by JSON, up to 6 MB.

The quota is documented as 6 MB for the request and the response of a synchronous invocation (Lambda Developer Guide,
"Lambda quotas"). The error is what people report: the answer is refused when the runtime hands it over, so an
asynchronous invocation fails too and is tried again.
"""

from __future__ import annotations

import json
from typing import Any, Final

MOST: Final = 6 * 1024 * 1024
"""Bytes of an answer."""


class ResponseSizeTooLarge(Exception):  # noqa: N818 - the name is Lambda's
    """The answer of a handler is larger than MOST."""


def returned(answer: Any) -> Any:
    """Return an answer as its caller reads it, or raise ResponseSizeTooLarge. The runtime writes UTF-8."""
    written = json.dumps(answer, ensure_ascii=False)
    if len(written.encode(errors="surrogatepass")) > MOST:
        raise ResponseSizeTooLarge("Response payload size exceeded maximum allowed payload size (6291556 bytes).")
    return json.loads(written)
