"""Tries: sends every call of every client through the retrier of the current invocation.

Note [Time of a call]: a function that Lambda stops in the middle returns no message and writes no reason. So botocore
itself tries a call once, and each try begins only if the client's time-outs fit into the time left. This holds for
every call of every client that is made from the session. Decision 14 has the reasons.

Note [Requests of an account]: AWS throttles each account separately (Route 53 Developer Guide, Throttling). So if
another account has the hosted zones, requests to it are paced and counted separately.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import botocore.session

    from fleet53.aws.retrier import Retrier


ZONE_ACCOUNT: Final = " of the zones' account"
"""Appended to a service's name for requests to the account that has the hosted zones."""


@dataclass(slots=True)
class Tries:
    """The retry policy of a session's clients. `retrier` is the current invocation's, None before the first one."""

    retrier: Retrier | None = None

    def apply_to(self, session: botocore.session.Session, account: str = "") -> None:
        """Let every client that the session makes from now on use this policy.

        `account` is appended to the service's name if the clients' requests go to another account.
        """
        session.register("creating-client-class", partial(self._add_base, account))

    def _add_base(self, account: str, **event: Any) -> None:
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
                    service=f"{self.meta.service_model.service_name}{account}",
                    region=self.meta.region_name,
                    operation=operation_name,
                    longest=config.connect_timeout + config.read_timeout,
                )

        event["base_classes"].insert(0, Tried)
