"""The checker's answers to what learners hand in, on a toy exercise: the mean over samples of the squared distance."""

import builtins
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kd_teach.course.exercises import Exercise, Question, check, get_exercise, hint, list_exercises, solution
from kd_teach.course.exercises.checking import check_function, check_value
from kd_teach.course.exercises.limits import MOST, Raised, TooSlow, within


def distance(s, t):
    return (s - t.detach()).pow(2).sum(dim=1).mean()


def numbers(seed, n, d):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


TOY = Exercise(
    name="toy.distance",
    prompt="Mean over the samples of the squared distance of s and t, both (N, D): one number.",
    reference=distance,
    cases=lambda: [(numbers(1, 4, 3), numbers(2, 4, 3)), (numbers(3, 2, 5), numbers(4, 2, 5))],
    detached=("t",),
    mistakes={"The square is missing.": lambda s, t: (s - t.detach()).abs().sum(dim=1).mean()},
    hints=["Subtract.", "Square, sum over dim=1, average."],
    seconds=2.0,
)


def goes_backward(s, t):
    loss = distance(s, t)
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("mine", "kind", "says"),
    [
        (lambda s, t: (s - t.detach()).square().sum() / len(s), "correct", "correct."),
        (lambda s, t: None, "not attempted", 'hint("toy.distance")'),
        (lambda s, t: ..., "not attempted", 'hint("toy.distance")'),
        (3.0, "wrong form", "expected a function, got a float"),
        (lambda s: s.sum(), "wrong form", "your function takes (s); expected my_distance(s, t)"),
        (lambda s, t: distance(s, t).item(), "wrong form", "leave out .item()"),
        (lambda s, t: distance(s, t).detach().numpy(), "wrong form", "leave out .item(), float() and NumPy"),
        (lambda s, t: np.float32(distance(s, t).item()), "wrong form", "leave out .item(), float() and NumPy"),
        (lambda s, t: (s - t).pow(2).sum(dim=1), "mutation", "a tensor of shape (4,); expected one number"),
        (lambda s, t: (s, t), "wrong form", "2 things"),
        (lambda s, t: "done", "wrong form", "a str"),
        (lambda s, t: (s - t.detach()).abs().sum(dim=1).mean(), "named mistake", "The square is missing."),
        (lambda s, t: (s - t).abs().sum(dim=1).mean(), "named mistake", "The square is missing."),
        (lambda s, t: distance(s, t) + 0 * t.sum(), "correct", "correct."),
        (lambda s, t: (s - t).pow(2).sum(dim=1).mean(), "gradient", "gradient reaches t"),
        (lambda s, t: distance(s.detach(), t), "gradient", "no gradient reaches s"),
        (lambda s, t: 0.5 * distance(s, t) + 0.5 * distance(s.detach(), t), "gradient", "its gradient for s is not"),
        (lambda s, t: distance(s, t) / 2, "relation", "too small by the factor 2"),
        (lambda s, t: distance(s, t) + 1, "gap", "expected is"),
        (lambda s, t: distance(s, t).sub(1e3).sqrt(), "gap", "NaN or infinite"),
        (lambda s, t: s @ t, "raises", "RuntimeError"),
        (lambda s, t: torch.empty((), device="meta"), "wrong form", "returns a tensor (meta)"),
        (lambda s, t: distance(s, t).to_sparse(), "wrong form", "returns a tensor (sparse coo)"),
        (lambda s, t: torch.quantize_per_tensor(s, 0.1, 0, torch.qint8), "wrong form", "returns a tensor (quantised)"),
        (lambda s, t: distance(s, t) + 0j, "wrong form", "one number as a tensor of complex64"),
        (lambda s, t: distance(s, t).detach().numpy(), "wrong form", "a ndarray; expected one number"),
        (lambda s, t: np.float32(distance(s, t).item()), "wrong form", "leave out .item(), float() and NumPy"),
        (lambda s, t: (distance(s, t),), "wrong form", "1 thing (one number as a tensor); expected one number"),
        (lambda s, t: (distance(s, t),), "wrong form", "a comma behind the result"),
        (lambda s, t: s.new_empty(0), "relation", "a tensor of shape (0,); expected one number as a tensor."),
        (lambda s, t: True, "relation", "expected one number as a tensor. s plays no part in your result."),
        (goes_backward, "wrong form", "goes backward itself"),
    ],
)
def test_answer(mine, kind, says):
    verdict = check_function(TOY, mine)
    assert verdict.kind == kind and says in verdict.message, verdict
    assert verdict.passed == (kind == "correct")


