"""The link's maths, with time passed in."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.shaping import MAX_LOSS_ROUNDS, RTO_S, LinkShape, Shaper


def test_a_piece_takes_its_time_on_the_line_and_then_the_delay() -> None:
    shaper = Shaper(LinkShape(rate_bps=8e6, delay_s=0.01))
    assert shaper.admit(1.0, 10_000) == pytest.approx(1.0 + 0.01 + 0.01)
    assert shaper.admit(1.0, 10_000) == pytest.approx(1.0 + 0.02 + 0.01), "the second waits for the first"
    assert shaper.admit(5.0, 10_000) == pytest.approx(5.0 + 0.01 + 0.01), "an idle line saves nothing up"


def test_a_perfect_link_costs_nothing() -> None:
    shaper = Shaper(LinkShape())
    assert shaper.admit(2.0, 1_000_000) == 2.0


def test_what_waits_goes_on_at_the_new_rate() -> None:
    shaper = Shaper(LinkShape(rate_bps=1e6))
    shaper.admit(0.0, 125_000)
    assert shaper.free_s == pytest.approx(1.0)
    shaper.reshape(0.5, LinkShape(rate_bps=10e6))
    assert shaper.free_s == pytest.approx(0.55)


def test_a_rate_of_nothing_does_not_hold_the_line_for_ever() -> None:
    shaper = Shaper(LinkShape(rate_bps=0.0))
    assert shaper.admit(0.0, 1448) < 0.5
    shaper.reshape(0.01, LinkShape(rate_bps=10e6))
    assert shaper.free_s < 0.02


def test_loss_in_a_long_piece_costs_a_round_trip_and_at_the_tail_a_timeout() -> None:
    always = LinkShape(delay_s=0.02, loss=1.0)
    alone = Shaper(always).admit(0.0, 100)
    assert alone == pytest.approx(0.02 + RTO_S * (1 + 2 + 4)), "bounded even when everything is lost"
    some = LinkShape(delay_s=0.02, loss=0.01)
    late = sorted({round(Shaper(some, seed).admit(0.0, 100_000), 6) for seed in range(200)})
    assert late[0] == pytest.approx(0.02)
    assert late[1] == pytest.approx(0.06), "fast retransmit: one round trip more"


def test_a_fault_adds_to_what_the_radio_says() -> None:
    both = LinkShape(20e6, 0.25, 0.001, 0.01).worsened(LinkShape(rate_bps=2e6, delay_s=0.5))
    assert both == LinkShape(2e6, 0.75, 0.001, 0.01)


shapes = st.builds(
    LinkShape,
    rate_bps=st.one_of(st.floats(1e4, 1e9), st.just(math.inf)),
    delay_s=st.floats(0, 0.1),
    jitter_s=st.floats(0, 0.05),
    loss=st.floats(0, 1),
)


@given(shapes, st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 65536)), max_size=30), st.integers(0, 5))
def test_nothing_overtakes_nothing_comes_early_and_the_same_seed_gives_the_same(
    shape: LinkShape, pieces: list[tuple[float, int]], seed: int
) -> None:
    one, two = Shaper(shape, seed), Shaper(shape, seed)
    now_s, last_s = 0.0, 0.0
    stall_s = RTO_S * (2**MAX_LOSS_ROUNDS - 1) + 2 * shape.delay_s
    for pause_s, nbytes in pieces:
        now_s += pause_s
        free_before_s = one.free_s
        out_s = one.admit(now_s, nbytes)
        assert out_s == two.admit(now_s, nbytes)
        assert out_s >= max(last_s, now_s + shape.delay_s)
        assert one.free_s >= max(now_s, free_before_s)
        assert out_s <= max(last_s, one.free_s + shape.delay_s + shape.jitter_s + stall_s)
        last_s = out_s
