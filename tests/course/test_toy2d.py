"""The 2-D toy network: the same from the same seed, a student that ends on its teacher's side."""

import pytest
import torch

from kd_teach.course.toy2d import Fan, as_map, disc_and_ring, train_student, train_teacher
from kd_teach.methods import ABLoss


@pytest.fixture(scope="module")
def world():
    points, labels = disc_and_ring(120)
    return points, labels, train_teacher(points, labels, steps=120)


def test_points_lie_in_a_disc_and_a_ring():
    points, labels = disc_and_ring(300)
    radius = points.norm(dim=1)
    assert radius[labels == 0].max() <= 1
    assert radius[labels == 1].min() >= 1.4 and radius[labels == 1].max() <= 2.4
    assert labels.bincount().tolist() == [150, 150]


def test_same_seed_same_fans_and_no_draw_from_the_global_generator(world):
    points, labels, teacher = world
    before = torch.random.get_rng_state()
    again = train_teacher(points, labels, steps=120)
    student, twin = (train_student(teacher, points, steps=(3,))[3] for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(map(torch.equal, teacher, again)) and all(map(torch.equal, student, twin))
    assert not torch.equal(train_student(teacher, points, steps=(3,), seed=2)[3].weight, student.weight)


def test_teachers_lines_enclose_the_disc(world):
    points, labels, teacher = world
    firing = (teacher.preacts(points) > 0).float().sum(dim=1)
    assert abs(firing[labels == 1].mean() - firing[labels == 0].mean()) > 0.5  # the count tells disc from ring


def test_student_moves_to_the_teachers_side(world):
    points, _, teacher = world
    fans = train_student(teacher, points, steps=(0, 20, 100))
    agreement = [fan.agreement(teacher, points) for fan in fans.values()]
    assert list(fans) == [0, 20, 100]
    assert agreement[0] < 0.75 < agreement[1] < agreement[2] and agreement[2] > 0.95
    loss = ABLoss([(8, 1, 1)], [(8, 1, 1)])
    values = [loss([as_map(fan.preacts(points))], [as_map(teacher.preacts(points))]) for fan in fans.values()]
    assert values[0] > values[1] > values[2]


def test_a_larger_margin_makes_steeper_neurons(world):
    points, _, teacher = world
    small, large = (train_student(teacher, points, margin=m, steps=(100,))[100] for m in (0.25, 2))
    assert large.weight.norm() > 1.3 * small.weight.norm()


def test_preacts_and_agreement_by_hand():
    fan = Fan(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([-1.0, 0.0]))
    points = torch.tensor([[2.0, 1.0], [0.0, -1.0]])
    assert fan.preacts(points).tolist() == [[1, 2], [-1, -2]]
    turned = Fan(fan.weight * torch.tensor([[1.0], [-1.0]]), fan.bias)
    assert fan.agreement(fan, points) == 1 and fan.agreement(turned, points) == 0.5
