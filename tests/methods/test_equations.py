"""One home for every equation: the plain function, the form that runs, and slow loops are one and the same."""

import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest
import torch

from kd_teach import get_recipe
from kd_teach.course import TAUGHT
from tests.methods.losses import EVERY, case, gradients

every = pytest.mark.parametrize(("method", "variant"), EVERY)


def compared(method: str, variant: str, other) -> None:
    """Value and student gradient of the loss as it runs, and with another form of its equation in place."""
    made = case(method, variant, n=3)
    value, grads = gradients(made)
    made.loss.equation = other
    again, grads_again = gradients(made)
    assert again.item() == pytest.approx(value.item(), rel=1e-9)
    scale = max(grad.abs().max() for grad in grads)
    for ours, theirs in zip(grads, grads_again, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-7, atol=1e-9 * scale.item())


def called(method: str, variant: str, *, n: int = 4) -> list:
    """What the loss hands to its equation, call by call."""
    made, calls = case(method, variant, n=n), []
    form = made.loss.equation
    made.loss.equation = lambda *args, **kwargs: calls.append(args) or form(*args, **kwargs)
    made()
    return calls


@every
def test_the_loss_runs_its_recipes_equation(method, variant):
    plain = get_recipe(method).equation_of(variant)
    assert called(method, variant), "the loss must call its attribute `equation`"
    compared(method, variant, plain)


@pytest.mark.parametrize(("method", "variant"), [pair for pair in EVERY if pair[0] in TAUGHT])
def test_the_equation_equals_slow_loops(method, variant):
    loops = import_module(f"tests.methods.test_{method}").LOOPS
    assert loops[variant] is not get_recipe(method).equation_of(variant)
    compared(method, variant, loops[variant])


FORMER = json.loads(Path(__file__).with_name("former_values.json").read_text())


@pytest.mark.parametrize("which", FORMER)
def test_the_values_are_those_of_the_first_edition(which):
    """Value, norm of the student's gradient, and its product with fixed random numbers, saved from commit 6d5fae5."""
    value, grads = gradients(case(*which.split(), n=7))
    random = torch.Generator().manual_seed(3)
    probe = sum((grad * torch.randn(grad.shape, generator=random, dtype=grad.dtype)).sum() for grad in grads)
    norm = sum(grad.square().sum() for grad in grads).sqrt()
    assert [value.item(), norm.item(), probe.item()] == pytest.approx(FORMER[which], rel=1e-6)


@every
def test_the_equation_stands_on_the_methods_own_page(method, variant):
    """A short one, without detach, autograd.Function and anything in place."""
    plain = get_recipe(method).equation_of(variant)
    module = import_module(f"kd_teach.methods.{method}")
    assert plain.__module__ == module.__name__ and plain.__doc__
    source = inspect.getsource(plain)
    assert len(source.splitlines()) <= 40 and not any(
        word in source for word in (".apply(", "detach", "no_grad", "out=")
    )
