"""FT with handles: how few channels a feature map can be squeezed into before its channels are lost.

Kim et al., Paraphrasing Complex Network: Network Compression via Factor Transfer, NeurIPS 2018.
https://arxiv.org/abs/1802.04977
"""

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from kd_teach.course.widgets.explorer import Explorer
from kd_teach.plots.factors import project_channels, reconstructions
from kd_teach.plots.images import image_grid

RATES = {"1/4": 0.25, "1/2": 0.5, "3/4": 0.75}


def ft_widget(features: Tensor | None = None, *, images: Tensor | None = None, count: int = 8) -> Explorer:
    """A slider for the factor rate k: a few channels, and what k C numbers per pixel still know of them.

    The squeeze is the best linear one, `project_channels` (PCA), computed at once. A trained paraphraser is a
    non-linear relative of it, with 3x3 neighbourhoods and activations; this is not its reconstruction.

    Args:
        features: (N, C, H, W), the teacher's last map; None makes a small example. C >= 2.
        images: (N, 3, H0, W0) uint8, the pictures that they are of, shown in front.
        count: how many channels to show, those with the most energy in the image.
    """
    features = example() if features is None else features.detach().float()
    if images is not None and len(images) != len(features):
        raise ValueError(f"{len(images)} images came with {len(features)} feature maps; pass one per map.")
    squeezed = {name: project_channels(features, rate) for name, rate in RATES.items()}
    energy = features.square().sum(dim=(2, 3))
    chosen = energy.argsort(dim=1, descending=True)[:, :count]  # (N, count)
    wide = {"layout": {"width": "420px"}, "style": {"description_width": "110px"}}
    controls = {
        "rate": ipywidgets.SelectionSlider(options=list(RATES), value="1/2", description="factor rate k", **wide),
        "image": ipywidgets.IntSlider(1, min=1, max=len(features), description="image", **wide),
    }

    def draw(rate: str, image: int) -> Figure:
        """The chosen channels of one image, above as they are, below as they are rebuilt; `image` counts from 1."""
        rebuilt, kept = squeezed[rate]
        channels = chosen[image - 1]
        titles = [f"channel {channel}" for channel in channels.tolist()]
        ax = reconstructions(features[image - 1, channels], {"rebuilt": rebuilt[image - 1, channels]}, titles)
        width = features.shape[1]
        factors = round(RATES[rate] * width)
        ax.set_title(f"{factors} of {width} directions keep {100 * kept:.0f} % of the variance (linear squeeze)")
        figure = ax.figure
        figure.set_size_inches(8, 2.5)
        if images is not None:
            picture, tiles = figure.add_gridspec(1, 2, width_ratios=(1, 5))
            ax.set_subplotspec(tiles)
            image_grid(images[image - 1 : image], ax=figure.add_subplot(picture))
        return figure

    return Explorer(draw, controls, static=[{"rate": "1/4"}, {"rate": "3/4"}])


def example() -> Tensor:
    """Maps (4, 16, 8, 8), each channel a mixture of six blobs and a little noise, rectified."""
    random = torch.Generator().manual_seed(0)
    axis = torch.linspace(-1, 1, 8)
    centres = 1.6 * torch.rand(4, 6, 2, generator=random) - 0.8
    far = (axis[:, None] - centres[..., 0, None, None]) ** 2 + (axis - centres[..., 1, None, None]) ** 2
    blobs = torch.exp(-far / 0.15)  # (4, 6, 8, 8)
    mixture = torch.randn(16, 6, generator=random)
    noise = 0.15 * torch.randn(4, 16, 8, 8, generator=random)
    return (torch.einsum("cb,nbhw->nchw", mixture, blobs) + noise).relu()
