"""Metrics: measurements written to the log as CloudWatch metrics (embedded metric format)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fleet53.aws.retrier import Retrier
    from fleet53.domain.identity import Owner


_MAX_DIMENSION: Final = 1024


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value. `pool` and `kind` are dimensions, None where they do not apply."""

    name: str
    value: float
    pool: str | None = None
    kind: str | None = None
    unit: MetricUnit = field(default=MetricUnit.Count)


def measure_requests(retrier: Retrier) -> list[Measurement]:
    """Return how many requests were sent to Route 53, in all accounts, and how many of them it throttled."""
    return [
        Measurement("Route53Calls", _of_route53(retrier.calls)),
        Measurement("Throttled", _of_route53(retrier.throttled)),
    ]


def _of_route53(requests: Mapping[str, int]) -> int:
    return sum(count for service, count in requests.items() if service.startswith("route53"))


def _dimension(value: str | None) -> str | None:
    """Return a dimension's value, None if CloudWatch does not take it: a tag can name a pool with any characters.

    CloudWatch takes printable ASCII, not only spaces, up to 1,024 characters (CloudWatch API Reference, Dimension).
    """
    if value is None or not value.isascii() or not value.isprintable() or not 1 <= len(value.strip()) <= _MAX_DIMENSION:
        return None
    return value


def emit(measurements: Iterable[Measurement], owner: Owner) -> None:
    """Write measurements to the log, one line for each set of dimensions. The namespace is Powertools' setting."""
    lines: dict[tuple[str | None, str | None], EphemeralMetrics] = {}
    for measurement in measurements:
        place = _dimension(measurement.pool), _dimension(measurement.kind)
        if place not in lines:
            lines[place] = EphemeralMetrics(service="")  # no dimension beyond these
            lines[place].add_dimension("Owner", owner.name)
            for name, value in zip(("Pool", "Kind"), place, strict=True):
                if value is not None:
                    lines[place].add_dimension(name, value)
        lines[place].add_metric(measurement.name, measurement.unit, measurement.value)
    for line in lines.values():
        line.flush_metrics()