def test_stub_that_raises_is_not_attempted():
    def mine(s, t):
        raise NotImplementedError

    assert check_function(TOY, mine).kind == "not attempted"


def test_error_names_the_line_of_the_learner():
    def helper(s):
        return s.reshape(7, 7)  # this line

    def mine(s, t):
        return helper(s)

    message = check_function(TOY, mine).message
    assert "return helper(s)" in message or "# this line" in message
    assert "checking.py" not in message


def test_error_inside_torch_is_blamed_on_the_learners_line():
    def mine(s, t):
        return torch.nn.functional.mse_loss(s, "t")  # here

    assert "# here" in check_function(TOY, mine).message


def test_writing_into_an_argument_is_refused():
    def mine(s, t):
        s -= t
        return s.pow(2).sum(dim=1).mean()

    verdict = check_function(TOY, mine)
    assert verdict.kind == "wrong form" and "changes its argument s" in verdict.message


def test_endless_loop_is_stopped_and_its_thread_ends():
    def mine(s, t):
        while True:
            with contextlib.suppress(Exception):
                s = s + 1

    before = threading.active_count()
    started = time.perf_counter()
    assert check_function(TOY, mine).kind == "too slow"
    assert time.perf_counter() - started < 30
    deadline = time.perf_counter() + 20
    while threading.active_count() > before and time.perf_counter() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_within_hands_on_answers_and_errors():
    assert within(5, lambda: 7) == 7
    with pytest.raises(Raised, match="ZeroDivisionError"):
        within(5, lambda: 1 / 0)
    with pytest.raises(TooSlow):
        within(0.1, lambda: time.sleep(1))


def test_with_a_seed_the_inputs_are_others():
    """A submission that knows the visible answers by heart fails on them."""
    known = {len(s): distance(s, t) for s, t in TOY.cases()}

    def by_heart(s, t):
        return known[len(s)] + 0 * distance(s, t) + distance(s, t) - distance(s, t).detach()

    assert check_function(TOY, by_heart).passed
    assert not check_function(TOY, by_heart, seed=1).passed
    assert check_function(TOY, distance, seed=1).passed and check_function(TOY, distance, seed=2).passed


def test_largest_gap_says_where():
    def reference(s):
        return s + 0

    exercise = Exercise(
        name="toy.same", prompt="s.", reference=reference, mistakes={}, hints=["a", "b"],
        cases=lambda: [(numbers(1, 4, 3),), (numbers(2, 2, 2),)],
    )  # fmt: skip

    def mine(s):
        off = torch.zeros_like(s)
        off[1, -1] = 10 if len(s) == 4 else 1
        return s + off

    verdict = check_function(exercise, mine)
    assert verdict.kind == "gap" and "largest gap is at [1, 2]" in verdict.message


def test_checking_leaves_no_trace_in_the_message():
    """No answer of the checker holds the solution."""
    for mine in (lambda s, t: None, lambda s, t: s.sum(), lambda s, t: s @ t):
        assert "pow(2)" not in repr(check_function(TOY, mine))
    assert "pow(2)" not in TOY.stub() and "pow(2)" in TOY.solution()


QUESTION = Question(
    name="toy.half",
    prompt="What is 1/2?",
    answer=lambda: 1 / 2,
    wrong={"That is the double.": 2},
    hints=["Divide.", "1 by 2."],
    explanation="1 divided by 2.",
)


@pytest.mark.parametrize(
    ("mine", "kind"),
    [
        (0.5, "correct"), (torch.tensor(0.5), "correct"), (0.501, "correct"), (2, "named mistake"), (0.7, "gap"),
        (None, "not attempted"), (..., "not attempted"), ("half", "wrong form"), (True, "wrong form"),
    ],
)  # fmt: skip
def test_values(mine, kind):
    assert check_value(QUESTION, mine).kind == kind


