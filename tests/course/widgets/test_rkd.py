"""Two losses follow the student's points; scale, turn and shift change nothing."""

import base64

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from kd_teach.course.widgets import rkd
from kd_teach.methods.rkd import RKDLoss, distance_ratios

TRIANGLE = [[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]
BENT = [[0.0, 0.0], [3.0, 0.0], [2.0, 2.0]]


def losses(figure) -> list[str]:
    return [ax.get_title().split(" = ")[1] for ax in figure.axes[1:]]


def test_titles_show_both_losses():
    t, s = torch.tensor(TRIANGLE), torch.tensor(BENT)
    shown = losses(rkd.draw(TRIANGLE, BENT))
    assert shown == [f"{RKDLoss(distance=d, angle=a)(s, t):.4f}" for d, a in ((1, 0), (0, 1))]
    assert "0.0000" not in shown


@pytest.mark.parametrize("change", rkd.CHANGES.values(), ids=rkd.CHANGES)
def test_changes_that_cost_nothing(change):
    changed = change(TRIANGLE)
    assert not np.allclose(changed, TRIANGLE)
    assert losses(rkd.draw(TRIANGLE, changed)) == ["0.0000", "0.0000"]


def test_distances_and_angles_stand_over_the_teachers():
    _, distances, corners = rkd.draw(TRIANGLE, BENT).axes
    x, y = distances.lines[1].get_data()
    assert np.allclose(sorted(x), np.array([3, 4, 5]) / 4)
    pairs = torch.triu_indices(3, 3, offset=1).unbind()
    assert np.allclose(y, distance_ratios(torch.tensor(BENT))[pairs])
    x, y = corners.lines[1].get_data()
    assert sorted(np.round(x).tolist()) == [37, 53, 90]
    assert sum(y) == pytest.approx(180)
    assert y[list(np.round(x)).index(90)] == pytest.approx(45)


def test_letters_stand_at_the_corners_of_the_polygons():
    """The teacher's outside its own and the student's inside, so that no two lie on each other where corners meet."""
    shapes = rkd.draw(TRIANGLE, BENT).axes[0]
    corners = torch.cat([rkd.relative(torch.tensor(points)) for points in (TRIANGLE, BENT)])
    assert [text.get_text() for text in shapes.texts] == list("ABCABC")
    beside = corners * torch.tensor([1.18] * 3 + [0.82] * 3)[:, None]
    assert np.allclose([text.get_position() for text in shapes.texts], beside)
    assert np.allclose(np.concatenate([polygon.get_xy()[:3] for polygon in shapes.patches]), corners)


def test_far_points_stay_in_the_picture():
    far = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [0.1, 0.1], [0.05, 0.05], [9.0, 9.0]]
    shapes, distances, _ = rkd.draw(far[::-1], far).axes
    assert all(abs(x) < shapes.get_xlim()[1] for text in shapes.texts for x in text.get_position())
    assert distances.lines[1].get_ydata().max() <= distances.get_ylim()[1]


def test_coinciding_points_are_drawn():
    figure = rkd.draw(TRIANGLE, [[1.0, 1.0]] * 3)
    assert "nan" not in "".join(losses(figure))


def test_moving_a_point_draws_again():
    shown = rkd.rkd_widget(TRIANGLE, TRIANGLE)
    before = shown.image.value
    shown.controls["student"].value = BENT
    assert shown.message.value == ""
    assert shown.image.value != before


def test_buttons_move_the_students_points():
    shown = rkd.rkd_widget(TRIANGLE, BENT)
    points = shown.controls["student"]
    assert list(shown.buttons) == ["Reset", "Copy the teacher", "Scale × 2", "Rotate", "Shift"]
    shown.buttons["Copy the teacher"].click()
    assert points.value == TRIANGLE
    shown.buttons["Scale × 2"].click()
    assert points.value == [[0, 0], [6, 0], [0, 8]]
    shown.buttons["Shift"].click()
    assert points.value == [[0.4, 0.2], [6.4, 0.2], [0.4, 8.2]]
    shown.buttons["Reset"].click()
    assert points.value == BENT
    assert points.fixed == TRIANGLE
    assert shown.message.value == ""


def test_twelve_turns_are_none():
    turned = TRIANGLE
    for _ in range(12):
        turned = rkd.rotate(turned)
    assert np.allclose(turned, TRIANGLE)


def test_without_a_kernel_there_is_a_picture():
    data = rkd.rkd_widget()._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "arrow keys" in data["text/plain"]
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("teacher", "student"), [(TRIANGLE, BENT[:2]), (TRIANGLE[:2], BENT[:2]), ([[0.0, 1, 2]] * 3, [[0.0, 1, 2]] * 3)]
)
def test_bad_points_are_named(teacher, student):
    with pytest.raises(ValueError, match=r"expected \(N, 2\) twice"):
        rkd.rkd_widget(teacher, student)
