"""The one helper behind all widgets: controls above a picture that is drawn again whenever one of them moves.

With a live kernel and a front end it is an ordinary ipywidget. Everywhere else (an unrun page, GitHub, HTML export,
nbval) stands a picture of a few telling settings instead of a blank: both travel in one mimebundle.
"""

import base64
import gc
import html
import io
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import ipywidgets
import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox
from PIL import Image

from kd_teach.plots import STYLE

DPI = 90  # of the live picture: small enough to be drawn and sent within 150 ms
# A sixth of a redraw is spent on looking for room above titles and on fitting letters to pixels.
QUICK = STYLE | {"axes.titley": 1.0, "text.hinting": "none"}
WIDEST = 1000  # pixels of a static panel: a notebook would shrink a wider one until its labels cannot be read


class Explorer(ipywidgets.VBox):
    """Controls and the picture that they change.

    Args:
        draw: takes the values of all controls by name and returns a new Figure; it is closed once it has been sent.
        controls: ipywidgets with a `value`, by the names that `draw` gives them; a `description` names each.
        static: the settings shown side by side where nothing can move; what a setting leaves out stays as it starts.
        update: takes the last Figure and the values, and changes it into what `draw` would make of them; for a picture
            of which little moves, this halves a redraw. None draws anew each time.

    An error in `draw` appears, with its last line of code, under the picture; the picture stays as it was.
    """

    def __init__(
        self,
        draw: Callable[..., Figure],
        controls: Mapping[str, ipywidgets.ValueWidget],
        *,
        static: Sequence[Mapping[str, object]],
        update: Callable[..., None] | None = None,
    ) -> None:
        if not static:
            raise ValueError("static is empty; expected at least one setting to show where there is no kernel.")
        if unknown := {name for setting in static for name in setting} - controls.keys():
            raise ValueError(f"static sets {sorted(unknown)}; the controls are {sorted(controls)}.")
        self.draw, self.controls, self.static, self.update = draw, dict(controls), list(static), update
        self.start = {name: control.value for name, control in controls.items()}
        self._places: list[Bbox] = []
        self._last: Figure | None = None  # what `update` may change
        self.image = ipywidgets.Image(
            format="png", layout={"max_width": "100%", "object_fit": "contain", "align_self": "flex-start"}
        )
        self.message = ipywidgets.HTML()
        super().__init__([*controls.values(), self.image, self.message])
        for control in controls.values():
            control.observe(lambda change: self.redraw(), names="value")
        self.redraw()

    def redraw(self) -> None:
        """Draw with the present values."""
        open_before = set(plt.get_fignums())
        try:
            with matplotlib.rc_context(QUICK), no_garbage_collection():
                figure = self._figure({name: control.value for name, control in self.controls.items()})
                self.image.value = png(figure)
            # As laid out: what an aspect leaves of a place would shrink again with every picture.
            self._places = [ax.get_position(original=True) for ax in figure.axes]
            self._last = figure
            self.message.value = ""
        except Exception as error:  # whatever it is, the reader must see it: callbacks have no cell to print it in
            self._complain(error, open_before)

    def _figure(self, values: Mapping[str, object]) -> Figure:
        """The picture of these values: the last one changed where the widget can do that, else a new one."""
        last, self._last = self._last, None  # a figure that an error leaves half changed is not used again
        if self.update is not None and last is not None:
            self.update(last, **values)
            return last
        figure = self.draw(**values)
        thin_ticks(figure)
        self._place(figure)
        return figure

    def _complain(self, error: Exception, open_before: set[int]) -> None:
        """Show an error under the picture, and close the figures that were begun since."""
        for number in set(plt.get_fignums()) - open_before:  # the next cell would show them
            plt.close(number)
        where = traceback.extract_tb(error.__traceback__)[-1]
        shown = f"{type(error).__name__}: {error}\n{where.name}: {where.line}"
        self.message.value = f"<pre style='color: firebrick'>{html.escape(shown)}</pre>"

    def _place(self, figure: Figure) -> None:
        """Put the axes where the last picture had them: finding the best places takes half of the time of a redraw."""
        if len(figure.axes) == len(self._places):
            figure.set_layout_engine("none")
            for ax, place in zip(figure.axes, self._places, strict=True):
                ax.set_position(place)

    def panel(self) -> bytes:
        """The static settings side by side as a PNG, or one below the other where that would be too wide to read."""
        with matplotlib.rc_context(STYLE):
            drawn = [png(self.draw(**self.start | dict(setting))) for setting in self.static]
        pictures = [Image.open(io.BytesIO(one)) for one in drawn]
        widths, heights = ([getattr(picture, size) for picture in pictures] for size in ("width", "height"))
        beside = sum(widths) <= WIDEST
        size = (sum(widths), max(heights)) if beside else (max(widths), sum(heights))
        joined = Image.new("RGB", size, "white")
        left = top = 0
        for picture in pictures:
            joined.paste(picture, (left, top))
            left, top = (left + picture.width, top) if beside else (left, top + picture.height)
        file = io.BytesIO()
        joined.quantize(256, method=Image.Quantize.MAXCOVERAGE).save(file, "png", optimize=True)
        return file.getvalue()

    def _repr_mimebundle_(self, **kwargs) -> dict[str, object]:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
        names = ", ".join(control.description.rstrip(":") for control in self.controls.values())
        data["text/plain"] = f"[interactive picture; with a kernel you can move: {names}]"
        open_before = set(plt.get_fignums())
        try:
            data["image/png"] = base64.b64encode(self.panel()).decode()
        except Exception as error:  # the widget itself may still work: show it, with the error under it
            self._complain(error, open_before)
        return data


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Put the collector off until the picture is out: figures are full of cycles, and a collection takes 300 ms."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def filled(blank: Callable[[], Figure], fill: Callable[..., None]) -> Callable[..., Figure]:
    """The `draw` that goes with an `update` called `fill`: an empty picture, filled."""

    def draw(**values) -> Figure:
        figure = blank()
        fill(figure, **values)
        return figure

    return draw


def emptied(ax: Axes) -> Axes:
    """The axes without what was drawn in them, for an `update` that draws anew; ticks, labels and titles stay."""
    for artist in (*ax.lines, *ax.patches, *ax.collections, *ax.images, *ax.texts, *ax.artists):
        artist.remove()
    ax.containers.clear()
    ax.relim()
    ax.autoscale()
    return ax


def thin_ticks(figure: Figure) -> None:
    """At most five ticks where matplotlib chooses them: their labels are most of what there is to draw."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if isinstance(locator := axis.get_major_locator(), MaxNLocator):
                locator.set_params(nbins=4)


def png(figure: Figure) -> bytes:
    """The figure as a PNG; it is closed, so that the inline backend does not show it a second time."""
    file = io.BytesIO()
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.print_png(file, pil_kwargs={"compress_level": 1})  # savefig would lay out and draw it twice
    plt.close(figure)
    return file.getvalue()
