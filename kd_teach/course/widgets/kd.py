"""KD: a temperature slider over what teacher and student answer to one image."""

from collections.abc import Sequence

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor

import kd_teach.plots as plots
from kd_teach.course.widgets.explorer import Explorer
from kd_teach.methods import KDLoss


def kd_widget(
    z_t: Tensor | None = None,
    z_s: Tensor | None = None,
    classes: Sequence[str] | None = None,
    *,
    images: Tensor | None = None,
    labels: Tensor | None = None,
    student: str = "student alone",
) -> Explorer:
    """Move the temperature and see the small probabilities rise; pick the image; with a log axis see all of them.

    Args:
        z_t, z_s: logits (N, K) of teacher and student for the same few images; None shows a small made-up example.
        classes: K names.
        images: (N, 3, H, W) uint8, shown beside their bars.
        labels: (N,) class numbers, marked in the bars.
        student: what the student is called: "student alone" and "distilled student" have their fixed colours.
    """
    if z_t is None and z_s is None and classes is None:
        z_t, z_s, classes, labels = EXAMPLE
    if z_t is None or z_s is None or classes is None:
        raise ValueError("Pass z_t, z_s and classes together, or none of them for a made-up example.")
    z_t, z_s = (torch.as_tensor(z).detach().cpu().float() for z in (z_t, z_s))
    counts = {len(x) for x in (z_t, z_s, images, labels) if x is not None}
    if len(counts) > 1:
        raise ValueError(f"z_t, z_s, images and labels are for {sorted(counts)} images; expected the same number.")
    wide = {"layout": {"width": "440px"}, "style": {"description_width": "110px"}}
    controls = {
        "temperature": ipywidgets.FloatSlider(4.0, min=0.5, max=20, step=0.5, description="temperature T", **wide),
        "image": ipywidgets.IntSlider(0, min=0, max=len(z_t) - 1, description="image", **wide),
        "log": ipywidgets.Checkbox(False, description="log axis: show small probabilities", **wide),
    }

    def draw(temperature: float, image: int, log: bool) -> Figure:
        """One image, both networks' soft targets, and the value of the KD loss at this temperature."""
        label = None if labels is None else int(labels[image])
        # Fixed places and few ticks: a layout engine would measure every text, which takes longer than drawing it.
        width, edge = (6.0, 0.0) if images is None else (7.8, 2.1)  # inches; `edge` is where the picture ends
        names = 0.2 + 0.085 * max(len(name + " (true)") for name in classes)  # inches that the class names take
        figure = plt.figure(figsize=(width, 3.2))
        bars = figure.add_axes(((edge + names) / width, 0.15, (width - edge - names - 0.15) / width, 0.75))
        if images is not None:
            picture = figure.add_axes((0.1 / width, 0.15, (edge - 0.2) / width, 0.75))
            plots.image_grid(images[image : image + 1], ax=picture)
            picture.set_anchor("N")
        answers = {"teacher": z_t[image], student: z_s[image]}
        plots.soft_targets_by_network(answers, classes, temperature=temperature, label=label, log=log, ax=bars)
        loss = KDLoss(temperature=temperature)(z_s[image : image + 1], z_t[image : image + 1]).item()
        bars.set_title(f"T = {temperature:g}: T² KL = {loss:.2f}, without T² {loss / temperature**2:.3f}")
        bars.xaxis.set_major_formatter("{x:g}")
        bars.xaxis.set_minor_locator(NullLocator())
        bars.legend(loc="lower right")
        return figure

    return Explorer(draw, controls, static=[{"temperature": 1.0}, {"temperature": 4.0}, {"temperature": 20.0}])


EXAMPLE = (  # a teacher that knows its look-alikes, and a student that does not yet
    torch.tensor([[9.0, 5.5, 3.0, -2.0, -3.0], [5.0, 8.5, 2.5, -3.0, -2.5], [-3.0, -2.0, -1.5, 7.0, 6.0]]),
    torch.tensor([[3.0, 1.0, -1.0, 1.5, -1.0], [2.0, 2.5, 1.0, -1.0, 1.0], [0.5, -1.0, 1.0, 1.5, 2.5]]),
    ("cat", "dog", "deer", "truck", "ship"),
    torch.tensor([0, 1, 3]),
)
