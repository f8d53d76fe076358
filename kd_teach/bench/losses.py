"""How fast and how small each loss is, against its textbook form and against what the machine allows.

Time      of one forward and one backward pass, by `torch.utils.benchmark`, the median; the two forms take turns.
Memory    at its peak, beyond the taps, the weights and the banks: the loss, its graph, temporaries and gradients.
Floor     max(bytes / copy bandwidth, FLOPs / matmul rate), both rates measured beside each row.
          Bytes: both taps, the loss's parameters and its floating buffers (CRD's banks) are read once, the gradients
          of the student's tap and of the parameters are written once. That is less than autograd can do: its backward
          pass comes when the taps have left the cache, and reads them again.
          FLOPs: those that `FlopCounterMode` counts in our form, forward and backward: matmuls and convolutions, two
          per multiply-add. They are held against the rate of one large matmul, which small ones do not reach.
Agreement the largest difference of the two values, or of the entries of the student's gradients, relative to the
          largest of the textbook's. In CRD of "repdistiller" the textbook's own rounding shows: it takes float32
          logarithms of numbers near 1, and is 4e-5 off a float64 computation where ours is 4e-8.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from kd_teach._support.errors import unknown
from kd_teach._support.progress import bar
from kd_teach.bench.pairs import CONTESTS, Contest, Sizes, Tap, random_features
from kd_teach.bench.timing import measure_speed, peak_memory, take_turns

MB = 1e6
MS = 1e-3


class Target(NamedTuple):
    """How many times faster and smaller than its textbook form a loss should be; 1 says no worse."""

    speed_up: float = 1.0
    memory: float = 1.0


# All other methods: no slower, no larger. An OFD that counts its connectors misses its 2: they take the same time in
# both forms, and most of it.
TARGETS = {
    "fsp": Target(speed_up=25),
    "nst": Target(speed_up=12),
    "crd": Target(speed_up=5, memory=10),
    "ab": Target(speed_up=2),
    "ofd": Target(speed_up=2),
}


def bench_losses(
    methods: Iterable[str] | None = None, *, seconds: float = 1.0, device: str = "cpu", sizes: Sizes | None = None
) -> pd.DataFrame:
    """Race losses against their textbook forms, one after the other.

    Args:
        methods: names of methods; all if left out.
        seconds: to spend on timing each form of each row. A form that needs longer for one pass gets one or two.
        device: "cpu" or "cuda".
        sizes: of the batch and the maps; resnet32x4 -> resnet8x4 on CIFAR-100 with 64 images if left out.

    Returns:
        A row per method and variant; `show` prints it.

    Raises:
        ValueError: a method that is not among the races.
    """
    known = list(dict.fromkeys(method for method, _ in CONTESTS))
    chosen = known if methods is None else list(methods)
    for method in chosen:
        if method not in known:
            raise unknown("method of the bench", method, known)
    races = [race for race in CONTESTS if race[0] in chosen]
    with bar(races, desc="losses", leave=False) as watched:
        return pd.DataFrame(
            [measure(*race, seconds=seconds, device=device, sizes=sizes or Sizes()) for race in watched]
        )


def measure(method: str, variant: str, *, seconds: float, device: str, sizes: Sizes) -> dict[str, str | float]:
    """One row of the table."""
    contest = prepare(method, variant, sizes, device=device)
    textbook, ours = (passes(contest, form) for form in (textbook_form(contest), our_form(contest)))
    textbook_bytes, reference = peak_memory(textbook, device)
    our_bytes, result = peak_memory(ours, device)
    difference = largest_difference(result, reference, len(tensors(contest.student)))
    del reference, result
    times = take_turns({"textbook": textbook, "ours": ours}, seconds)
    slow, fast = times["textbook"].median, times["ours"].median
    floor = measure_speed(device).floor(bytes_moved(contest), operations(lambda: our_form(contest)().backward()))
    return {
        "method": method,
        "variant": variant,
        "textbook ms": slow / MS,
        "ours ms": fast / MS,
        "speed-up": slow / fast,
        "target": TARGETS.get(method, Target()).speed_up,
        "textbook MB": textbook_bytes / MB,
        "ours MB": our_bytes / MB,
        "floor ms": floor / MS,
        "times floor": fast / floor,
        "max rel. difference": difference,
    }


def prepare(
    method: str, variant: str, sizes: Sizes, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Contest:
    """Both forms of one loss, on taps and weights that depend on nothing but the sizes."""
    torch.manual_seed(0)
    student, teacher = (random_features(sizes, seed=seed, device=device, dtype=dtype) for seed in (1, 2))
    contest = CONTESTS[method, variant](student, teacher, sizes)
    contest.loss.to(device, dtype)
    for tap in tensors(contest.student):
        tap.requires_grad_()
    return contest


def our_form(contest: Contest) -> Callable[[], Tensor]:
    return lambda: contest.loss(contest.student, contest.teacher, *contest.arguments())


def textbook_form(contest: Contest) -> Callable[[], Tensor]:
    return lambda: contest.textbook(contest.student, contest.teacher)


def passes(contest: Contest, form: Callable[[], Tensor]) -> Callable[[], tuple[Tensor | None, ...]]:
    """A forward and a backward pass: the loss, the gradients of the student's tap, those of the parameters."""
    wanted = [*tensors(contest.student), *contest.loss.parameters()]

    def run() -> tuple[Tensor | None, ...]:
        loss = form()
        return loss.detach(), *torch.autograd.grad(loss, wanted, allow_unused=True)

    return run


