"""One card per method: what it compares, learns and costs, and what it is blind to.

Nothing on a card is typed for it: the recipe, the built loss and the table of invariances are asked.
"""

import ast
import html
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kd_teach.data import Data, plain_batches
from kd_teach.methods.changes import CHANGES
from kd_teach.methods.recipe import Phase, Recipe, Variant
from kd_teach.models import create_model
from kd_teach.models.features import Features, look
from kd_teach.training.distiller import Distiller, some_images
from kd_teach.training.legality import noise_for

IMAGES = 64  # of the batch whose cost is counted


@dataclass(frozen=True)
class PropertyCard:
    """The facts about one method for one pair of networks, in words; a notebook shows it as a table."""

    title: str
    facts: dict[str, str]
    equation: str  # the loss as a plain function: its source
    variants: pd.DataFrame  # a row per variant: weight of the loss and of the labels, source of the weight

    def __str__(self) -> str:
        width = max(map(len, self.facts))
        lines = [f"{name:{width}}  {fact}" for name, fact in self.facts.items()]
        return "\n".join([self.title, "=" * len(self.title), *lines, "", self.equation, "", self.variants.to_string()])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left;vertical-align:top;white-space:nowrap'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(fact)}</td></tr>"
            for name, fact in self.facts.items()
        )
        equation = f"<pre><code>{html.escape(self.equation)}</code></pre>"
        return f"<h4>{html.escape(self.title)}</h4><table>{rows}</table>{equation}{self.variants.to_html()}"


def describe(
    method: str | Recipe,
    *,
    student: str | nn.Module = "resnet8",
    teacher: str | nn.Module = "resnet20",
    variant: str | None = None,
    image_size: int = 32,
) -> PropertyCard:
    """The property card of a method.

    Args:
        method: a name from `list_methods()`, or a `Recipe` of your own.
        student, teacher: the pair for which learnt parts and cost are counted; names (ten classes) or networks.
        variant: whose learnt parts, phases and invariances are shown; None takes the first, the paper's.
        image_size: of the square images.

    Raises:
        ValueError: an unknown method or variant, or a pair that the method refuses (`kd_teach.legality` lists these).

    Example:
        >>> print(describe("kd").facts["knowledge"])
        response
    """
    student, teacher = (create_model(net) if isinstance(net, str) else net for net in (student, teacher))
    data = noise_for(student, image_size)
    run = Distiller(method, student=student, teacher=teacher, data=data, variant=variant)
    recipe = run.recipe
    facts = {
        "paper": recipe.paper,
        "knowledge": recipe.knowledge,
        "variant shown": run.variant,
        "compares": taps(recipe, len(look(student, some_images(data)).stages)),
        "also needs": ", ".join(recipe.needs) or "nothing else of the batch",
        "learns": learnt_parts(run.loss),
        "remembers": banks(run.loss),
        "phases": ". Then ".join(phase_line(phase, run) for phase in run.phases()),
        "blind to": blind_to(recipe.variants[run.variant]),
        "cost": cost(run, data),
    }
    return PropertyCard(recipe.title, facts, source(recipe.equation_of(run.variant)), variants_table(recipe.variants))


def source(equation: Callable | None) -> str:
    """The source of a plain function, without its docstring; where there is none, a line that says so."""
    if equation is None:
        return "Equation: none given."
    try:
        text = textwrap.dedent(inspect.getsource(equation)).rstrip()
    except (OSError, TypeError):  # typed into an interpreter; not a function but a callable object
        return f"Equation: {equation!r}, whose source cannot be read."
    lines, [first] = text.splitlines(), ast.parse(text).body
    if isinstance(first, ast.FunctionDef) and ast.get_docstring(first) is not None:
        del lines[first.body[0].lineno - 1 : first.body[0].end_lineno]
    return "\n".join(lines)


