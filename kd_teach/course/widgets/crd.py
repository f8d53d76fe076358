"""Contrastive Representation Distillation: what K and tau do to the critic h and to the bound on shared information."""

import math
from functools import lru_cache

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import normalize

import kd_teach.plots as plots
from kd_teach.course.widgets import _examples
from kd_teach.course.widgets.explorer import Explorer, emptied, filled
from kd_teach.methods.crd import CRDLoss, mutual_information_bound
from kd_teach.plots import style

ANCHORS = 64  # images per evaluation, as in a batch
FLOOR = -4.0  # nats: what lies lower is drawn here
GRID = torch.linspace(-1, 1, 201)


def crd_widget(e_t: Tensor | None = None, labels: Tensor | None = None) -> Explorer:
    """Sliders for K, tau and how much the student has learnt: does h know strangers, how near is the ceiling log K?

    Args:
        e_t: the teacher's embeddings (n, D) of a whole (small) set; None makes 512 up. The student's are mixed from
            them and noise.
        labels: (n,) class numbers: negatives are of another class.
    """
    if (e_t is None) != (labels is None):
        raise ValueError("crd_widget needs both the embeddings and their labels, or none of the two.")
    if e_t is None:
        e_t, labels = _examples.batch(per_class=128, width=32)
    v_t = normalize(e_t.detach().float() - e_t.mean(dim=0))
    noise = normalize(_examples.noise_like(v_t))
    reach = len(labels) - int(labels.unique(return_counts=True)[1].max())  # so many are of another class, at least
    sizes = [4**p for p in range(1, max(3, int(math.log(max(reach, 4), 4)) + 1))]
    wide = {"layout": {"width": "520px"}, "style": {"description_width": "210px"}}
    controls = {
        "negatives": ipywidgets.SelectionSlider(
            options=sizes, value=sizes[-1], description="K: strangers per partner", **wide
        ),
        "temperature": ipywidgets.FloatSlider(
            0.1, min=0.03, max=0.5, step=0.01, description="tau: temperature of the scores", **wide
        ),
        "learnt": ipywidgets.FloatSlider(
            0.5, min=0, max=1, step=0.05, description="teacher's share in student", **wide
        ),
        "variant": ipywidgets.Dropdown(
            options={"divided by Z, as in RepDistiller": "repdistiller", "as they are, as in the paper": "paper"},
            description="exponentials of the scores",
            **wide,
        ),
    }
    static = [{"learnt": 0.0}, {}, {"variant": "paper"}]

    def student(learnt: float) -> Tensor:
        """The student's embeddings: so much of the teacher's, the rest noise."""
        return normalize(torch.lerp(noise, v_t, learnt))

    @lru_cache(maxsize=64)  # the slider of K moves none of them
    def all_sides(temperature: float, learnt: float, variant: str) -> dict[int, tuple[float, float]]:
        """K -> `student_side`, for every K."""
        v_s = student(learnt)
        return {k: student_side(v_s, v_t, labels, k, temperature, variant) for k in sizes}

    def blank() -> Figure:
        # Fixed margins: looking for the best ones at every move of a slider would take a third of the time.
        margins = {"left": 0.05, "right": 0.98, "bottom": 0.15, "top": 0.84, "wspace": 0.36}
        figure, (left, _) = plt.subplots(1, 2, figsize=(8, 3.5), gridspec_kw=margins)
        left.twinx()  # h has a scale of its own
        return figure

    def fill(figure: Figure, negatives: int, temperature: float, learnt: float, variant: str) -> None:
        """Left h over the score and the scores that occur; right the bound for every K, the chosen one marked."""
        v_s, sides = student(learnt), all_sides(temperature, learnt, variant)
        left, right, beside = map(emptied, figure.axes)
        scores = v_s[:ANCHORS] @ v_t.T
        others = labels[:ANCHORS, None] != labels
        plots.score_histograms(scores.diagonal(), scores[others], ax=left)
        _critic(left, beside, negatives, len(v_t), temperature, sides[negatives][1])
        _bounds(right, {k: float(mutual_information_bound(side, k)) for k, (side, _) in sides.items()}, negatives)

    return Explorer(filled(blank, fill), controls, static=static, update=fill)


def student_side(v_s: Tensor, v_t: Tensor, labels: Tensor, negatives: int, temperature: float, variant: str):
    """L_side of student anchors among the teacher's rows, and log Z, measured (as in training) on unrelated ones."""
    width = v_t.shape[1]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)  # the same strangers at every move of a slider
        loss = CRDLoss(width, width, labels, dim=width, negatives=negatives, temperature=temperature, variant=variant)
        index = torch.arange(min(ANCHORS, len(labels)))
        loss(v_s[index], v_t[index], index)  # first batch, fresh layers and banks: here Z is measured
        for layer in (loss.embed_s, loss.embed_t):
            layer.weight.copy_(torch.eye(width))
            layer.bias.zero_()
        loss.bank_s.rows.copy_(v_s)
        loss.bank_t.rows.copy_(v_t)
        return loss.per_side(v_s[index], v_t[index], index)[0].item(), loss.log_z[0].item()


def _critic(ax: Axes, beside: Axes, negatives: int, n: int, temperature: float, log_z: float) -> None:
    """h over the score, and the score that a stranger needs for h to be right about it: 1 in K + 1."""
    log_q = math.log(negatives / n) + log_z  # h = exp(s/tau) / (exp(s/tau) + Z K/n)
    beside.plot(GRID, torch.sigmoid(GRID / temperature - log_q), color=style.INK, label="h")
    beside.set(ylim=(0, 1.45), yticks=(0, 1), ylabel="h: taken for partners")
    chance = temperature * (log_q - math.log(negatives))
    if chance >= -1:
        ax.axvline(chance, color=style.INK, linestyle=":")
        where = f"at score {chance:.2f} (dotted)"
    else:
        where = f"at {chance:.2f}: out of reach"
    ax.set(title=f"h is at chance, 1/{negatives + 1},\n{where}", xlabel="score of the pair: a·b", xticks=(-1, 0, 1))


def _bounds(ax: Axes, bounds: dict[int, float], negatives: int) -> None:
    sizes = list(bounds)
    steps = range(len(sizes))  # equal steps from one power of two to the next
    ax.plot(steps, [math.log(k) for k in sizes], "--", color=style.INK, label="ceiling log K")
    shown = [max(FLOOR, bound) for bound in bounds.values()]
    ax.plot(steps, shown, "o-", color=style.DISTILLED, label="log K − loss of a side")
    chosen = sizes.index(negatives)
    ax.plot([chosen], [shown[chosen]], "o", color=style.DISTILLED, markersize=11)
    ax.axhspan(FLOOR - 0.5, 0, color="#EEEEEE")
    ax.set_xticks(steps, sizes)
    ax.set(ylim=(FLOOR - 0.5, math.log(sizes[-1]) + 2), xlabel="K", ylabel="nats (grey: says nothing)")
    # Not "they share at least ...": all strangers are of other classes, so knowing the class raises it.
    beside = "off the scale" if bounds[negatives] < FLOOR else "may overstate what is shared"
    ax.set_title(f"log K − loss = {bounds[negatives]:.3g} nats\n({beside})")
    ax.legend(loc="upper left")
