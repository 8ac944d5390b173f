"""The error with which the lab's Route 53 refuses a request."""

from collections.abc import Iterable
from http import HTTPStatus


class Route53Error(Exception):
    """A refusal: AWS's error code, text and HTTP status; ``messages`` has one entry per fault of a batch."""

    def __init__(self, code: str, message: str, status: int = 400, messages: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.messages = messages


def invalid_input(message: str) -> Route53Error:
    """Return the refusal of a request whose own fields are wrong."""
    return Route53Error("InvalidInput", message)


def invalid_change_batch(messages: Iterable[str]) -> Route53Error:
    """Return the refusal of a whole batch; its response has all messages in brackets, as one text."""
    found = tuple(messages)
    return Route53Error("InvalidChangeBatch", f"[{', '.join(found)}]", messages=found)


def no_such_health_check(check_id: str) -> Route53Error:
    """Return the refusal of a request that names an unknown health check."""
    return Route53Error(
        "NoSuchHealthCheck", f"No health check exists with the specified ID: {check_id}", HTTPStatus.NOT_FOUND
    )
