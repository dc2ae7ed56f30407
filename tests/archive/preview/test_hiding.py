"""What a passer-by can rely on: scripted answers, looked at ten times a second."""

import pytest

from archive.preview.hiding import AHEAD_S, BEFORE_S, KEEP_S, STALE_S, Cover, Hiding, Scene
from archive.preview.shown import Looked, Shown
from protos.messages import Box

FACE = Box(0.4, 0.4, 0.1, 0.15)
ELSEWHERE = Box(0.1, 0.1, 0.1, 0.15)


def jpeg_at(time_s: float) -> bytes:
    return f"picture of {time_s:.1f}".encode()


class Camera:
    """A picture each tenth of a second, answered 40 ms later."""

    def __init__(self) -> None:
        self.hiding = Hiding()
        self.now_s = 100.0
        self.scene = Scene()
        self.looked: Looked | None = None

    def runs(self, seconds: float, *found: Box, lost: tuple[Box, ...] = (), answers: bool = True) -> list[Scene]:
        scenes = []
        for _ in range(round(10 * seconds)):
            self.now_s = round(self.now_s + 0.1, 3)
            if answers:
                self.looked = Looked(self.now_s, jpeg_at(self.now_s), found, lost)
            shown = Shown(jpeg=jpeg_at(self.now_s), looked=self.looked, edge="edge-1")
            self.scene = self.hiding.scene(shown, self.now_s + 0.04)
            scenes.append(self.scene)
        return scenes

    def picture_of(self, scenes: list[Scene], time_s: float) -> Scene:
        return next(each for each in scenes if each.jpeg == jpeg_at(time_s) and each.cover is Cover.FACES)


def holds(scene: Scene, box: Box) -> bool:
    """Whether one of the hidden boxes holds all of it."""
    slack = 1e-9
    return any(
        each.x <= box.x + slack
        and each.y <= box.y + slack
        and each.x + each.w >= box.x + box.w - slack
        and each.y + each.h >= box.y + box.h - slack
        for each in scene.hidden
    )


def test_the_whole_picture_is_hidden_until_it_is_known_where_faces_are() -> None:
    camera = Camera()
    scenes = camera.runs(3, FACE)
    covers = [each.cover for each in scenes]
    assert covers.count(Cover.SOON) == pytest.approx(10 * (AHEAD_S + BEFORE_S), abs=1)
    first = covers.index(Cover.FACES)
    assert set(covers[:first]) == {Cover.SOON}
    assert set(covers[first:]) == {Cover.FACES}
    assert scenes[-1].jpeg == jpeg_at(camera.now_s - AHEAD_S)
    assert scenes[-1].faces == (FACE,)


def test_without_an_answer_nothing_is_ever_shown() -> None:
    assert {each.cover for each in Camera().runs(5, answers=False)} == {Cover.BLIND}


def test_servers_that_fall_silent_hide_everything_until_they_have_answered_for_a_while() -> None:
    camera = Camera()
    camera.runs(3, FACE)
    covers = [each.cover for each in camera.runs(4, answers=False)]
    sharp_s = covers.index(Cover.BLIND) / 10
    assert sharp_s <= STALE_S
    assert set(covers[covers.index(Cover.BLIND) :]) == {Cover.BLIND}
    covers = [each.cover for each in camera.runs(3, FACE)]
    assert covers[0] is Cover.SOON
    assert covers.index(Cover.FACES) >= 10 * BEFORE_S


def test_while_servers_are_silent_no_picture_without_an_answer_is_shown() -> None:
    camera = Camera()
    camera.runs(3)
    last_answer_s = camera.now_s
    for scene in camera.runs(2, answers=False):
        assert scene.cover is Cover.BLIND or scene.jpeg <= jpeg_at(last_answer_s)


def test_a_face_is_hidden_in_the_pictures_just_before_it_was_found() -> None:
    camera = Camera()
    camera.runs(3)
    nobody_s = camera.now_s
    scenes = camera.runs(2, FACE)
    for back_s in (0.0, 0.1, 0.2, 0.3, 0.4):
        scene = camera.picture_of(scenes, round(nobody_s - back_s, 3))
        assert scene.faces == ()
        assert holds(scene, FACE)


def test_a_face_that_is_missed_is_hidden_for_a_second_more_and_wider_the_longer() -> None:
    camera = Camera()
    camera.runs(3, FACE)
    last_seen_s = camera.now_s
    scenes = camera.runs(2.5)
    widths = []
    for later_s in (0.1, 0.4, 0.7, 0.9):
        scene = camera.picture_of(scenes, round(last_seen_s + later_s, 3))
        assert holds(scene, FACE)
        moved = Box(FACE.x + 0.5 * later_s * FACE.w, FACE.y, FACE.w, FACE.h)  # and when it moves
        assert holds(scene, moved)
        widths.append(max(each.w for each in scene.hidden))
    assert widths == sorted(widths)
    assert camera.picture_of(scenes, round(last_seen_s + 1.5, 3)).hidden == ()


def test_where_a_lost_face_is_believed_to_be_is_hidden_too() -> None:
    camera = Camera()
    camera.runs(3, FACE)
    camera.runs(0.1, FACE, lost=(ELSEWHERE,))  # in one picture only
    lost_s = camera.now_s
    scene = camera.picture_of(camera.runs(1, FACE), lost_s)
    assert ELSEWHERE in scene.hidden
    assert scene.faces == (FACE,)


def test_a_face_that_stays_does_not_hide_more_than_itself() -> None:
    camera = Camera()
    camera.runs(4, FACE)
    assert set(camera.scene.hidden) == {FACE}


def test_a_gap_between_answers_is_no_knowledge() -> None:
    camera = Camera()
    camera.runs(3, FACE)
    camera.runs(0.9, answers=False)
    assert camera.runs(0.1, FACE)[0].cover is Cover.SOON


def test_answers_from_another_clock_hide_everything() -> None:
    camera = Camera()
    camera.runs(3, FACE)
    assert camera.hiding.scene(Shown(looked=Looked(9e9, b"")), camera.now_s).cover is Cover.BLIND


def test_what_is_remembered_is_bounded() -> None:
    camera = Camera()
    camera.runs(60, FACE)
    assert len(camera.scene.hidden) <= 10 * KEEP_S + 2