def tensors(tap: Tap) -> Sequence[Tensor]:
    return [tap] if isinstance(tap, Tensor) else tap


def largest_difference(result: Sequence[Tensor], reference: Sequence[Tensor], taps: int) -> float:
    """Of the value and the student's gradients, each relative to its largest entry. Parameters are left out: a bias
    in front of a batch norm has no gradient but rounding."""
    pairs = list(zip(result, reference, strict=True))[: 1 + taps]
    return max(((ours - textbook).abs().max() / textbook.abs().max()).item() for ours, textbook in pairs)


def bytes_moved(contest: Contest) -> int:
    """What any program must read (taps, parameters, buffers) and write (gradients) at least once."""
    written = [*tensors(contest.student), *contest.loss.parameters()]
    buffers = [buffer for buffer in contest.loss.buffers() if buffer.is_floating_point()]
    return sum(tensor.nbytes for tensor in [*written, *tensors(contest.teacher), *buffers, *written])


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of the matmuls and convolutions in `run()`."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def show(table: pd.DataFrame) -> str:
    """The table as text, three digits to a number, and a line that says which targets were missed."""
    numbers = dict.fromkeys(table.select_dtypes("number"), digits)
    special = {"target": "{:g}".format, "max rel. difference": "{:.0e}".format}
    text = table.to_string(index=False, formatters={**numbers, **special})
    return f"{text}\nTargets missed: {'; '.join(missed(table)) or 'none'}."


def missed(table: pd.DataFrame) -> list[str]:
    """The rows that are slower or larger than their target, in words. Five in a hundred are left to chance."""
    lines = []
    for row in table.to_dict("records"):
        target = TARGETS.get(row["method"], Target())
        reached = Target(row["speed-up"], row["textbook MB"] / row["ours MB"])
        for what, got, wanted in zip(("speed-up", "memory"), reached, target, strict=True):
            if got < 0.95 * wanted:
                lines.append(f"{row['method']} {row['variant']}, {what} {digits(got)} of {wanted:g}")
    return lines


def digits(x: float) -> str:
    """Three significant digits, no exponent: 12017, 41.3, 0.0047."""
    return f"{x:.{max(0, 2 - math.floor(math.log10(x)))}f}" if x > 0 else "0"