def test_what_is_not_attempted_is_asked_in_full():
    """The text above it in a notebook is short, and often does not say in which form the answer is expected."""
    long = Question(**{**vars(QUESTION), "prompt": "Which of these words, and why? " * 8 + "A set of words."})
    first, *asked = repr(check_value(long, None)).splitlines()
    assert first == '○ toy.half: not attempted yet. Stuck? hint("toy.half") gives a step.'
    assert " ".join(line.strip() for line in asked) == long.prompt
    assert all(line.startswith("  ") and len(line) <= 95 for line in asked) and len(asked) > 1


def test_words_and_sets():
    word = Question(**{**vars(QUESTION), "answer": lambda: "cat", "wrong": {"It barks.": "dog"}})
    assert check_value(word, " Cat").passed and check_value(word, "dog").message == "not so. It barks."
    several = Question(**{**vars(QUESTION), "answer": lambda: {"a", "b"}, "wrong": {"One is missing.": {"a"}}})
    assert check_value(several, {"b", "a"}).passed and check_value(several, {"a"}).kind == "named mistake"
    assert check_value(several, "a").kind == "wrong form"


def test_hints_come_one_by_one():
    steps = get_exercise("kd.loss").hints
    given = [hint("kd.loss") for _ in range(len(steps) + 1)]
    assert all(len(line) <= 95 for text in given for line in text.splitlines())
    seen = [" ".join(text.split()) for text in given]
    assert [step in text for step, text in zip(steps, seen, strict=False)] == [True] * len(steps)
    assert 'solution("kd.loss")' in seen[len(steps) - 1] and 'solution("kd.loss")' not in seen[0]
    assert steps[0] in seen[-1]
    assert repr(solution("kd.loss")).startswith("def my_kd_loss(z_s, z_t, T):")


def test_unknown_names_get_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown exercise 'kd.los'. Did you mean 'kd.loss'\?"):
        check("kd.los", None)
    with pytest.raises(ValueError, match="Unknown topic"):
        list_exercises("kdd")


def forgets(s, t):
    (s - t.detach()).pow(2).sum(dim=1).mean()


def detaches_the_student(s, t):
    return (s.detach() - t).pow(2).sum(dim=1).mean()


def nearly(s, t):
    return distance(s, t) * 1.0005


@pytest.mark.parametrize(
    ("mine", "kind", "says"),
    [
        (forgets, "wrong form", "is the `return` at its end missing?"),
        (detaches_the_student, "gradient", "gradient reaches t and none reaches s: the wrong one is detached"),
        (nearly, "gap", "right up to 5e-04"),
    ],
)
def test_says_what_is_true(mine, kind, says):
    verdict = check_function(TOY, mine)
    assert verdict.kind == kind and says in verdict.message, verdict


def test_error_of_torch_is_no_stub():
    def mine(s, t):
        return torch.empty(2, 2, device="meta").item()

    assert check_function(TOY, mine).kind == "raises"


def test_verdict_is_true_only_when_passed():
    assert check_function(TOY, distance)
    assert not check_function(TOY, lambda s, t: s.sum()) and not check_function(TOY, lambda s, t: None)
    assert check_value(QUESTION, 0.5) and not check_value(QUESTION, 2)


def mean_of(x):
    return x.mean()


@pytest.mark.parametrize(
    "mine",
    [
        lambda x: x.mean().item(), lambda x: x.numpy().mean(), lambda x: np.asarray(x.mean()), lambda x: x.mean(),
        lambda x: x.mean().double(), lambda x: np.float64(x.mean()), lambda x: pd.Series(x.flatten().numpy()).mean(),
    ],
)  # fmt: skip
def test_without_gradient_a_number_is_a_number(mine):
    cases = [(numbers(1, 4, 3),), (numbers(2, 2, 2),)]
    assert check_function(Exercise("toy.mean", "The mean.", mean_of, lambda: cases, gradient=False), mine)
    assert not check_function(Exercise("toy.mean", "The mean.", mean_of, lambda: cases, gradient=False), lambda x: 1.0)


@pytest.mark.parametrize("number", [float, np.float32, torch.tensor, lambda x: np.array([x])])
@pytest.mark.parametrize("collection", [list, tuple])
def test_without_gradient_numbers_in_a_list_are_numbers(number, collection):
    halves = Exercise("toy.halves", "n times a half.", lambda n: [0.5] * n, lambda: [(3,), (2,)], gradient=False)
    assert check_function(halves, lambda n: collection([number(0.5)] * n))
    assert not check_function(halves, lambda n: collection([number(0.5)] * (n + 1)))


