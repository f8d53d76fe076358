"""Where a weight is looked for: until both neighbours are worse, then closer."""

import math

import pytest

from kd_teach.study import make_study, run_study
from kd_teach.study.table import CURVES, Table
from kd_teach.study.tuning import at_an_end, best_of, beyond, choose, curve_of, next_points, tune
from tests.study.tiny import grid


def valley(best):
    """An objective with its highest point at `best`, on a scale of logarithms."""
    return lambda multiple: 1 - abs(math.log10(multiple / best))


def searched(objective, closer=None, multiples=(0.1, 1.0, 10.0)):
    """Both curves at the end, of an objective in place of training; and how often it was asked."""
    coarse, close, asked = {m: objective(m) for m in multiples}, {}, 0
    while any(points := next_points(coarse, close)):
        coarse |= {m: objective(m) for m in points[0]}
        close |= {m: (closer or objective)(m) for m in points[1]}
        asked += 1
        assert asked < 50
    return coarse, close


@pytest.mark.parametrize("best", [0.001, 0.03, 1.0, 30.0, 1000.0])
def test_the_curve_grows_until_both_neighbours_are_worse(best):
    coarse, close = searched(valley(best))
    found = best_of(close)
    assert found == pytest.approx(best) and not at_an_end(coarse, found)
    assert len(close) == 3 and sorted(coarse.values())[-3:] == sorted(close.values())


def test_a_closer_look_that_moves_the_best_to_an_end_goes_on():
    coarse, close = searched(valley(1.0), closer=valley(100.0))
    assert best_of(close) == 100 and not at_an_end(coarse, 100.0) and len(close) > 3


def test_a_curve_that_only_rises_ends_somewhere_and_is_known_to_be_at_an_end():
    coarse, close = searched(lambda multiple: math.log(multiple))
    assert at_an_end(coarse, best_of(close)) and max(coarse) == 1e4


def test_beyond_by_hand():
    assert beyond({0.1: 1, 1.0: 2}, 1.0) == 3 and beyond({0.03: 2, 0.1: 1}, 0.03) == 0.01
    assert beyond({0.1: 1, 1.0: 2, 3.0: 1}, 1.0) is None and beyond({0.5: 2, 5.0: 3}, 5.0) == 10
    assert best_of({0.3: 5, 10.0: 5}) == 0.3  # the one nearest to the published weight


def rows(*points, method="kd"):
    """Texts as a table holds them, of (multiple, epochs, seed, accuracy)."""
    names = ("multiple", "epochs", "seed", "val_accuracy")
    given = [dict(zip(names, map(str, point), strict=True)) for point in points]
    return [
        row | {"method": method, "variant": "paper", "weight": row["multiple"], "asked": "", "code": ""}
        for row in given
    ]


def chosen_of(tmp_path, *points):
    table = Table(tmp_path / "w.csv", CURVES)
    for row in rows(*points):
        table.put(row | {"chosen": False})
    [line] = choose(table, ["kd"])
    [row] = [row for row in table.rows() if row["chosen"] == "True"]
    return line, row


COARSE = [(0.3, 3, 0, 0.4), (1.0, 3, 0, 0.6), (3.0, 3, 0, 0.5)]


def test_the_longest_runs_decide_by_their_mean(tmp_path):
    close = [(1.0, 6, 0, 0.7), (1.0, 6, 1, 0.5), (3.0, 6, 0, 0.65), (3.0, 6, 1, 0.66), (0.3, 6, 0, 0.1)]
    line, row = chosen_of(tmp_path, *COARSE, (10.0, 3, 0, 0.1), *close)
    assert (row["multiple"], row["epochs"], row["seed"]) == ("3.0", "6", "0") and "65.50%" in line
    assert "end of the curve" not in line  # 10 was tried, coarsely


def test_a_choice_at_the_end_is_called_one(tmp_path):
    assert "(end of the curve)" in chosen_of(tmp_path, *COARSE[:2])[0]
    assert "(end" not in chosen_of(tmp_path, *COARSE)[0]


def test_a_study_is_tuned_to_the_end_and_then_stands(world, tmp_path):
    out = tmp_path / "w.csv"
    study = make_study(
        grid(world, methods=["kd"], multiples=[0.3, 1], select="validation", budgets=[{"val": 6, "epochs": 1}])
    )
    asked = []

    def run(study):
        asked.append(len(study.cells))
        return run_study(study, out=out, runs=tmp_path / "runs", threads=1, say=str)

    report = tune(study, run, out)
    table = Table(out, CURVES).rows()
    coarse, close = curve_of(table, 1), curve_of(table, 2)
    assert not any(next_points(coarse, close)) and len(close) >= 3
    assert asked == sorted(asked) and report.rows == len(table)
    assert {int(row["seed"]) for row in table if row["epochs"] == "2"} == {0, 1, 2}
    before, _ = out.read_bytes(), asked.clear()
    tune(study, run, out)  # begins with the few points of the grid, and drops nothing that stands
    assert asked == [len(table)] and out.read_bytes() == before
