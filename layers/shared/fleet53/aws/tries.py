"""Tries: makes every call of every client go through the retrier of the present invocation.

Note [Time of a call]: a function that Lambda stops in the middle returns no message and writes no reason. So botocore
itself tries a call once, and each try begins only if the client's time-outs fit into the time left. That holds for a
client by being made from the session, whoever uses it and however many pages it reads. Decision 14 has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import botocore.session

    from fleet53.aws.retrier import Retrier


@dataclass(slots=True)
class Tries:
    """The try policy of a session's clients. `retrier` is the present invocation's, None before the first one."""

    retrier: Retrier | None = None

    def apply_to(self, session: botocore.session.Session) -> None:
        """Let every client that the session makes from now on use this policy."""
        session.register("creating-client-class", self._add_base)

    def _add_base(self, **event: Any) -> None:
        """Add a base class to a client's class (Boto3 Guide, Extensibility)."""
        tries = self

        class Tried:
            """A client whose calls are tried within the time left: Note [Time of a call]."""

            meta: Any

            def _make_api_call(self, operation_name: str, api_params: Mapping[str, Any]) -> Any:
                ask = partial(super()._make_api_call, operation_name, api_params)  # type: ignore[misc]
                if tries.retrier is None:
                    raise RuntimeError(f"{operation_name} is called before an invocation has begun")
                config = self.meta.config
                return tries.retrier.call(
                    ask,
                    service=self.meta.service_model.service_name,
                    region=self.meta.region_name,
                    operation=operation_name,
                    longest=config.connect_timeout + config.read_timeout,
                )

        event["base_classes"].insert(0, Tried)
