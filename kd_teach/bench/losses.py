"""How fast and how small each loss is, against published forms and what the machine allows.

Time      of one forward and one backward pass, by `torch.utils.benchmark`, the median; the forms take turns.
Memory    at its peak, beyond the taps, the weights and the banks: the loss, its graph, temporaries and gradients.
Floor     max(bytes / copy bandwidth, FLOPs / matmul rate), both rates measured beside each row.
          Bytes: both taps, the loss's parameters and its floating buffers (CRD's banks) are read once, the gradients
          of the student's tap and of the parameters are written once. That is less than autograd can do: its backward
          pass comes when the taps have left the cache, and reads them again.
          FLOPs: those that `FlopCounterMode` counts in our form, forward and backward: matmuls and convolutions, two
          per multiply-add. They are held against the rate of one large matmul, which small ones do not reach.
Agreement the largest difference between the published form and ours, of the values or of the entries of the
          student's gradients, relative to the largest.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from kd_teach._support.errors import unknown
from kd_teach._support.numbers import number
from kd_teach._support.progress import bar
from kd_teach.bench.races import SIZES, Race, Sizes, known_methods, prepare, rows_of_races, tensors
from kd_teach.bench.timing import measure_speed, peak_memory, take_turns
from kd_teach.training.precision import pick_device

MB = 1e6
MS = 1e-3


def bench_losses(
    methods: Iterable[str] | None = None,
    *,
    seconds: float = 1.0,
    device: str = "cpu",
    sizes: Sizes | str = "lesson",
    published: bool = True,
) -> pd.DataFrame:
    """Race the forms of losses, one loss after the other.

    Args:
        methods: names of methods; all if left out.
        seconds: to spend on timing each form of each row. A form that needs longer for one pass gets one or two.
        device: "cpu" or "cuda".
        sizes: of the batch and the maps: "lesson", "large", or `Sizes` of your own.
        published: whether the published forms race too; at large sizes some take many seconds and gigabytes.

    Returns:
        A row per method and variant; `show` prints it. "ours" is the equation of its page, as it runs.

    Raises:
        ValueError: a method that has no equation, or unknown sizes.
    """
    seconds = number("seconds", seconds, 0, 3600, above=True)
    device = str(pick_device(device))
    known = known_methods()
    chosen = known if methods is None else list(methods)
    for method in chosen:
        if method not in known:
            raise unknown("method of the bench", method, known)
    if isinstance(sizes, str):
        if sizes not in SIZES:
            raise unknown("sizes", sizes, SIZES)
        sizes = SIZES[sizes]
    one = partial(measure, seconds=seconds, device=device, sizes=sizes, published=published)
    with bar(rows_of_races(chosen), desc="losses", leave=False) as watched:
        return pd.DataFrame([one(*row) for row in watched])


def measure(
    method: str, variant: str, options: dict, *, seconds: float, device: str, sizes: Sizes, published: bool = True
) -> dict[str, str | float]:
    """One row of the table."""
    race = prepare(method, variant, sizes, device=device, options=options)
    forms = {name: form for name, form in race.forms.items() if published or name != "published"}
    runs = {name: passes(race, form) for name, form in forms.items()}
    weighed = {name: peak_memory(run, device) for name, run in runs.items()}
    results = {name: result for name, (_, result) in weighed.items()}
    differences = [
        largest_difference(results["ours"], result, len(tensors(race.student))) for result in results.values()
    ]
    del results
    times = {name: measured.median for name, measured in take_turns(runs, seconds).items()}
    floor = measure_speed(device).floor(bytes_moved(race), operations(lambda: forms["ours"]().backward()))
    published_time = times.get("published", math.nan)
    return {
        "method": race.method,
        "variant": race.variant,
        "published ms": published_time / MS,
        "ours ms": times["ours"] / MS,
        "published / ours": published_time / times["ours"],
        "published MB": weighed["published"][0] / MB if "published" in weighed else math.nan,
        "ours MB": weighed["ours"][0] / MB,
        "times floor": times["ours"] / floor,
        "max rel. difference": max(differences),
    }


def passes(race: Race, form: Callable[[], Tensor]) -> Callable[[], tuple[Tensor | None, ...]]:
    """A forward and a backward pass: the loss, the gradients of the student's tap, those of the parameters."""
    wanted = [*tensors(race.student), *race.loss.parameters()]

    def run() -> tuple[Tensor | None, ...]:
        loss = form()
        return loss.detach(), *torch.autograd.grad(loss, wanted, allow_unused=True)

    return run


def largest_difference(result: Sequence[Tensor | None], reference: Sequence[Tensor | None], taps: int) -> float:
    """Of the value and the student's gradients, each relative to its largest entry. Parameters are left out: a bias
    in front of a batch norm has no gradient but rounding."""
    pairs = list(zip(result, reference, strict=True))[: 1 + taps]
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    return max(((one - other).abs().max() / other.abs().max()).item() for one, other in both)


def bytes_moved(race: Race) -> int:
    """What any program must read (taps, parameters, buffers) and write (gradients) at least once."""
    written = [*tensors(race.student), *race.loss.parameters()]
    buffers = [buffer for buffer in race.loss.buffers() if buffer.is_floating_point()]
    return sum(tensor.nbytes for tensor in [*written, *tensors(race.teacher), *buffers, *written])


def operations(run: Callable[[], object]) -> int:
    """Floating-point operations of the matmuls and convolutions in `run()`."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def show(table: pd.DataFrame) -> str:
    """The table as text, three digits to a number."""
    formats = dict.fromkeys(table.select_dtypes("number"), digits) | {"max rel. difference": "{:.0e}".format}
    return table.to_string(index=False, formatters=formats, na_rep="–")


def digits(x: float) -> str:
    """Three significant digits, no exponent: 12017, 41.3, 0.0047."""
    if math.isnan(x):
        return "–"
    return f"{x:.{max(0, 2 - math.floor(math.log10(x)))}f}" if x > 0 else "0"
