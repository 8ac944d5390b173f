"""Plots: draws docs/plots from benchmarks/figures.json, which has what docs/benchmarks.md says. `make plots` runs it.

The pictures are transparent, and their colours can be read on white and on black. The same figures make the same bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    type Figures = Mapping[str, Any]

FIGURES: Final = Path(__file__).parent / "figures.json"
FOLDER: Final = Path(__file__).parent.parent / "docs" / "plots"
_INK: Final = "#7d8590"
"""Text and axes: a grey that has a contrast of more than 3.5 with white and with GitHub's dark background."""
_BLUE, _ORANGE, _GREEN, _RED = "#3f8bdb", "#c9761c", "#3c9a5f", "#d0554d"
_STYLE: Final = {
    "svg.fonttype": "none",  # text stays text, in the reader's own font
    "svg.hashsalt": "fleet53",  # the same ids each time
    "font.family": "sans-serif",
    "font.size": 12,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}


def bursts(figures: Figures) -> Figure:
    """Draw how long all health checks of a burst take to be created or deleted, beside the floor."""
    rows = figures["bursts"][::-1]
    figure = Figure(figsize=(9, 0.42 * len(rows) + 1.4), layout="constrained")
    axes = figure.subplots()
    places = range(len(rows))
    axes.barh([place + 0.2 for place in places], [row["checks"] for row in rows], 0.4, color=_BLUE, label="taken")
    axes.barh([place - 0.2 for place in places], [row["floor"] for row in rows], 0.4, color=_INK, label="floor")
    for place, row in zip(places, rows, strict=True):
        words = f"{row['checks']:g} s, {row['requests']:g} requests each"
        axes.text(max(row["checks"], row["floor"]) * 1.0 + 2, place, words, va="center", fontsize=10)
    axes.set_yticks(
        places, [f"{row['title']}, five a second" if row["limits"] == "five" else row["title"] for row in rows]
    )
    axes.set_xlim(0, 1.8 * max(row["checks"] for row in rows))
    axes.set_xlabel("seconds, first to last health check")
    axes.legend(loc="lower right")
    return figure


def admission(figures: Figures) -> Figure:
    """Draw the longest time from healthy in Route 53 to the record in DNS, by how long the servers take to boot."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for count, colour in zip((1, 10, 100), (_BLUE, _GREEN, _ORANGE), strict=True):
        for hook, dash in ((False, "-"), (True, "--")):
            rows = [row for row in figures["admission"] if row["members"] == count and row["hook"] is hook]
            label = f"{count} together" + (", launch hook" if hook else "")
            boots, lags = [row["boot"] for row in rows], [row["longest"] for row in rows]
            axes.plot(boots, lags, dash, marker="o", color=colour, label=label)
    for target, name in ((35, "target for up to ten"), (100, "target for a hundred")):
        axes.axhline(target, color=_RED, linewidth=1, linestyle=":")
        axes.text(1000, target + 1.5, name, ha="right", color=_RED, fontsize=10)
    axes.set_xlabel("seconds of boot")
    axes.set_ylabel("seconds from healthy to DNS")
    axes.set_ylim(0, 112)
    axes.legend(loc="upper left", ncols=3, fontsize=10, bbox_to_anchor=(0, 1.2))
    return figure


def audits(figures: Figures) -> Figure:
    """Draw the CPU time and the memory of an audit by the number of members."""
    rows = figures["audits"]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    seconds, memory = figure.subplots(1, 2)
    members = [f"{row['members']:,}" for row in rows]
    ours = [row["fleet53"] for row in rows]
    seconds.bar(members, ours, color=_BLUE, label="fleet53")
    seconds.bar(members, [row["botocore"] for row in rows], bottom=ours, color=_INK, label="botocore")
    for place, row in enumerate(rows):
        total = row["fleet53"] + row["botocore"]
        seconds.text(place, total, f"{total:.2f}", ha="center", va="bottom", fontsize=10)
    _target(seconds, 3.0, "target for fleet53")
    seconds.set(xlabel="members", ylabel="CPU seconds")
    seconds.legend(loc="upper left")
    memory.bar(members, [row["peak"] for row in rows], color=_GREEN, label="peak")
    memory.bar(members, [row["at_start"] for row in rows], color=_INK, label="at the start")
    for place, row in enumerate(rows):
        memory.text(place, row["peak"], f"{row['peak']:g}", ha="center", va="bottom", fontsize=10)
    _target(memory, 200, "target")
    memory.set(xlabel="members", ylabel="MB", ylim=(0, 260))
    memory.legend(loc="upper left", ncols=2)
    return figure


def steady(figures: Figures) -> Figure:
    """Draw the calls of an hour by operation, with and without other instances that start."""
    quiet, busy = figures["steady"]
    names = sorted(
        {*quiet["calls"], *busy["calls"]}, key=lambda name: (max(_calls(quiet, name), _calls(busy, name)), name)
    )
    figure = Figure(figsize=(9, 0.36 * len(names) + 1.3), layout="constrained")
    axes = figure.subplots()
    places = range(len(names))
    for row, shift, colour in ((busy, 0.2, _ORANGE), (quiet, -0.2, _BLUE)):
        numbers = [_calls(row, name) for name in names]
        label = f"{row['started']:,} other instances start: {row['cents']:g} cents"
        bars = axes.barh([place + shift for place in places], numbers, 0.4, color=colour, label=label)
        axes.bar_label(bars, padding=3, fontsize=9)
    axes.set_yticks(places, names)
    axes.set_xscale("symlog")
    axes.set_xlabel("calls in an hour, with ten members and four audits")
    axes.legend(loc="lower right")
    return figure


def _calls(row: Mapping[str, Any], name: str) -> int:
    return int(row["calls"].get(name, 0))


def _target(axes: Any, value: float, name: str) -> None:
    axes.axhline(value, color=_RED, linewidth=1, linestyle=":")
    axes.text(-0.45, value, name, va="bottom", color=_RED, fontsize=10)


def main(names: Sequence[str]) -> int:
    """Draw the plots, or those that are named."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    FOLDER.mkdir(exist_ok=True)
    drawn = {"bursts": bursts, "admission": admission, "audits": audits, "steady": steady}
    for name in names or drawn:
        with mpl.rc_context(_STYLE):
            drawn[name](figures).savefig(
                FOLDER / f"{name}.svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
