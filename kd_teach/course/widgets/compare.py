"""All methods on one pair of networks: which layers does a method pull, how hard, and where to?"""

from collections.abc import Mapping
from functools import cache

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

import kd_teach.plots as plots
from kd_teach.course.widgets.explorer import Explorer, emptied, filled
from kd_teach.data import load_data, plain_batches
from kd_teach.models import create_model
from kd_teach.plots import style
from kd_teach.training.gradients import Pull, compare_gradients
from kd_teach.training.teachers import load_teacher

# Fixed places and few ticks: a layout engine would measure every text, which takes longer than drawing it.
PLACES = {"width_ratios": (2, 1), "left": 0.08, "right": 0.98, "bottom": 0.14, "top": 0.91, "wspace": 0.32}


def compare_widget(pulls: Mapping[str, Pull] | None = None) -> Explorer:
    """What would the gradient do: pick a method and a weight, compare with cross-entropy layer by layer.

    Args:
        pulls: method's name -> its gradients, as `gradients.compare_gradients(student, teacher, data, batch)` gives
            them for all methods that a pair allows. None takes the shipped shapes10 teacher, an untrained resnet8 and
            16 images; that takes some seconds, once.
    """
    pulls = example() if pulls is None else dict(pulls)
    if not pulls:
        raise ValueError("pulls is empty; pass at least one method: {'kd': layer_gradients(run, batch)}.")
    wide = {"layout": {"width": "440px"}, "style": {"description_width": "130px"}}
    controls = {
        "method": ipywidgets.Dropdown(options=list(pulls), description="method", **wide),
        "times": ipywidgets.FloatLogSlider(1.0, min=-2, max=2, step=0.1, description="× its own weight", **wide),
    }
    telling = [method for method in ("kd", "fitnet", "rkd") if method in pulls] or list(pulls)[:1]
    blank = lambda: plt.subplots(1, 2, figsize=(8, 3.4), gridspec_kw=PLACES)[0]

    def fill(figure: Figure, method: str, times: float) -> None:
        """Gradient norms of cross-entropy and of the weighted method at each layer, and the cosine between the two."""
        left, right = map(emptied, figure.axes)
        pull = pulls[method]
        weight = times * pull.weight
        low, high = _limits(pulls)
        norms = {"cross-entropy": pull.layers["task"], f"{method}, weight {weight:.3g}": weight * pull.layers["distil"]}
        plots.gradient_by_layer(norms, colours=(style.OTHERS[5], style.TEACHER), limits=(low, high), ax=left)
        decades = [10.0**power for power in range(-8, 9, 2) if low <= 10.0**power <= high]
        left.set_yticks(decades, [f"{decade:g}" for decade in decades])
        left.yaxis.set_minor_locator(NullLocator())
        left.legend(loc="upper left", ncols=2)
        left.set_title("How hard each pulls at the student's layers")
        plots.gradient_cosines(pull.layers["cosine"], ax=right)
        right.set_xticks([-1, 0, 1])
        right.set_title("The same way?")

    static = [{"method": method} for method in telling]
    return Explorer(filled(blank, fill), controls, static=static, update=fill)


def _limits(pulls: Mapping[str, Pull]) -> tuple[float, float]:
    """One axis for all methods and weights, so that only the bars move; cut where next to nothing is left."""
    task = [size for pull in pulls.values() for size in pull.layers["task"] if size > 0]
    return min(task) / 100, max(task) * 10_000


@cache
def example() -> dict[str, Pull]:
    """The gradients of every method for a small real pair: computed once per session."""
    data = load_data("shapes10", samples=500, val=0)
    teacher = load_teacher("shapes10/resnet20")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        student = create_model("resnet8", num_classes=data.num_classes)
        batch = next(plain_batches(data.train.select(slice(16)), data, 16))
        return compare_gradients(student, teacher, data, batch)
