"""The curves, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt

_SETTINGS = {"svg.hashsalt": "tonearm", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
_COLOUR = "#2b6cb0"


def line(path: Path, xs: Sequence[float], ys: Sequence[float], *, x: str, y: str, title: str) -> None:
    """Draw one curve from nought."""
    with mpl.rc_context(_SETTINGS):
        figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
        axes.plot(xs, ys, color=_COLOUR, linewidth=1.6, marker="o" if len(xs) < 10 else "")
        axes.set(xlabel=x, ylabel=y, title=title)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        _save(figure, path)


def bars(path: Path, values: dict[str, float], *, x: str, title: str) -> None:
    """Draw a bar for each name, the first on top."""
    with mpl.rc_context(_SETTINGS):
        figure, axes = plt.subplots(figsize=(6.4, 0.4 * len(values) + 1), layout="constrained")
        names = list(values)[::-1]
        drawn = axes.barh(
            names,
            [values[name] for name in names],
            color=[_COLOUR if "Tonearm" in name else "#a0aec0" for name in names],
        )
        axes.bar_label(drawn, fmt="%.1f", padding=3)
        axes.set(xlabel=x, title=title)
        _save(figure, path)


def _save(figure: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})  # type: ignore[attr-defined]
    plt.close(figure)  # type: ignore[arg-type]
