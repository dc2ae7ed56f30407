"""Which crops of somebody are published: the best ones, soon, and not too many."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from archive.camera_config import ChoiceConfig
from archive.choice import GONE_S, MAX_TRACKS, Candidate, Choice

CONFIG = ChoiceConfig(settle_s=0.8, better=1.25, every_s=5.0, max_per_s=0)


def crop(track: str, time_s: float, quality: float) -> Candidate[str]:
    return Candidate(track, time_s, quality, f"{track} at {time_s:g}")


def run(config: ChoiceConfig, seen: list[Candidate[str]]) -> list[tuple[float, Candidate[str]]]:
    """What is published when, with a tick after the last one."""
    choice: Choice[str] = Choice(config)
    out = [(each.time_s, chosen) for each in seen for chosen in choice.offer(each.time_s, each)]
    end_s = max((each.time_s for each in seen), default=0.0) + GONE_S + 0.1
    return out + [(end_s, chosen) for chosen in choice.tick(end_s)]


def test_the_best_crop_of_the_first_moment_is_published_when_it_is_over() -> None:
    seen = [crop("a", 0.0, 0.2), crop("a", 0.3, 0.9), crop("a", 0.6, 0.5), crop("a", 0.8, 0.4), crop("a", 1.0, 0.3)]
    assert run(CONFIG, seen) == [(0.8, seen[1])]


def test_later_only_a_clearly_better_one_and_not_too_soon() -> None:
    start = [crop("a", 0.0, 0.4), crop("a", 0.8, 0.4)]
    steady = [crop("a", 0.8 + i, 0.4) for i in range(1, 30)]
    assert [each for _, each in run(CONFIG, start + steady)] == [start[0]]
    better = crop("a", 2.0, 0.5)  # 1.25 times as good, and the next moment it may go is at 5.8
    rest = [crop("a", 2.5 + i, 0.4) for i in range(10)]
    out = run(CONFIG, [*start, better, *rest])
    assert [each for _, each in out] == [start[0], better]
    assert out[1][0] >= 0.8 + 5.0


def test_somebody_who_is_gone_at_once_is_published_all_the_same() -> None:
    assert run(CONFIG, [crop("a", 0.0, 0.1)]) == [(GONE_S + 0.1, crop("a", 0.0, 0.1))]


def test_somebody_who_comes_back_as_the_same_track_is_new() -> None:
    """Trackers do not do that; whoever does is not lost by it."""
    choice: Choice[str] = Choice(CONFIG)
    first, later = crop("a", 0.0, 0.5), crop("a", 100.0, 0.5)
    assert choice.offer(0.0, first) == []
    assert choice.tick(GONE_S + 0.1) == [first]
    assert choice.offer(100.0, later) == []
    assert choice.tick(100.9) == [later]


def test_each_track_is_chosen_for_itself() -> None:
    seen = [crop(track, time_s / 10, 0.5) for time_s in range(20) for track in "abc"]
    assert sorted(each.track for _, each in run(CONFIG, seen)) == ["a", "b", "c"]


def test_at_the_end_nobody_who_was_seen_is_left_out_and_nobody_comes_twice() -> None:
    choice: Choice[str] = Choice(CONFIG)
    for i in range(11):
        choice.offer(i / 10, crop("long", i / 10, 0.5))
    choice.offer(1.05, crop("short", 1.05, 0.3))
    assert [each.track for each in choice.finish()] == ["short"]
    assert choice.finish() == []
    assert choice.tick(100.0) == []


def test_with_all_every_crop_goes_out_at_once() -> None:
    seen = [crop("a", i / 20, 0.0) for i in range(40)]
    assert [each for _, each in run(CONFIG.model_copy(update={"all": True}), seen)] == seen


def test_with_all_what_is_over_the_limit_is_left_out_and_counted() -> None:
    choice: Choice[str] = Choice(ChoiceConfig(all=True, max_per_s=5))
    out = [each for i in range(300) for each in choice.offer(i / 30, crop("a", i / 30, 0.5))]
    assert 50 <= len(out) <= 56  # ten seconds, and the burst at the start
    assert choice.limited == 300 - len(out)


def test_a_limit_below_one_a_second_lets_one_through_now_and_then() -> None:
    choice: Choice[str] = Choice(ChoiceConfig(all=True, max_per_s=0.5))
    out = [i / 10 for i in range(101) if choice.offer(i / 10, crop("a", i / 10, 0.5))]
    assert len(out) == 6
    assert out[0] == 0.0


def test_a_limit_keeps_a_track_back_not_out() -> None:
    """What may not go now may go a little later, while the track lasts."""
    config = CONFIG.model_copy(update={"max_per_s": 1.0})
    seen = [crop(track, time_s / 10, 0.5) for time_s in range(60) for track in "abcd"]
    out = run(config, seen)
    assert sorted(each.track for _, each in out) == ["a", "b", "c", "d"]
    assert max(sum(begin <= when < begin + 1 for when, _ in out) for begin in range(6)) <= 2


def test_crowds_are_bounded_and_those_who_give_way_are_published() -> None:
    choice: Choice[str] = Choice(CONFIG)
    out = [each for i in range(MAX_TRACKS + 50) for each in choice.offer(0.0, crop(f"t{i}", 0.0, 0.5))]
    assert [each.track for each in out] == [f"t{i}" for i in range(50)]
    assert len(choice.finish()) == MAX_TRACKS


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3), st.floats(0, 1)), max_size=60),
    st.sampled_from([0.0, 0.8]),
    st.sampled_from([1.0, 1.25]),
)
@settings(max_examples=200)
def test_everybody_is_published_and_never_twice_within_the_pause(
    steps: list[tuple[str, float, float]], settle_s: float, better: float
) -> None:
    config = ChoiceConfig(settle_s=settle_s, better=better, every_s=5.0, max_per_s=0)
    choice: Choice[str] = Choice(config)
    now_s, out, seen = 0.0, [], []
    for track, passed_s, quality in steps:
        now_s += passed_s
        seen.append(crop(track, now_s, quality))
        out += [(now_s, each) for each in choice.offer(now_s, seen[-1])]
    out += [(now_s, each) for each in choice.finish()]
    assert {each.track for _, each in out} == {each.track for each in seen}
    assert len({id(each) for _, each in out}) == len(out)
    ends = {track: [each.time_s for each in seen if each.track == track] for track in "abc"}
    for track in "abc":
        whens = [when for when, each in out if each.track == track]
        for earlier, later in pairwise(whens):
            gaps = [b - a for a, b in pairwise(ends[track]) if earlier <= b and a <= later]
            assert later - earlier >= 5.0 or max(gaps) > GONE_S  # else it had ended and began anew
