"""The one being followed is kept until truly gone, and nobody else is ever taken silently."""

from dataclasses import replace

import pytest

from protos.messages import RGB, Box
from robot.target import TargetConfig, TargetEvent, TargetSelector
from robot.values import Track

RED, BLUE = (190, 40, 40), (40, 60, 180)
FPS = 20


def track(number: int, time_s: float, cx: float = 0.5, rgb: RGB = RED, h: float = 0.5, hits: int = 20) -> Track:
    box = Box(cx - 0.075, 0.3, 0.15, h)
    return Track(number, "person", box, (0.0, 0.0), 0.9, rgb, time_s, time_s, hits, True, azimuth_rad=1.5 * (0.5 - cx))


def follow(selector: TargetSelector, from_s: float, to_s: float, *tracks: Track) -> list[TargetEvent]:
    """These tracks, standing still, seen in every frame."""
    events = []
    for step in range(round(from_s * FPS), round(to_s * FPS)):
        now_s = step / FPS
        fresh = [replace(each, time_s=now_s, last_seen_s=now_s) for each in tracks]
        events.append(selector.update(now_s, fresh).event)
    return events


def test_the_largest_one_is_selected_and_then_kept_even_when_another_is_larger():
    selector = TargetSelector()
    events = follow(selector, 0, 1, track(1, 0, 0.4, h=0.6), track(2, 0, 0.8, h=0.4))
    assert events[0] is TargetEvent.SELECTED
    assert set(events[1:]) == {TargetEvent.KEPT}
    follow(selector, 1, 2, track(1, 0, 0.4, h=0.5), track(2, 0, 0.8, h=0.7))
    assert selector.state.track is not None
    assert selector.state.track.track_id == 1


def test_of_two_alike_the_one_nearer_to_the_centre_is_selected():
    selector = TargetSelector()
    follow(selector, 0, 0.1, track(1, 0, 0.1), track(2, 0, 0.5))
    assert selector.state.track is not None
    assert selector.state.track.track_id == 2


def test_unconfirmed_tracks_and_other_labels_are_not_selected():
    selector = TargetSelector()
    unconfirmed = replace(track(1, 0.0), confirmed=False)
    assert selector.update(0.0, [unconfirmed, replace(track(2, 0.0), label="dog")]).event is TargetEvent.NONE


def test_a_target_out_of_sight_coasts_then_is_lost_then_forgotten():
    selector = TargetSelector(TargetConfig(coast_after_s=0.3, lost_after_s=1.0, forget_after_s=3.0))
    follow(selector, 0, 1, track(1, 0))
    seen = track(1, 0.95)
    expected = {1.1: "kept", 1.5: "coasting", 2.1: "lost", 4.0: "lost", 5.2: "none"}
    for now_s, event in expected.items():
        state = selector.update(now_s, [replace(seen, time_s=now_s)] if now_s < 3 else [])
        assert state.event == event
    assert selector.state.last is None


def test_a_lost_target_tells_where_it_was_last():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0, 0.7))
    state = selector.update(1.1, [])
    assert state.event is TargetEvent.LOST
    assert state.track is None
    assert state.last is not None
    assert state.last.box.cx == pytest.approx(0.7)
    assert state.lost_since_s == 1.1


def test_the_same_person_under_a_new_id_is_refound():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0))
    assert set(follow(selector, 1, 2)) == {TargetEvent.LOST}
    events = follow(selector, 2, 3, track(7, 0, 0.55))
    assert events[0] is TargetEvent.REFOUND
    assert set(events[1:]) == {TargetEvent.KEPT}
    assert selector.state.person == 1


def test_somebody_in_other_clothes_is_only_followed_as_a_new_person_after_the_search():
    selector = TargetSelector(TargetConfig(forget_after_s=5.0))
    follow(selector, 0, 1, track(1, 0))
    events = follow(selector, 1, 10, track(2, 0, 0.5, BLUE))
    assert events.count(TargetEvent.LOST) == pytest.approx(5.0 * FPS, abs=2)
    assert TargetEvent.REFOUND not in events
    assert events.count(TargetEvent.SELECTED) == 1
    assert selector.state.person == 2


def test_who_stood_beside_the_target_is_never_taken_for_it_however_alike():
    selector = TargetSelector(TargetConfig(forget_after_s=5.0))
    follow(selector, 0, 1, track(1, 0, 0.4, h=0.6), track(2, 0, 0.6))
    assert set(follow(selector, 1, 5, track(2, 0, 0.5))) == {TargetEvent.LOST}


