"""K and tau against the bound, and where the critic is at chance."""

import math

import matplotlib.pyplot as plt
import pytest
import torch
from torch.nn.functional import normalize

from kd_teach.course.widgets import crd, crd_widget

N, K, TAU = 60, 16, 0.2
LABELS = torch.arange(N) % 3


@pytest.fixture
def v():
    return normalize(torch.randn(N, 8)), normalize(torch.randn(N, 8))


def test_side_matches_the_equation(v):
    """With all strangers in play nothing is random: -log h(partner) - sum over strangers of log(1 - h)."""
    v_s, v_t = v
    negatives = 40  # all of the other two classes
    side, log_z = crd.student_side(v_s, v_t, LABELS, negatives, TAU, "paper")
    assert log_z == 0
    expected = 0.0
    for i in range(N):
        h = [1 / (1 + negatives / N / math.exp(v_s[i] @ v_t[j] / TAU)) for j in range(N)]
        expected -= math.log(h[i]) + sum(math.log(1 - h[j]) for j in range(N) if LABELS[j] != LABELS[i])
    assert side == pytest.approx(expected / N, rel=1e-4)


def test_with_z_unrelated_embeddings_are_near_chance(v):
    side, log_z = crd.student_side(*v, LABELS, K, 0.5, "repdistiller")
    assert log_z > 0
    assert side == pytest.approx(math.log(K) + 1, abs=0.5)


def test_side_leaves_the_random_numbers_alone(v):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = crd.student_side(*v, LABELS, K, TAU, "paper")
    assert torch.equal(torch.rand(1), expected)
    assert crd.student_side(*v, LABELS, K, TAU, "paper") == first


def draw(e_t, **changes):
    settings = {"negatives": K, "temperature": TAU, "learnt": 0.0, "variant": "paper"}
    return crd_widget(e_t, LABELS).draw(**settings | changes)


def test_critic_is_a_chance_where_the_title_says(v):
    left, _, curve = draw(v[1]).axes
    x, y = curve.lines[0].get_data()
    chance = -TAU * math.log(N)
    assert chance > -1
    assert left.get_title() == f"h is at chance, 1/{K + 1},\nat score {chance:.2f} (dotted)"
    assert left.lines[0].get_xdata()[0] == pytest.approx(chance)
    assert y[abs(x - chance).argmin()] == pytest.approx(1 / (K + 1), rel=0.05)


def test_chance_out_of_reach_is_said(v):
    left = draw(v[1], temperature=0.4).axes[0]
    assert not left.lines
    assert "out of reach" in left.get_title()


def test_bound_of_every_k_stays_under_its_ceiling(v):
    for variant in ("paper", "repdistiller"):
        right = draw(v[1], learnt=0.8, variant=variant).axes[1]
        ceiling, bound, chosen = right.lines
        assert ceiling.get_ydata() == pytest.approx([math.log(k) for k in (4, K)])
        assert all(b <= c for b, c in zip(bound.get_ydata(), ceiling.get_ydata(), strict=True))
        assert chosen.get_xdata() == [1]
        assert [t.get_text() for t in right.get_xticklabels()] == ["4", str(K)]


def test_who_has_learnt_more_shares_more(v):
    bounds = [draw(v[1], learnt=s, variant="repdistiller").axes[1].lines[1].get_ydata()[-1] for s in (0.0, 0.6, 0.9)]
    assert bounds == sorted(bounds)
    assert bounds[0] < 0 < bounds[-1]


def test_controls_draw_again():
    shown = crd_widget(torch.randn(N, 8), LABELS)
    assert shown.controls["negatives"].options == (4, 16)  # 40 strangers
    for name, value in {"variant": "paper", "negatives": 4, "temperature": 0.3, "learnt": 1.0}.items():
        before = shown.image.value
        shown.controls[name].value = value
        assert shown.image.value != before
        assert shown.message.value == ""
    assert not plt.get_fignums()


def test_works_with_nothing_but_not_with_half():
    assert crd_widget().message.value == ""
    with pytest.raises(ValueError, match="both the embeddings and their labels"):
        crd_widget(labels=LABELS)


def test_another_k_needs_no_new_loss(monkeypatch):
    shown = crd_widget()
    before = shown.image.value
    monkeypatch.setattr(crd, "student_side", None)  # calling it would fail
    shown.controls["negatives"].value = 16
    assert shown.message.value == "" and shown.image.value != before
    shown.controls["learnt"].value = 0.8
    assert "TypeError" in shown.message.value