def test_a_column_of_a_table_is_its_numbers():
    cases = [(numbers(1, 4, 3),), (numbers(2, 2, 5),)]
    exercise = Exercise("toy.rows", "Mean of each row.", lambda x: x.mean(dim=1), lambda: cases, gradient=False)
    assert check_function(exercise, lambda x: pd.DataFrame(x.numpy()).mean(axis=1))
    assert not check_function(exercise, lambda x: pd.DataFrame(x.numpy()).sum(axis=1))
    two = check_function(exercise, lambda x: (1.0, "p"))
    assert "2 things (a float, a str); expected a tensor of shape (4,)" in two.message


@pytest.mark.parametrize(
    ("mine", "right", "passes"),
    [
        ("16x", 16, True), ("16 times", 16.0, True), ("134 MB", 134.2, True), ("134 kg", 134.2, False),
        ("10%", 0.1, True), ("10 %", 10, False), ("0.134 GB", 134, True), ("134 KB", 134, False), ("0,5", 0.5, True),
        ("16-fold", 16, True), ("T\u00b2 = 16", 16, True), ("9x9", 9, True), ("9x8", 9, False), ([16], 16, True),
        ([16, 4], 16, False), (Fraction(1, 8), 0.125, True), (Decimal("0.5"), 0.5, True), ("249 984", 249984, True),
        ({"Stage_1", "the stem"}, {"stage 1", "stem"}, True), (np.array(["a", "b"]), {"a", "b"}, True),
        ("a and b, c", {"a", "b", "c"}, True), ("a\nb", {"a", "b"}, True), (True, 1, False), ("sqrt(4)", 2, False),
        (np.int64(9), 9, True), (np.float64(0.1), 0.1, True),
        (250_000, 250_047, False), (250_000.0, 250_047.0, False), ("1,000", 1000, True), ("many", 9, False),
        (["A", "b "], {"a", "b"}, True), (frozenset({"a", "b"}), {"a", "b"}, True), ("b, a", {"a", "b"}, True),
        ("10 percent", 0.1, True), ("10 per cent", 0.1, True), ("128 MiB", 134.2, True), ("128 MiB", 128, False),
        ("x16", 16, True), ("about 16", 16, True), ("~ 16", 16, True), ("\u224816", 16, True), ("T^2 = 16", 16, True),
        ("T^2 = 4", 16, False), ([["a"], ["b"]], {"a", "b"}, True), ([{"a"}, {"b"}], {"a", "b"}, False),
        (["a"], {"a", "b"}, False), ("\u2212 1", -1, True), ("\u22121", -1, True),
        ("\u00d716", 16, True), ("approximately 16", 16, True), ("about 17", 16, False),
        ({16.0}, 16, True), ({16, 4}, 16, False), (pd.Series([16]), 16, True), (pd.Series([16, 4]), 16, False),
        ({"a": 1, "b": 2}, {"a", "b"}, True), ({"a": 1}.keys(), {"a", "b"}, False), (iter("ab"), {"a", "b"}, True),
        (pd.Series(["a", "b"]), {"a", "b"}, True), (pd.Index(["a"]), {"a", "b"}, False), ("a and b", {"a", "b"}, True),
        ("a / b", {"a", "b"}, True), ("b + a", {"a", "b"}, True), ("b & c", {"a", "b"}, False),
    ],
)  # fmt: skip
def test_a_value_is_taken_as_what_it_is(mine, right, passes):
    question = Question(**{**vars(QUESTION), "answer": lambda: right, "prompt": "How many MB?", "wrong": {}})
    assert check_value(question, mine).passed == passes, check_value(question, mine)


def test_percent_counts_where_the_question_asks_for_it():
    question = Question(**{**vars(QUESTION), "answer": lambda: 10.0, "prompt": "In percent?", "wrong": {}})
    assert check_value(question, "10 %") and not check_value(question, "0.1 %")


@pytest.mark.parametrize(("mine", "says"), [(50, "in percent"), (-0.5, "sign"), ("1/2", "without quotes")])
def test_a_slip_of_a_value_is_told(mine, says):
    verdict = check_value(QUESTION, mine)
    assert not verdict and says in verdict.message


