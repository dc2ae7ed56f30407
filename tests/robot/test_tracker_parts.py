"""Assignment, filter and colours, on their own."""

import itertools
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot.appearance import Appearance, colour, lab
from robot.assignment import assign
from robot.kalman import Axis

matrices = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.lists(st.one_of(st.just(math.inf), st.floats(-20, 5)), min_size=n, max_size=n), min_size=0, max_size=5
    )
)


def _best_total(costs: list[list[float]]) -> float:
    """By trying everything."""
    rows, columns = len(costs), len(costs[0]) if costs else 0
    options = list(range(columns)) + [None] * rows
    return min(
        (
            sum(costs[r][c] for r, c in enumerate(choice) if c is not None)
            for choice in itertools.permutations(options, rows)
        ),
        default=0.0,
    )


@settings(max_examples=60)
@given(matrices)
def test_no_pairing_is_cheaper_than_the_one_found(costs):
    pairs = assign(costs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(costs[row][column] < 0 for row, column in pairs)
    small = [row[:4] for row in costs[:4]]  # trying everything takes long for more
    total = sum(small[row][column] for row, column in assign(small))
    assert total == pytest.approx(_best_total(small), abs=1e-9)


def test_nothing_to_assign_gives_no_pairs():
    assert assign([]) == []
    assert assign([[], []]) == []
    assert assign([[math.inf, 3.0]]) == []


def test_a_filter_finds_the_speed_of_something_that_moves_at_uneven_times():
    random = Random(5)
    axis = Axis(0.0, 0.01**2, 1.0)
    time_s = 0.0
    for _ in range(60):
        dt_s = random.uniform(0.01, 0.1)
        time_s += dt_s
        axis.predict(dt_s, wander=1e-4)
        axis.update(0.3 * time_s + random.gauss(0, 0.01), 0.01**2)
    assert axis.v == pytest.approx(0.3, abs=0.03)
    assert axis.p == pytest.approx(0.3 * time_s, abs=0.015)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=50))
def test_a_filters_covariance_stays_one(steps):
    axis = Axis(0.0, 1e-4, 0.1)
    for dt_s, measured in steps:
        axis.predict(dt_s, 0.01, 1.5)
        if measured:
            axis.update(0.1, 1e-4)
        assert axis.pp > 0
        assert axis.vv > 0
        assert axis.pv**2 <= axis.pp * axis.vv * (1 + 1e-9)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.2, 80.1, 67.2)),  # Lindbloom's CIE calculator
        ((0, 0, 255), (32.3, 79.2, -107.9)),
    ],
)
def test_lab_values_are_those_of_the_books(rgb, expected):
    assert lab(rgb) == pytest.approx(expected, abs=0.3)


def test_a_shadow_is_less_of_a_change_than_other_clothes():
    look = Appearance(colour((160, 60, 50)))
    for _ in range(20):
        look.add(colour((160, 60, 50)), 30)
    shadow, other = colour((112, 42, 35)), colour((60, 60, 160))
    assert look.distance2(shadow) < 9 < look.distance2(other)
