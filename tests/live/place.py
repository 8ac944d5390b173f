"""Where the story of `make live` is told: a real account, or the lab in the place of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Place(Protocol):
    """An account with a hosted zone, and a clock."""

    @property
    def stack(self) -> str:
        """The name of the stack that is deployed."""
        ...

    @property
    def region(self) -> str:
        """The Region of the stack."""
        ...

    @property
    def zone_id(self) -> str:
        """The id of the hosted zone."""
        ...

    @property
    def zone_name(self) -> str:
        """The hosted zone's name, without the final dot."""
        ...

    @property
    def image(self) -> str:
        """The id of a machine image for arm64."""
        ...

    @property
    def name_server(self) -> tuple[str, int]:
        """The address and the port of one of the hosted zone's name servers."""
        ...

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client of the account, of the stack's Region unless another one is named."""
        ...

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """Create the stack with these parameters, and return when it stands or has failed."""
        ...

    def delete(self) -> None:
        """Delete the stack, and return when it is gone or its deletion has failed."""
        ...

    def now(self) -> float:
        """Return the seconds since some moment."""
        ...

    def pause(self, seconds: float) -> None:
        """Return after these seconds."""
        ...
