"""The FT widget: the rate decides how much of the channels is left."""

import pytest
import torch

from kd_teach.course.widgets import ft_widget
from kd_teach.course.widgets.ft import example
from kd_teach.plots import project_channels


def title(ax):
    return ax.get_title() or ax.get_title(loc="left")


def test_every_control_redraws():
    widget = ft_widget()
    for name, value in (("rate", "1/4"), ("image", 3)):
        before = widget.image.value
        widget.controls[name].value = value
        assert widget.image.value != before
        assert widget.message.value == ""


def test_title_and_heads_tell_what_is_kept():
    f = example()
    squeezed = {name: project_channels(f, rate) for name, rate in (("1/4", 0.25), ("3/4", 0.75))}
    first, second = f[1].square().sum(dim=(1, 2)).topk(2).indices.tolist()
    widget, scores = ft_widget(f, count=2), {}
    for rate in squeezed:
        ax = widget.draw(rate=rate, image=2).axes[0]
        count = {"1/4": 4, "3/4": 12}[rate]
        share = 100 * squeezed[rate][1]
        assert title(ax) == f"{count} of 16 directions keep {share:.0f} % of the variance (linear squeeze)"
        heads = [text.get_text() for text in ax.texts]
        assert heads[:2] == [f"channel {first}", f"channel {second}"]
        scores[rate] = [float(head.removeprefix("R² ")) for head in heads[2:]]
    assert all(few < many for few, many in zip(scores["1/4"], scores["3/4"], strict=True))


def test_images_stand_in_front():
    images = torch.full((4, 3, 6, 6), 9, dtype=torch.uint8)
    widget = ft_widget(example().requires_grad_(), images=images, count=3)
    assert widget.message.value == ""
    figure = widget.draw(rate="1/2", image=1)
    assert (figure.axes[1].images[0].get_array() == 9).all()


def test_strongest_channels_of_the_image_are_shown():
    f = torch.rand(2, 4, 3, 3)
    f[0, 2] += 5
    f[1, 3] += 5
    widget = ft_widget(f, count=1)
    shown = [widget.draw(rate="1/2", image=image).axes[0].texts[0].get_text() for image in (1, 2)]
    assert shown == ["channel 2", "channel 3"]


def test_static_panel_shows_the_ends():
    widget = ft_widget()
    assert widget.static == [{"rate": "1/4"}, {"rate": "3/4"}]
    assert widget.panel().startswith(b"\x89PNG")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="3 images came with 4"):
        ft_widget(images=torch.zeros(3, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match="keeps 0 of 1"):
        ft_widget(torch.rand(2, 1, 4, 4))
