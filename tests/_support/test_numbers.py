"""Numbers that people type."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kd_teach._support.numbers import listed, number, seed_of, whole, word


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_whole_numbers_within_bounds_pass_and_no_others(value, low, high):
    if low <= value <= high:
        assert whole("n", value, low, high) == value
    else:
        with pytest.raises(ValueError, match=f"n is {value}; expected a whole number from {low} to {high}"):
            whole("n", value, low, high)


@pytest.mark.parametrize("value", [1.0, True, "1", None, math.nan, [1]])
def test_what_is_not_whole(value):
    with pytest.raises(ValueError, match="expected a whole number, 0 or more"):
        whole("n", value, 0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, "1", None, True, -0.1, 1.0])
def test_what_is_no_number_of_a_range(value):
    with pytest.raises(ValueError, match="x is .*expected a number of at least 0 and below 1"):
        number("x", value, 0, 1, below=True)


def test_bounds_may_be_left_out_and_numpy_passes():
    assert number("x", 0, 0) == 0 and number("x", -3.5) == -3.5
    assert type(whole("n", np.int64(3))) is int and type(number("x", np.float32(0.5))) is float
    with pytest.raises(ValueError, match="above 0"):
        number("x", 0, 0, above=True)


def test_words_lists_and_seeds():
    assert word("w", True, (True, False)) is True and listed("l", (1, 2)) == [1, 2]
    for wrong in (1, "True", None):
        with pytest.raises(ValueError, match="expected True or False"):
            word("w", wrong, (True, False))
    for wrong in ("kd", {"a": 1}, 3):
        with pytest.raises(ValueError, match="expected a list"):
            listed("l", wrong)
    with pytest.raises(ValueError, match="seed is"):
        seed_of(2**63)