def leaves_everything_changed(s, t):
    torch.manual_seed(0), random.seed(0), torch.set_default_dtype(torch.float64)
    np.random.seed(0)  # noqa: NPY002
    torch.set_grad_enabled(False), os.chdir("/"), torch.use_deterministic_algorithms(True)
    torch.set_default_device("meta"), np.seterr(all="raise"), sys.setrecursionlimit(500)
    torch.set_anomaly_enabled(True), torch.set_float32_matmul_precision("medium"), sys.path.append("/nowhere")
    warnings.simplefilter("ignore")
    os.environ["KD_TEACH_NOWHERE"] = "1"
    sys.stdout = None
    torch.nn.functional.mse_loss = torch.Tensor.pow = builtins.abs = lambda *args, **kwargs: 0
    return torch.zeros((), device="cpu")


def state():
    return {
        "random": (torch.get_rng_state().tolist(), random.getstate()),
        "dtype": torch.get_default_dtype(), "device": torch.get_default_device(), "grad": torch.is_grad_enabled(),
        "folder": os.getcwd(), "deterministic": torch.are_deterministic_algorithms_enabled(), "stdout": sys.stdout,
        "numpy": np.geterr(), "anomaly": torch.is_anomaly_enabled(), "matmul": torch.get_float32_matmul_precision(),
        "path": list(sys.path), "warnings": list(warnings.filters), "environment": dict(os.environ),
        "recursion": sys.getrecursionlimit(), "mse": torch.nn.functional.mse_loss, "pow": torch.Tensor.pow, "abs": abs,
    }  # fmt: skip


@pytest.fixture(params=["process", "thread", "rehearsed"])
def way(request, monkeypatch):
    """How a submission is run: on Linux, on other systems, and beside an accelerator."""
    if request.param == "thread":
        return
    if sys.platform != "linux":
        pytest.skip("only Linux forks")
    request.getfixturevalue("in_processes")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: request.param == "rehearsed")


@pytest.mark.usefixtures("way")
def test_what_a_submission_changes_is_put_back_and_earns_nothing():
    torch.use_deterministic_algorithms(False)  # loads PyTorch's compiler, which takes longer than a check may
    before = state()
    assert not check_function(TOY, leaves_everything_changed).passed
    assert state() == before


def test_settings_of_the_notebook_cost_nothing():
    before = state()
    leaves_everything_changed(None, None)
    changed, folder = state(), os.getcwd()
    try:
        verdict, after = check_function(TOY, distance), state()
    finally:
        builtins.abs, sys.stdout = before["abs"], before["stdout"]
        torch.nn.functional.mse_loss, torch.Tensor.pow = before["mse"], before["pow"]
        torch.set_default_dtype(before["dtype"]), torch.set_default_device(None), torch.set_grad_enabled(True)
        torch.use_deterministic_algorithms(False), torch.set_anomaly_enabled(False), os.chdir(before["folder"])
        torch.set_float32_matmul_precision(before["matmul"]), np.seterr(**before["numpy"])
        sys.path[:], warnings.filters[:] = before["path"], before["warnings"]
        os.environ.pop("KD_TEACH_NOWHERE"), sys.setrecursionlimit(before["recursion"])
    assert verdict.passed and after == changed and folder == "/"


def test_a_function_of_torch_that_was_overwritten_before_is_the_original_inside(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pow", lambda x, p: 0 * x)
    fake = torch.Tensor.pow
    assert not check_function(TOY, lambda s, t: torch.zeros(()) * s.sum()).passed
    assert torch.Tensor.pow is fake


class Wordless(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), Wordless(), GeneratorExit()])
def test_whatever_is_raised_is_an_answer(error, way):
    def mine(s, t):
        raise error

    assert check_function(TOY, mine).kind == "raises"


def stubborn(s, t):
    while True:
        try:  # noqa: SIM105  what a beginner writes
            s = s + 1
        except:  # noqa: E722  what a beginner writes
            pass


def loud(s, t):
    while True:
        print("x" * 100)


def loud_elsewhere(s, t):
    while True:
        print("x" * 100, file=sys.stderr)


def leaves(s, t):
    os._exit(0)


def asks(s, t):
    return float(input("how many?"))


def again(s, t):
    return again(s, t)


