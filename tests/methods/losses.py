"""Any method's loss on made-up features: what the tests that run over all methods share."""

import torch
from torch import Tensor, nn

from kd_teach import Batch, Context, Features, get_recipe, list_methods

EVERY = [(name, variant) for name in list_methods() for variant in get_recipe(name).variants]
CLASSES, ROWS = 5, 20  # of a made-up training set
GRID = (3, 5)


def features(
    seed: int, *, n: int = 7, channels=(3, 4, 5, 6), width: int = 6, grid=GRID, scale: float = 1.0
) -> Features:
    """Random float64 features of `n` images: stem and three stages of these channels, all on one grid."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return scale * torch.randn(*shape, dtype=torch.float64, generator=random)

    stem, *preacts = (draw(n, c, *grid) for c in channels)
    stages = tuple(preact.clamp(min=0) + 0.01 * preact for preact in preacts)  # mostly positive, hardly ever tied
    return Features(stem, stages, tuple(preacts), draw(n, width), draw(n, CLASSES))


def batch_of(n: int) -> Batch:
    """Rows 0..n-1 of the made-up training set."""
    return Batch(torch.zeros(n, 3, 2, 2), torch.arange(n) % CLASSES, torch.arange(n))


class Norms(nn.Module):
    """A teacher of whom only the batch norms are known, with statistics that differ per channel."""

    def __init__(self, preacts) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(len(preact[0])).double() for preact in preacts)
        for norm in self.norms:
            nn.init.normal_(norm.bias, std=0.5)
            nn.init.uniform_(norm.weight, 0.5, 1.5)

    def preact_norms(self) -> tuple[nn.BatchNorm2d, ...]:
        return tuple(self.norms)


class Case:
    """A loss built from its recipe, ready to be called on taps."""

    def __init__(self, method: str, variant: str, s: Features, t: Features, **options) -> None:
        torch.manual_seed(0)
        self.recipe = get_recipe(method)
        context = Context(nn.Module(), Norms(t.preacts), torch.arange(ROWS) % CLASSES, CLASSES)
        self.s, self.t = self.recipe.tap(s), self.recipe.tap(t)
        self.loss = self.recipe.build(self.s, self.t, context, variant=variant, **options).double()

    def __call__(self, s=None, t=None) -> Tensor:
        """The value on these taps, with the same random numbers each time; a memory is never renewed."""
        s, t = self.s if s is None else s, self.t if t is None else t
        return self._value(s, t, batch_of(len(tensors(s)[0])))

    def permuted(self, order: Tensor) -> Tensor:
        """The value with the samples of both networks, and of the batch, in another order."""
        s, t, batch = each(self.s, lambda x: x[order]), each(self.t, lambda x: x[order]), batch_of(len(order))
        return self._value(s, t, Batch(*(field[order] for field in batch)))

    def _value(self, s, t, batch: Batch) -> Tensor:
        torch.manual_seed(1)
        return self.loss(s, t, **{name: getattr(batch, name) for name in self.recipe.needs})


def case(method: str, variant: str, *, n: int = 7, **options) -> Case:
    """A case with twice as many channels in the teacher where the method bridges that, else with equally many."""
    s = features(1, n=n)
    wide, equal = features(2, n=n, channels=(6, 8, 10, 12), width=12), features(2, n=n)
    try:
        made = Case(method, variant, s, wide, **options)
        made()
        return made
    except ValueError as refusal:
        if "channel" not in str(refusal):
            raise
        return Case(method, variant, s, equal, **options)


def tensors(tap) -> list[Tensor]:
    """The tensors of a tap, be it one or a sequence."""
    return [tap] if isinstance(tap, Tensor) else list(tap)


def like(tap, parts: list[Tensor]):
    """`parts` in the form of `tap`."""
    return parts[0] if isinstance(tap, Tensor) else tuple(parts)


def each(tap, change):
    """The tap with every tensor changed."""
    return like(tap, [change(x) for x in tensors(tap)])


def gradients(case: Case, s=None, t=None) -> tuple[Tensor, list[Tensor]]:
    """The value and its gradient with respect to the student's tap."""
    leaves = [x.detach().requires_grad_() for x in tensors(case.s if s is None else s)]  # views keep their strides
    value = case(like(case.s, leaves), t)
    return value.detach(), list(torch.autograd.grad(value, leaves))
