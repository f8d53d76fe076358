"""One look for every picture: call `use_style()` once, at the top of a notebook or script.

The background is opaque white in light and dark JupyterLab alike: a transparent one would put black text on a
dark page, and colours chosen for both pages would be good on neither.

Teacher, student alone and distilled student keep their colours in all pictures. The palette is Okabe & Ito's
(Color Universal Design, 2008), which readers with the common colour deficiencies can tell apart, continued
with two colours of Paul Tol's "muted" scheme and grey. Curves also differ in their markers.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

TEACHER, ALONE, DISTILLED = "#0072B2", "#D55E00", "#009E73"  # blue, vermilion, bluish green
OTHERS = ("#E69F00", "#CC79A7", "#56B4E9", "#882255", "#999933", "#777777")  # for all without a fixed colour
MARKERS = ("o", "s", "^", "D", "v", "P")
INK = "#222222"
HIGHLIGHT = "#F0E442"  # yellow: outlines on photographs, invisible on white
SEQUENTIAL = "viridis"  # for amounts: even in lightness, readable in grey

STYLE: dict[Any, Any] = {  # matplotlib types every name of a setting
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "figure.figsize": (8, 4),
    "savefig.facecolor": "white",
    "font.size": 10,
    "axes.facecolor": "white",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=OTHERS),
    "grid.color": "#DDDDDD",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "image.cmap": SEQUENTIAL,
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Draw all later figures of this session in the package's style.

    For a part of a program only: `with matplotlib.rc_context(kd_teach.plots.STYLE): ...`
    """
    plt.rcParams.update(STYLE)


def colours(names: Iterable[str]) -> list[str]:
    """One colour per name: the fixed ones for what is called teacher, alone or distilled, others in order.

    A name need only contain the word, in any case ("resnet20 (teacher)", "Student alone"). Of two names with
    the same word the first takes the fixed colour, so that two distilled students can be told apart.
    """
    fixed = {"teacher": TEACHER, "alone": ALONE, "distil": DISTILLED}
    chosen = []
    others = 0
    for name in names:
        words = [word for word in fixed if word in name.lower()]
        if words:
            chosen.append(fixed.pop(words[0]))
        else:
            chosen.append(OTHERS[others % len(OTHERS)])
            others += 1
    return chosen


def axes(ax: Axes | None, *, figsize: tuple[float, float]) -> Axes:
    """The Axes passed in, or a new one on a figure of its own (inches), laid out so that nothing is cut."""
    return ax if ax is not None else plt.subplots(figsize=figsize, layout="constrained")[1]


def headline(figure: FigureBase, text: str) -> None:
    """A title over all panels, as bold and as far left as those of single ones."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=11, fontweight="bold")


@contextmanager
def closed_on_error(figure: Figure) -> Iterator[None]:
    """A figure that is half drawn when its numbers turn out to be wrong is closed: no notebook shall show it."""
    try:
        yield
    except ValueError:
        plt.close(figure)
        raise
