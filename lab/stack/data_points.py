"""Data points: those of watched metrics, of all that moto's CloudWatch holds, in the order of time."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from lab.moto import cloudwatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from datetime import datetime

type Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""A namespace, a name, and dimensions."""
type Points = list[tuple[datetime, float]]
"""Data points of a metric by time."""


@dataclass(slots=True)
class DataPoints:
    """The data points of the watched metrics, by metric."""

    by_metric: dict[Metric, Points] = field(default_factory=dict)
    _read: int = 0
    """How many of moto's data points have been sorted in."""

    def watch(self, metrics: AbstractSet[Metric]) -> None:
        """Watch these metrics. All data points are sorted in again if one of the metrics was not watched before."""
        if metrics - self.by_metric.keys():
            self.by_metric, self._read = {metric: [] for metric in metrics}, 0

    def sort_in(self) -> None:
        """Sort in the data points that are new."""
        if not self.by_metric:
            return
        data = cloudwatch.metric_data()
        for each in data[self._read :]:
            metric = (each.namespace, each.name, read_dimensions(each.dimensions))
            if metric in self.by_metric:
                insort(self.by_metric[metric], (each.timestamp.replace(tzinfo=UTC), each.value))
        self._read = len(data)


def read_dimensions(dimensions: Iterable[Any]) -> frozenset[tuple[str, str]]:
    """Return the names and values of moto's dimensions."""
    return frozenset((each.name, each.value) for each in dimensions)
