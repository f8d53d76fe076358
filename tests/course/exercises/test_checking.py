"""The checker's answers to what learners hand in, on a toy exercise: the mean over samples of the squared distance."""

import contextlib
import threading
import time

import pytest
import torch

from kd_teach.course.exercises import Exercise, Question, check, get_exercise, hint, list_exercises, solution
from kd_teach.course.exercises.checking import check_function, check_value
from kd_teach.course.exercises.limits import TooSlow, within


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


@pytest.mark.parametrize(
    ("mine", "kind", "says"),
    [
        (lambda s, t: (s - t.detach()).square().sum() / len(s), "correct", "correct."),
        (lambda s, t: None, "not attempted", 'hint("toy.distance")'),
        (lambda s, t: ..., "not attempted", 'hint("toy.distance")'),
        (3.0, "wrong form", "expected a function, got a float"),
        (lambda s: s.sum(), "wrong form", "your function takes (s); expected my_distance(s, t)"),
        (lambda s, t: distance(s, t).item(), "wrong form", "leave out .item()"),
        (lambda s, t: (s - t).pow(2).sum(dim=1), "wrong form", "a tensor of shape (4,); expected one number"),
        (lambda s, t: (s, t), "wrong form", "2 things"),
        (lambda s, t: "done", "wrong form", "a str"),
        (lambda s, t: (s - t.detach()).abs().sum(dim=1).mean(), "named mistake", "The square is missing."),
        (lambda s, t: (s - t).abs().sum(dim=1).mean(), "named mistake", "The square is missing."),
        (lambda s, t: distance(s, t) + 0 * t.sum(), "correct", "correct."),
        (lambda s, t: (s - t).pow(2).sum(dim=1).mean(), "gradient", "gradient reaches t"),
        (lambda s, t: distance(s.detach(), t), "gradient", "no gradient reaches s"),
        (lambda s, t: 0.5 * distance(s, t) + 0.5 * distance(s.detach(), t), "gradient", "its gradient for s is not"),
        (lambda s, t: distance(s, t) / 2, "gap", "yours is 0.5 times the expected value"),
        (lambda s, t: distance(s, t) + 1, "gap", "expected is"),
        (lambda s, t: distance(s, t).sub(1e3).sqrt(), "gap", "NaN or infinite"),
        (lambda s, t: s @ t, "raises", "RuntimeError"),
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
    with pytest.raises(ZeroDivisionError):
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
