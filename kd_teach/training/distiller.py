"""A student, a teacher and a recipe, bound together: what the training loop runs.

`Distiller` taps both networks, calls the loss and says what each phase trains. `Alone` is the control in every
comparison: the same student with labels only. The loop treats the two alike.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import number, shown, word
from kd_teach.data import Batch, Data, plain_batches
from kd_teach.methods import KDLoss, get_recipe
from kd_teach.methods._tensors import in_float32, of_the_next_image
from kd_teach.methods.recipe import Context, Phase, Recipe, Terms
from kd_teach.models.features import Features, look, unwrapped
from kd_teach.training.pairs import check_apart


class Alone:
    """A student and its labels, no teacher.

    Args:
        student: a network that answers with `Features`.
        data: what it will be trained on; a student for another number of classes is refused here.
        label_smoothing: share of the target, 0..1, spread evenly over all classes: soft targets without a teacher.
            Source: Szegedy et al., Rethinking the Inception Architecture, CVPR 2016. https://arxiv.org/abs/1512.00567
    """

    def __init__(self, student: nn.Module, data: Data, *, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = number("label_smoothing", label_smoothing, 0, 1, below=True)
        self.student = unwrapped(student)
        check_answer("student", look(self.student, some_images(data)), data)
        self.teacher = None
        self.loss = nn.Module()

    def phases(self) -> list[Phase]:
        """One phase: cross-entropy with the labels."""
        return [Phase("alone", [self.student], self._task, {"task": 1.0}, teacher_runs=False)]

    def _task(self, s: Features, t: None, batch: Batch) -> Terms:
        return {"task": F.cross_entropy(s.logits.float(), batch.labels, label_smoothing=self.label_smoothing)}


class Distiller:
    """A method at work on a student and its teacher.

    Args:
        method: a name from `list_methods()`, or a `Recipe` of your own.
        student, teacher: networks that answer with `Features` (`create_model`, `load_teacher`, `tapped`). Of a compiled
            or DataParallel network the one inside is taken: `Settings(compile=True)` compiles both.
        data: what they will be trained on: class count and labels for the checks and for `Recipe.build`.
        variant: a name from `recipe.variants`; None takes the first, the paper's.
        weight, task_weight: of the method's loss and of cross-entropy; None takes the variant's.
        with_kd: None, or the weight of a KD term (Hinton's, at `kd_temperature`) added to the method's loss.
        equation: a function of your own in place of the recipe's equation, of the same arguments; None keeps that.
        shuffled_teacher: a control. The method's own loss compares the student with what the teacher shows of another
            image of the batch; what helps then is regularisation.
        options: what the method itself takes, such as `temperature` (KD) or `stage` (FitNet).

    Raises:
        ValueError: an unknown method or variant, a network whose class count differs from the data's, two networks
            that share weights, or an equation for a method that has none.
        TypeError: an option that the method does not take, or, at the first step, an equation that gives no number.
    """

    def __init__(
        self,
        method: str | Recipe,
        *,
        student: nn.Module,
        teacher: nn.Module,
        data: Data,
        variant: str | None = None,
        weight: float | None = None,
        task_weight: float | None = None,
        with_kd: float | None = None,
        kd_temperature: float = 4.0,
        equation: Callable[..., Tensor] | None = None,
        shuffled_teacher: bool = False,
        **options,
    ) -> None:
        self.recipe = recipe = method if isinstance(method, Recipe) else get_recipe(method)
        self.variant = next(iter(recipe.variants)) if variant is None else variant
        if self.variant not in recipe.variants:
            raise unknown(f"variant of {recipe.name}", self.variant, recipe.variants)
        chosen = recipe.variants[self.variant]
        check_apart(student, teacher)
        self.student, self.teacher = unwrapped(student), unwrapped(teacher)
        self.weight = chosen.weight if weight is None else number("weight", weight, 0)
        self.task_weight = chosen.task_weight if task_weight is None else number("task_weight", task_weight, 0)
        self.with_kd = None if with_kd is None else number("with_kd", with_kd, 0)
        self.kd = KDLoss(temperature=number("kd_temperature", kd_temperature, 0, above=True))
        self.shuffled_teacher = word("shuffled_teacher", shuffled_teacher, (True, False))

        self.tap: Callable[..., Any] = partial(
            recipe.tap, **{k: options.pop(k) for k in recipe.tap_options if k in options}
        )
        s, t = (look(network, some_images(data)) for network in (self.student, self.teacher))
        check_answer("student", s, data)
        check_answer("teacher", t, data)
        context = Context(self.student, self.teacher, data.train.labels, data.num_classes)
        loss: Any = recipe.build(self.tap(s), self.tap(t), context, variant=self.variant, **options)
        if equation is not None:
            if not recipe.equation:
                raise ValueError(f"{recipe.name} has no equation in whose place yours could stand.")
            loss.equation = one_number(equation)
        self.loss: nn.Module = loss

    def phases(self) -> list[Phase]:
        """The legs of training, in order. ValueError if `with_kd` was asked for and no phase has room for it."""
        phases = self.recipe.variants[self.variant].phases(self)
        if self.with_kd is not None and not any(phase.weights.get("kd") == self.with_kd for phase in phases):
            raise ValueError(
                f"with_kd={self.with_kd} would have no effect: no phase of {self.recipe.name} ({self.variant}) "
                "minimises `Distiller.task` or `Distiller.task_and_distil`. Leave it out, or choose another variant: "
                f"{', '.join(self.recipe.variants)}."
            )
        return phases

    @property
    def task_weights(self) -> dict[str, float]:
        """How much of each term of `task` is minimised."""
        weights = {"task": self.task_weight}
        return weights if self.with_kd is None else weights | {"kd": self.with_kd}

    @property
    def weights(self) -> dict[str, float]:
        """How much of each term of `task_and_distil` is minimised."""
        return self.task_weights | {"distil": self.weight}

    def task(self, s: Features, t: Features | None, batch: Batch) -> Terms:
        """Cross-entropy with the labels (and KD, if asked for): the later phase of AB and FSP."""
        terms = {"task": F.cross_entropy(s.logits.float(), batch.labels)}
        return terms if self.with_kd is None or t is None else terms | {"kd": self.kd(s.logits, t.logits)}

    def distil_only(self, s: Features, t: Features, batch: Batch) -> Terms:
        """The method's own loss and nothing else: the first phase of FitNet, AB and FSP."""
        return {"distil": self.distil(s, t, batch)}

    def task_and_distil(self, s: Features, t: Features, batch: Batch) -> Terms:
        """Labels (and KD, if asked for) beside the method's own loss."""
        return self.task(s, t, batch) | self.distil_only(s, t, batch)

    def distil(self, s: Features, t: Features, batch: Batch) -> Tensor:
        """The method's own loss: where a loss meets networks. In float32, whatever autocast chose for the layers.

        Only what the loss looks at is widened: to copy all features in every step took a tenth of its time.
        """
        s_tap, t_tap = (in_float32(self.tap(features)) for features in (s, t))
        if self.shuffled_teacher:
            t_tap = of_the_next_image(t_tap)
        return self.loss(s_tap, t_tap, **{name: getattr(batch, name) for name in self.recipe.needs})


def one_number(equation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The equation, refused where it does not return one number that gradients can flow from."""
    name = getattr(equation, "__name__", "equation")

    def checked(*args, **kwargs) -> Tensor:
        value = equation(*args, **kwargs)
        if not isinstance(value, Tensor) or value.ndim:
            came = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else shown(value)
            raise TypeError(f"{name} returned {came}; expected one number, a tensor of shape ().")
        return value

    return checked


def some_images(data: Data) -> Tensor:
    """A few training images as the networks want them: to see shapes, not contents."""
    return next(plain_batches(data.train.select(slice(4)), data)).images


def check_answer(role: str, features: Features, data: Data) -> None:
    """Refuse another number of outputs than the data has classes, and maps with channels last; name a softmax."""
    outputs = features.logits.shape[1]
    if outputs != data.num_classes:
        raise ValueError(
            f"The {role} has {outputs} outputs but {data.name} has {data.num_classes} classes; "
            f"create it with num_classes={data.num_classes}, or choose a {role} made for {data.name}."
        )
    height, width = data.train.images.shape[2:]
    for x in (features.stem, *features.stages, *features.preacts):
        if height == width and x.shape[1] == x.shape[2] != x.shape[3]:
            raise ValueError(
                f"The {role} has a map of shape {tuple(x.shape)}, which looks like (N, H, W, C); expected "
                "(N, C, H, W): x.permute(0, 3, 1, 2), or tapped(..., layout='NHWC')."
            )
    z = features.logits
    if outputs > 1 and z.min() >= 0 and torch.allclose(z.sum(dim=1), torch.ones_like(z[:, 0]), atol=1e-3):
        warnings.warn(
            f"The {role}'s logits are probabilities: it ends in a softmax, and losses take another one. Name the node "
            "in front of it, tapped(..., logits='...'), or leave the last layer out.",
            stacklevel=3,
        )
