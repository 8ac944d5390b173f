"""moto's answers as botocore reads them, made without the bytes in between.

moto writes an answer by the service's model, and botocore parses it by the same model. Together that takes longer than
the rest of a request. So each kind of value is converted directly to the value that botocore would parse
(lab.moto.reading). If the conversion is not known, and in labs over HTTP, the bytes are written and parsed.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from moto.core.responses import ActionResult
from moto.core.serialize import XFormedAttributePicker
from moto.utilities import aws_headers

from lab.moto.reading import Unreadable, members

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Members:
    """The body of an answer as botocore parses it: its members by name."""

    by_name: dict[str, Any]


class Answer(NamedTuple):
    """An HTTP answer. Its body is bytes, or what botocore parses from them."""

    status: int
    headers: dict[str, str]
    body: bytes | Members

    @property
    def content(self) -> bytes:
        """The body's bytes; a TypeError if there are none."""
        if isinstance(self.body, Members):
            raise TypeError("the answer was made without bytes")
        return self.body


def success(operation: Any) -> int:
    """Return the HTTP status of an operation's successful answer."""
    return int(operation.http.get("responseCode", HTTPStatus.OK))


def read(serializer: Any, result: Any) -> Members:
    """Return what botocore parses from a result that moto's serializer writes, or raise Unreadable."""
    return Members(members(serializer, result))


@contextlib.contextmanager
def read_directly() -> Iterator[None]:
    """Let moto answer with Members if a request is marked `is_read_directly`."""
    execute_as_moto, sum_up_as_moto = ActionResult.execute_result, aws_headers.gen_amz_crc32

    def execute(action: Any, context: Any) -> Any:
        result, request = action.result, context.response.normalized_request
        if not getattr(request, "is_read_directly", False) or isinstance(result, Exception):
            return execute_as_moto(action, context)
        transformers = context.response.RESPONSE_KEY_PATH_TO_TRANSFORMER
        picker = XFormedAttributePicker(response_transformers=transformers)
        serializer = context.serializer_class(operation_model=context.operation_model, value_picker=picker)
        try:
            answer = read(serializer, result)
        except Unreadable:
            return execute_as_moto(action, context)
        return success(context.operation_model), {}, answer

    def sum_up(body: Any, headers: dict[str, Any] | None = None) -> int:
        return 0 if isinstance(body, Members) else sum_up_as_moto(body, headers)

    with patch.object(ActionResult, "execute_result", execute), patch.object(aws_headers, "gen_amz_crc32", sum_up):
        yield