def taps(recipe: Recipe, stages: int) -> str:
    """The fields of `Features` that the method compares, found by tapping features made of their own names."""
    names = Features._make(
        [
            "stem",
            tuple(f"stages[{i}]" for i in range(stages)),
            tuple(f"preacts[{i}]" for i in range(stages)),
            "embedding",
            "logits",
        ]
    )
    tapped = recipe.tap(names)
    return tapped if isinstance(tapped, str) else ", ".join(tapped)


def count(parameters: Iterable[nn.Parameter]) -> int:
    return sum(p.numel() for p in parameters)


def learnt_parts(loss: nn.Module) -> str:
    """The parts of the loss that have parameters, with their number."""
    parts = {name: count(part.parameters()) for name, part in loss.named_children()}
    parts |= {name: p.numel() for name, p in loss.named_parameters(recurse=False)}
    listed = ", ".join(f"{name} {number:,}" for name, number in parts.items() if number)
    return f"{listed} parameters" if listed else "nothing"


def banks(loss: nn.Module) -> str:
    """What the loss keeps from step to step, and in a checkpoint, besides parameters and the statistics of its BNs."""
    norms = {id(b) for m in loss.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) for b in m.buffers()}
    saved = loss.state_dict()
    kept = {name: b.shape for name, b in loss.named_buffers() if name in saved and id(b) not in norms}
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in kept.items()) or "nothing"


def phase_line(phase: Phase, run: Distiller) -> str:
    """Name, share of the epochs, what is minimised, what is trained, and the mode of the teacher."""
    names = {id(module): f"student.{name}".rstrip(".") for name, module in run.student.named_modules()}
    names |= {id(module): f"loss.{name}".rstrip(".") for name, module in run.loss.named_modules()}
    trained = [names.get(id(m), type(m).__name__) for m in phase.trains if any(True for _ in m.parameters())]
    weights = " + ".join(f"{phase.weight(term, 0.0):.3g} {term}" for term in phase.weights)
    teacher = f"teacher in {phase.teacher_mode} mode" if phase.teacher_runs else "no teacher"
    total = sum(other.share for other in run.phases())
    share = f"{100 * phase.share / total:.3g}% of the epochs"
    return f"{phase.name} ({share}) minimises {weights}, trains {', '.join(trained)}; {teacher}"


def blind_to(variant: Variant) -> str:
    """The changes of the student's features that the loss cannot see, in the order of the table."""
    if variant.blind_to is None:
        return "nobody looked"
    return ", ".join(change for change in CHANGES if change in variant.blind_to)


def cost(run: Distiller, data: Data) -> str:
    """What one forward pass of the loss reads and multiplies, against the student's own forward pass.

    Multiply-adds are those of matrix products and convolutions; elementwise work shows in the numbers read.
    """
    batch = next(plain_batches(data.train.select(slice(IMAGES)), data))
    with FlopCounterMode(display=False) as of_student:
        s = look(run.student, batch.images)
    t = look(run.teacher, batch.images)
    with torch.no_grad(), FlopCounterMode(display=False) as of_loss:
        run.distil(s, t, batch)
    read = sum(x.numel() for f in (s, t) for x in as_tuple(run.tap(f)))
    flops, share = of_loss.get_total_flops(), of_loss.get_total_flops() / of_student.get_total_flops()
    return (
        f"reads {read / IMAGES:,.0f} numbers and makes {flops / 2 / IMAGES:,.0f} multiply-adds per image in a batch of "
        f"{IMAGES}: {share:.1%} of the student's multiply-adds"
    )


def as_tuple(tap) -> tuple[Tensor, ...]:
    return (tap,) if isinstance(tap, Tensor) else tuple(tap)


def variants_table(variants: Mapping[str, Variant]) -> pd.DataFrame:
    """A row per variant: what it weighs and where the weight comes from."""
    rows = {name: (v.weight, v.task_weight, v.source) for name, v in variants.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["weight", "task weight", "source of the weight"])
    return table.rename_axis("variant")
