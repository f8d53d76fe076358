"""Noise in the student's features against its similarity matrix."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach.course.widgets import _examples, sp_widget
from kd_teach.methods.sp import SPLoss, similarity_matrix

LABELS = torch.tensor([1, 0, 1, 0])
ORDER = [1, 3, 0, 2]
F_T, F_S = torch.rand(2, 4, 2, 3, 3, generator=torch.Generator().manual_seed(0))


def test_matrices_are_of_the_teacher_and_of_the_noisy_student():
    figure = sp_widget(F_T, LABELS, ("a", "b"), f_s=F_S).draw(noise=0.25)
    mixed = 0.75 * F_S + 0.25 * _examples.noise_like(F_S)
    for ax, f in zip(figure.axes, (F_T, mixed), strict=True):
        assert np.allclose(ax.images[0].get_array(), similarity_matrix(f)[ORDER][:, ORDER], atol=1e-6)
    assert figure.axes[0].images[0].get_clim() == figure.axes[1].images[0].get_clim()
    assert figure.get_suptitle() == f"Noise 25% → loss = {SPLoss()(mixed, F_T):.2e}"


def test_slider_draws_again_and_noise_costs():
    shown = sp_widget(F_T, LABELS, ("a", "b"))
    titles = []
    for noise in (0.0, 0.5, 1.0):
        before = shown.image.value
        shown.controls["noise"].value = noise
        assert shown.message.value == ""
        assert (shown.image.value != before) == (noise > 0)
        figure = shown.draw(noise=noise)
        titles.append(float(figure.get_suptitle().split("= ")[1]))
        plt.close(figure)
    assert titles[0] == 0
    assert 0 < titles[1] < titles[2]


def test_works_with_nothing_and_with_vectors():
    assert sp_widget().message.value == ""
    assert sp_widget(torch.rand(4, 5), f_s=torch.rand(4, 3)).message.value == ""
    assert not plt.get_fignums()


def test_features_of_another_batch_are_refused():
    with pytest.raises(ValueError, match="4"):
        sp_widget(F_T, f_s=F_S[:3])