@pytest.mark.parametrize(
    ("mine", "kind", "says"),
    [
        (stubborn, "too slow", "never ends"),
        (loud, "too slow", "prints without end"),
        (loud_elsewhere, "too slow", "prints without end"),
        (leaves, "raises", ""),
        (lambda s, t: sys.exit(0), "raises", "SystemExit"),
        (again, "raises", "RecursionError"),
    ],
)
def test_what_does_not_end_by_itself_is_stopped_and_takes_nothing_with_it(mine, kind, says, way, capsys):
    before, started, exits = threading.active_count(), time.perf_counter(), os._exit
    verdict = check_function(TOY, mine)
    assert verdict.kind == kind and says in verdict.message
    assert time.perf_counter() - started < TOY.seconds + 3 and threading.active_count() == before
    assert len(capsys.readouterr().out) <= MOST and os._exit is exits
    assert check_function(TOY, distance).passed


def beyond_the_stack(s, t):
    sys.setrecursionlimit(10**9)
    return again(s, t)


def grows(s, t):
    kept = []
    while True:
        kept.append(bytes(10**8))


def fills_the_disk(s, t):
    with open("flood", "wb") as file:
        while True:
            file.write(bytes(10**6))


def has_children(s, t):
    Path("child").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
    return stubborn(s, t)


def closes_all(s, t):
    os.closerange(0, 100)


