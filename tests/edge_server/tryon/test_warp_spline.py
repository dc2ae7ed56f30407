"""The splines alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_server.tryon.values import TryOnError
from edge_server.tryon.warp.spline import Box, Spline

PLACES = np.array([[10, 10], [90, 15], [20, 80], [85, 95], [50, 50], [60, 20]], float)


def test_every_landmark_goes_exactly_to_its_target() -> None:
    targets = PLACES + np.random.default_rng(1).normal(0, 12, PLACES.shape)
    assert Spline(PLACES, targets)(PLACES) == pytest.approx(targets, abs=1e-8)


def test_landmarks_that_move_affinely_move_everything_so() -> None:
    matrix, shift = np.array([[1.3, -0.2], [0.4, 0.8]]), np.array([7.0, -30.0])
    anywhere = np.random.default_rng(2).uniform(-200, 300, (50, 2))
    spline = Spline(PLACES, PLACES @ matrix.T + shift)
    assert spline(anywhere) == pytest.approx(anywhere @ matrix.T + shift, abs=1e-6)


def test_landmarks_on_one_spot_or_on_one_line_give_no_nan() -> None:
    twice = np.vstack([PLACES, PLACES[:2] + 0.1])
    assert np.isfinite(Spline(twice, twice * 2)(PLACES)).all()
    line = np.stack([np.arange(5.0), np.arange(5.0)], axis=1) * 10
    assert np.isfinite(Spline(line, line + 3)(PLACES)).all()
    with pytest.raises(TryOnError):
        Spline(PLACES[:2], PLACES[:2])


@pytest.mark.parametrize(("step", "fine"), [(4, 1), (8, 1), (4, 2)])
def test_the_maps_of_a_box_are_the_spline_at_its_pixels(step: int, fine: int) -> None:
    spline = Spline(PLACES, PLACES + np.random.default_rng(3).normal(0, 5, PLACES.shape))
    box = Box(7, 11, 61, 47)
    maps = spline.dense(box, step, fine)
    assert maps.x.shape == (box.height * fine, box.width * fine)
    assert maps.sound.shape == (box.height, box.width)
    x = box.x + (np.arange(box.width * fine) + 0.5) / fine - 0.5
    y = box.y + (np.arange(box.height * fine) + 0.5) / fine - 0.5
    exact = spline(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(len(y), len(x), 2)
    assert np.abs(np.dstack([maps.x, maps.y]) - exact).max() < 0.1 * step


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(3, 40), st.floats(50, 2000))
def test_any_landmarks_are_met(seed: int, count: int, size: float) -> None:
    random = np.random.default_rng(seed)
    sources = random.permutation(32 * 32)[:count, None] // [1, 32] % 32 * (size / 32)
    targets = random.uniform(0, size, (count, 2))
    assert Spline(sources, targets)(sources) == pytest.approx(targets, abs=1e-4 * size)
