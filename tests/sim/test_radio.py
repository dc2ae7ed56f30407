"""The radio model: weaker with distance and walls, and ever slower before it is dead."""

import math
from itertools import pairwise

import numpy as np
import pytest

from sim import scenario
from sim.radio import FAST_DB, RATES, SHADOW_DB, Fading, RadioModel, crosses, link
from sim.scene import Panel

FRAME_BITS = 36_000 * 8


def frame_s(level_dbm: float) -> float:
    """How long one camera frame takes up and its answer down."""
    at = link(level_dbm)
    return FRAME_BITS / at.rate_bps + 2 * at.delay_s


def test_a_weaker_link_is_never_better_in_any_way() -> None:
    links = [link(level) for level in np.arange(-40, -100, -0.5)]
    for stronger, weaker in pairwise(links):
        assert weaker.rate_bps <= stronger.rate_bps
        assert weaker.delay_s >= stronger.delay_s
        assert weaker.jitter_s >= stronger.jitter_s
        assert weaker.loss >= stronger.loss
        assert weaker.quality <= stronger.quality


def test_frames_get_slow_over_many_decibels_before_the_link_dies() -> None:
    assert frame_s(-60) < 0.012
    assert 0.03 < frame_s(-79) < 0.06
    assert frame_s(-85) > 0.1
    assert link(RATES[0][0] - 0.1).rate_bps == 0


def test_numbers_stay_in_their_ranges_far_outside_of_what_happens() -> None:
    for level in (-500.0, -91.0, 0.0, 100.0):
        at = link(level)
        assert 0 <= at.quality <= 100
        assert 0 <= at.loss <= 1
        assert 0 < at.delay_s < 0.2


def test_the_model_is_a_pure_function_of_seed_time_and_place() -> None:
    corridor = scenario.load("corridor")
    one, same, other = RadioModel(corridor, 1), RadioModel(corridor, 1), RadioModel(corridor, 2)
    asked = [(t, (1 + t / 5, 0.1)) for t in (0.0, 3.3, 17.0)]
    forwards = [one.links(t, xy) for t, xy in asked]
    backwards = [same.links(t, xy) for t, xy in reversed(asked)]
    assert forwards == backwards[::-1]
    assert forwards != [other.links(t, xy) for t, xy in asked]


def test_a_wall_between_takes_its_loss() -> None:
    corridor = scenario.load("corridor")
    assert corridor.world is not None
    bare = corridor.model_copy(update={"world": corridor.world.model_copy(update={"walls": []})})
    round_the_corner = (14.0, 5.0)
    with_walls = RadioModel(corridor).links(0, round_the_corner)["edge-1"].level_dbm
    without = RadioModel(bare).links(0, round_the_corner)["edge-1"].level_dbm
    assert without - with_walls == pytest.approx(12.0)  # two walls of the inner corner, 6 dB each


def test_lines_cross_walls_only_where_the_wall_is() -> None:
    wall = Panel(0, 0, 1, 0.05, math.pi / 2, 2.5, "#ffffff", 6.0, ((0, -1), (0, 1)))
    assert crosses((-1, 0), (1, 0), wall)
    assert not crosses((-1, 2), (1, 2), wall)
    assert not crosses((-2, 0), (-1, 0), wall)


def test_fading_has_the_deviation_it_says() -> None:
    rng = np.random.default_rng(0)
    values = [Fading(seed, "ap").db(t, (x, y)) for seed, t, x, y in rng.uniform(0, 50, (3000, 4)).astype(int)]
    assert np.mean(values) == pytest.approx(0, abs=0.2)
    assert np.std(values) == pytest.approx(math.hypot(SHADOW_DB, FAST_DB), rel=0.1)


def test_fading_is_smooth_on_the_way() -> None:
    fading = Fading(1, "ap")
    steps = [
        abs(fading.db(t, (t * 0.7, 0)) - fading.db(t + 0.02, (t * 0.7 + 0.014, 0))) for t in np.arange(0, 60, 0.02)
    ]
    assert max(steps) < 1.0


@pytest.mark.parametrize("seed", range(1, 6))
def test_in_the_corridor_each_server_is_the_best_one_in_turn_and_a_neighbour_is_there_at_the_kill(seed: int) -> None:
    radio = RadioModel(scenario.load("corridor"), seed)

    def fastest(t: float, xy: tuple[float, float]) -> str:
        links = radio.links(t, xy)
        return max(links, key=lambda name: links[name].rate_bps)

    assert fastest(1, (1, 0)) == "edge-1"
    assert fastest(24, (13, 0.5)) == "edge-2"
    assert fastest(45, (14, 8.5)) == "edge-3"
    neighbour = radio.links(45, (14, 8.5))["edge-2"]
    assert FRAME_BITS / neighbour.rate_bps < 0.06
    at_the_end = radio.links(58, (14, 12))["edge-2"]
    assert FRAME_BITS / at_the_end.rate_bps < 0.15
    gone = radio.links(45, (14, 8.5))["edge-1"]
    assert gone.rate_bps < 1e6