def calls_back(s, t):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("in_processes")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread runs it, which cannot be stopped there")
@pytest.mark.parametrize(
    ("mine", "says"),
    [
        (lambda s, t: time.sleep(1000), "never ends"),
        (lambda s, t: 10**10**9, "never ends"),  # one step of Python: no thread is stopped in it
        (beyond_the_stack, ""),
        (grows, "MemoryError: more than 2 GB"),
        (lambda s, t: torch.ones(10**9).sum(), "MemoryError: more than 2 GB"),
        (fills_the_disk, "File too large"),
        (has_children, "never ends"),
        (closes_all, "ended Python"),
        (calls_back, "ended Python"),
        (asks, "nobody is there to answer"),
        (lambda s, t: os.write(1, bytes(10**6)) and s.sum(), "prints without end"),
    ],
)
def test_what_no_thread_can_stop_is_stopped_in_a_process(mine, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    verdict = check_function(TOY, mine)
    assert verdict.kind in ("raises", "too slow") and says in verdict.message, verdict
    assert time.perf_counter() - started < TOY.seconds + 3
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nothing is left
    for child in tmp_path.glob("child"):
        proc = Path("/proc", child.read_text(), "cmdline")
        assert not proc.exists() or not proc.read_bytes()  # gone, or waits to be buried by init


def test_a_stopped_answer_takes_at_most_five_seconds():
    assert (
        max(get_exercise(name).seconds for name in list_exercises() if isinstance(get_exercise(name), Exercise)) < 4.5
    )


@pytest.mark.usefixtures("in_processes")
def test_many_threads_before_a_fork_do_no_harm():
    """OpenMP's pool does not survive a fork; a submission must not wait for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        torch.randn(700, 700) @ torch.randn(700, 700)  # wakes the pool

        def mine(s, t):
            return distance(s, t) + 0 * (torch.ones(700, 700) @ torch.ones(700, 700)).sum()

        assert check_function(TOY, mine).passed
    finally:
        torch.set_num_threads(threads)


def test_what_is_printed_is_shown(way, capsys):
    def mine(s, t):
        print("shape", tuple(s.shape))
        return distance(s, t)

    assert check_function(TOY, mine).passed
    assert capsys.readouterr().out == "shape (4, 3)\nshape (2, 5)\n"


class Equal(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True if func is torch.allclose else super().__torch_function__(func, types, args, kwargs or {})


class Half(float):
    __sub__ = __rsub__ = lambda self, other: 0.0


class Word(str):
    strip = casefold = lambda self, *args: self
    __eq__ = lambda self, other: True
    __hash__ = str.__hash__


def test_what_calls_itself_equal_is_not(way):
    mean = Exercise("toy.mean", "The mean.", mean_of, lambda: [(numbers(1, 4, 3),)], gradient=False)
    assert not check_function(mean, lambda x: x.sum().as_subclass(Equal))
    assert not check_value(QUESTION, Half(7))
    word = Question(**{**vars(QUESTION), "answer": lambda: "cat"})
    assert not check_value(word, Word("dog"))


def halved(x):
    return x / 2


def mean_of_halves(x):
    return halved(x).mean()


def test_what_a_reference_calls_is_shown_and_its_mistakes_are_known():
    step = Exercise("toy.halved", "Half of x.", halved, list, mistakes={"That is a third.": lambda x: x / 3})
    whole = Exercise("toy.whole", "The mean.", mean_of_halves, lambda: [(numbers(1, 4, 3),)], steps={halved: step})
    verdict = check_function(whole, lambda x: x.mean() / 3)
    assert verdict.kind == "named mistake" and "That is a third." in verdict.message
    assert "def halved(x):\n        return x / 2\n" in whole.solution()
    assert "a third" not in check_function(Exercise(**{**vars(whole), "steps": {}}), lambda x: x.mean() / 3).message


def test_mistakes_of_a_step_are_known_in_the_lesson_that_uses_it():
    def mine(z_s, z_t, y, T, alpha, gamma):
        cross_entropy = torch.nn.functional.cross_entropy(z_s, y)
        return gamma * cross_entropy + alpha * get_exercise("kd.loss").answer(z_s, z_t, T) / T**2

    assert "T² is missing" in check("kd.total", mine).message


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def positive(x):
    return bool(x.sum() > 0)


def summary(x):
    return {"mean": x.mean(), "n": len(x)}


def letters(x):
    return {"a", "b"}


ROWS = [(numbers(1, 4, 3),), (-numbers(2, 2, 5).abs(),)]
ARRAYS = [(np.array([1.0, 2.0, 3.0]),), (np.array([0.0, 5.0]),)]


@pytest.mark.parametrize(
    ("reference", "cases", "mine", "passes"),
    [
        (softmax, ARRAYS, lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(), True),
        (softmax, ARRAYS, lambda x: torch.tensor(x).softmax(0), True),
        (softmax, ARRAYS, lambda x: softmax(x).tolist(), True),
        (softmax, ARRAYS, np.exp, False),
        (positive, ROWS, lambda x: x.sum() > 0, True),
        (positive, ROWS, lambda x: np.bool_(x.sum().item() > 0), True),
        (positive, ROWS, lambda x: x.sum() < 0, False),
        (positive, ROWS, lambda x: 1.0, False),
        (summary, ROWS, lambda x: {"n": len(x), "mean": x.numpy().mean()}, True),
        (summary, ROWS, lambda x: {"n": len(x), "mean": 0.0}, False),
        (summary, ROWS, lambda x: {"n": len(x)}, False),
        (letters, ROWS, lambda x: ["b", "a"], True),
        (letters, ROWS, lambda x: frozenset("ab"), True),
        (letters, ROWS, lambda x: ["b"], False),
    ],
)
def test_a_reference_may_return_what_its_teacher_likes(reference, cases, mine, passes):
    exercise = Exercise("toy.any", "What the teacher likes.", reference, lambda: cases, gradient=False)
    verdict = check_function(exercise, mine)
    assert verdict.passed == passes, verdict
    assert verdict.kind not in ("raises", "not attempted")


@pytest.mark.parametrize(
    ("reference", "cases", "says"),
    [
        (lambda x: None, [(1,)], "returns nothing"),
        (lambda x: object(), [(1,)], "returns an object, which cannot be compared"),
        (lambda x: x, [], "has no cases"),
    ],
)
def test_a_reference_that_nobody_can_be_compared_with_is_refused(reference, cases, says):
    with pytest.raises(ValueError, match=says):
        check_function(Exercise("toy.bad", "No exercise.", reference, lambda: cases, gradient=False), lambda x: x)


def test_a_reference_in_one_line_is_shown_and_a_lambda_explained():
    def doubled(x): return 2 * x  # fmt: skip

    cases = [(numbers(1, 4, 3),)]
    assert Exercise("toy.doubled", "Twice x.", doubled, lambda: cases).solution().endswith("    return 2 * x")
    unnamed = Exercise("toy.twice", "Twice x.", lambda x: 2 * x, lambda: cases)
    assert unnamed.stub().startswith("def my_twice(x):") and not check_function(unnamed, lambda x: x + 1)
    with pytest.raises(ValueError, match="expected a reference by `def`"):
        unnamed.solution()


def test_four_things_make_an_exercise():
    exercise = Exercise("toy.own", "The squared distance.", distance, TOY.cases, detached=("t",))
    assert check_function(exercise, distance) and exercise.stub() and exercise.solution() and exercise.hints
