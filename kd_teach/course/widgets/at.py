"""Attention Transfer with handles: the power p, where teacher and student look, how far they differ.

Zagoruyko & Komodakis, Paying More Attention to Attention, ICLR 2017. https://arxiv.org/abs/1612.03928
"""

from collections.abc import Sequence

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from kd_teach.course.widgets.explorer import Explorer
from kd_teach.methods.at import ATLoss, attention_map
from kd_teach.plots.attention import attention_grid


def at_widget(
    images: Tensor | None = None,
    teacher: Sequence[Tensor] | None = None,
    student: Sequence[Tensor] | None = None,
    *,
    masks: Tensor | None = None,
) -> Explorer:
    """A slider for p, pickers for stage and image: the attention maps of teacher and student side by side.

    Args:
        images: (N, 3, H, W) uint8; None, with the maps, makes a small example.
        teacher, student: maps (N, C, h, w) per stage (`features.stages`); C may differ.
        masks: (N, H, W) bool, True on the object: outlined, and the share of attention on it is printed.
    """
    given = [part is not None for part in (images, teacher, student)]
    if any(given) != all(given):
        raise ValueError("Pass images, teacher and student together, or none of them for a small example.")
    if images is None:
        images, teacher, student, masks = example()
    if len(teacher) != len(student):
        raise ValueError(f"The teacher has {len(teacher)} stages, the student {len(student)}; expected as many.")
    last = len(teacher)
    wide = {"layout": {"width": "480px"}, "style": {"description_width": "150px"}}
    controls = {
        "p": ipywidgets.FloatLogSlider(
            2, base=2, min=-1, max=3, step=0.25, readout_format=".2g", description="p, the power of |f|", **wide
        ),
        "stage": ipywidgets.ToggleButtons(options=range(1, last + 1), value=last, description="stage", **wide),
        "image": ipywidgets.IntSlider(1, min=1, max=len(images), description="image", **wide),
    }
    controls["stage"].style.button_width = "60px"

    def draw(p: float, stage: int, image: int) -> Figure:
        """One image and two attention maps (1, h, w); `stage` and `image` count from 1."""
        one = slice(image - 1, image)
        f_t, f_s = teacher[stage - 1][one].detach(), student[stage - 1][one].detach()
        maps = {
            f"teacher, stage {stage}": attention_map(f_t, p).unflatten(1, f_t.shape[2:]),
            f"student, stage {stage}": attention_map(f_s, p).unflatten(1, f_s.shape[2:]),
        }
        distance = ATLoss(p=p)([f_s], [f_t]).item()
        title = f"p = {p:.2g}: distance of the two maps {distance:.2f} (0 the same, {2**0.5:.2f} no overlap)"
        figure = attention_grid(images[one], maps, masks=None if masks is None else masks[one], title=title).figure
        figure.set_size_inches(8, 3.4)
        return figure

    return Explorer(draw, controls, static=[{"p": 0.5}, {"p": 8}])


def example() -> tuple[Tensor, list[Tensor], list[Tensor], Tensor]:
    """Four pictures of a square, a teacher that sees the square, a student that also sees a bright corner."""
    noise = torch.Generator().manual_seed(0)
    masks = torch.zeros(4, 32, 32, dtype=torch.bool)
    for n, (top, left) in enumerate([(4, 14), (12, 4), (16, 18), (10, 10)]):
        masks[n, top : top + 10, left : left + 10] = True
    images = torch.randint(0, 90, (4, 3, 32, 32), generator=noise)
    images = (images + masks[:, None] * torch.tensor([150, 60, 20]).view(3, 1, 1)).to(torch.uint8)
    images[:, :, 24:, :8] += 120
    corner = torch.zeros(32, 32)
    corner[24:, :8] = 1
    teacher, student = [], []
    for channels, side in ((4, 32), (8, 16), (16, 8)):
        size = lambda x, side=side: torch.nn.functional.adaptive_avg_pool2d(x.float(), side)[:, None]
        seen = size(masks) + 0.1  # (4, 1, side, side)
        rand = lambda channels=channels, side=side: torch.rand(4, channels, side, side, generator=noise)
        teacher.append(seen * rand())
        student.append((0.5 * seen + size(corner[None])) * rand())
    return images, teacher, student, masks