def test_who_was_there_before_the_target_vanished_is_not_taken_for_it():
    selector = TargetSelector(TargetConfig(lost_after_s=1.0))
    follow(selector, 0, 1, track(1, 0, 0.4))
    coasting = replace(track(1, 0.95, 0.4), time_s=1.0)
    selector.update(1.0, [coasting])
    early = replace(track(5, 0.9, 0.5), time_s=0.9)
    selector.update(0.9, [coasting, early])
    assert TargetEvent.REFOUND not in follow(selector, 3, 5, track(5, 0, 0.5))


@pytest.mark.parametrize(("cx", "away_s"), [(0.08, 0.5), (0.9, 3.0)])
def test_after_walking_out_at_the_left_a_double_is_not_the_target(cx: float, away_s: float):
    """Back after half a second at the same edge, or after three at the other: that is somebody else."""
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0, 0.05))
    follow(selector, 1, 1 + away_s)
    assert TargetEvent.REFOUND not in follow(selector, 1 + away_s, 3 + away_s, track(2, 0, cx))


def test_after_walking_out_it_is_refound_at_the_same_edge_when_it_had_time_to_turn_round():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0, 0.05))
    follow(selector, 1, 3)
    assert TargetEvent.REFOUND in follow(selector, 3, 4, track(2, 0, 0.1))


def test_when_the_robot_turned_after_it_the_target_is_refound_at_once():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0, 0.05))
    follow(selector, 1, 1.5)
    turned = replace(track(2, 0, 0.4), azimuth_rad=1.5 * 0.45 + 0.15)  # the robot's heading is 0.65 rad further left
    assert TargetEvent.REFOUND in follow(selector, 1.5, 2.0, turned)


def test_a_much_smaller_double_is_not_the_target():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0, 0.5, h=0.6))
    follow(selector, 1, 2)
    assert TargetEvent.REFOUND not in follow(selector, 2, 4, track(2, 0, 0.5, h=0.25))


def test_one_or_two_sightings_do_not_make_a_refind():
    selector = TargetSelector(TargetConfig(refind_hits=4))
    follow(selector, 0, 1, track(1, 0))
    follow(selector, 1, 2)
    assert selector.update(2.0, [track(2, 2.0, hits=3)]).event is TargetEvent.LOST
    assert selector.update(2.05, [track(2, 2.05, hits=4)]).event is TargetEvent.REFOUND


def test_after_a_reset_the_largest_is_selected_as_a_new_person():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0))
    selector.reset()
    assert selector.state.track is None
    assert follow(selector, 1, 1.1, track(2, 0, rgb=BLUE, h=0.6), track(1, 0))[0] is TargetEvent.SELECTED
    assert selector.state.person == 2


def test_another_label_is_another_wish():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0))
    dog = replace(track(2, 1.0), label="dog")
    assert selector.update(1.0, [dog], label="dog").event is TargetEvent.SELECTED
    assert selector.update(1.05, [replace(dog, time_s=1.05, last_seen_s=1.05)], label="dog").event is TargetEvent.KEPT


def test_a_new_track_at_the_targets_place_is_taken_up_while_its_old_one_still_coasts_elsewhere():
    selector = TargetSelector()
    follow(selector, 0, 1, track(1, 0))
    stray = track(1, 0.95)
    events = []
    for step in range(20, 30):
        now_s = step / FPS
        new = replace(track(2, now_s, 0.55), last_seen_s=now_s, hits=step - 19)
        events.append(selector.update(now_s, [replace(stray, time_s=now_s), new]).event)
    assert TargetEvent.LOST not in events
    assert TargetEvent.REFOUND in events
    assert selector.state.track is not None
    assert selector.state.track.track_id == 2
    assert selector.state.person == 1


def test_who_is_seen_in_the_same_picture_is_not_taken_up_for_it():
    selector = TargetSelector()
    follow(selector, 0, 0.9, track(1, 0))
    beside = replace(track(2, 0, 0.55), confirmed=False)
    follow(selector, 0.9, 1, track(1, 0), beside)
    events = follow(selector, 1, 4, track(2, 0, 0.55))
    assert TargetEvent.REFOUND not in events
