"""The detectors on a real portrait (scikit-image's astronaut), in scenes of known size."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from common.errors import BadImageError, ModelError
from edge_server.engines import registry
from edge_server.engines.base import BGR, Engine, Picture
from edge_server.models.store import FOLDER_VARIABLE, ModelStore, user_cache
from protos.face_points import LEFT_EAR, LEFT_EYE, MOUTH, NOSE_TIP, RIGHT_EAR, RIGHT_EYE, frontality

FACE_CENTRE = (0.44, 0.22)  # of the portrait, by eye; within 0.03
FACE_ENGINES = ["haar", "blazeface", "yunet"]
ALL = [*FACE_ENGINES, "blazepose", "yolo"]
# The portrait, 512 px wide, by eye.
SEEN_PX = {RIGHT_EYE: (204, 101), LEFT_EYE: (247, 103), NOSE_TIP: (223, 126), MOUTH: (222, 145)}
SEEN_PX |= {RIGHT_EAR: (175, 113), LEFT_EAR: (275, 120)}
POINT_ENGINES = [("blazeface", {}, 6), ("blazeface", {"range": "short"}, 6), ("yunet", {}, 4)]


def photo(file: Path) -> Picture:
    bgr = cv2.imread(str(file))
    assert bgr is not None
    return Picture(bgr.astype(np.uint8))


@pytest.fixture(scope="module")
def portrait() -> BGR:
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="module")
def make() -> Callable[..., Engine]:
    """Makes an engine from real models; skips when its model is not here."""

    def create(name: str, **options) -> Engine:
        try:
            return registry.create(name, ModelStore(), **options)
        except ModelError as error:
            pytest.skip(f"{error} (and ${FOLDER_VARIABLE} may name a folder with it)")

    return create


def scene(portrait: BGR, width: int, left: int, top: int) -> BGR:
    """The portrait, `width` px wide, on a grey wall of 640x480."""
    wall = np.full((480, 640, 3), (150, 160, 165), np.uint8)
    small = cv2.resize(portrait, (width, width), interpolation=cv2.INTER_AREA)
    wall[top : top + width, left : left + width] = small[: 480 - top, : 640 - left]
    return wall


def mirror(bgr: BGR) -> BGR:
    return np.ascontiguousarray(bgr[:, ::-1])


@pytest.mark.parametrize("name", FACE_ENGINES)
def test_the_face_is_found_where_it_is(name, make, portrait) -> None:
    (face,) = make(name).detect([Picture(portrait)])[0]
    assert face.label == "face"
    assert face.score > 0.5
    assert (face.box.cx, face.box.cy) == pytest.approx(FACE_CENTRE, abs=0.04)
    assert 0.15 < face.box.w < 0.3
    red, green, blue = face.mean_rgb
    assert red > green > blue  # skin


@pytest.mark.parametrize("name", FACE_ENGINES)
def test_boxes_are_normalised_to_a_picture_that_is_not_square(name, make, portrait) -> None:
    (face,) = make(name).detect([Picture(scene(portrait, 300, 310, 60))])[0]
    expected = ((310 + FACE_CENTRE[0] * 300) / 640, (60 + FACE_CENTRE[1] * 300) / 480)
    assert (face.box.cx, face.box.cy) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("name", "options", "count"), POINT_ENGINES)
def test_the_points_of_the_face_come_in_the_common_order(name, options, count, make, portrait) -> None:
    """Her right eye is left in the picture; eyes over nose over mouth; each within a quarter of the eyes' distance."""
    (face,) = make(name, **options).detect([Picture(portrait)])[0]
    assert len(face.points) == count
    right_eye, left_eye, nose, mouth = face.points[:4]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1]
    for at, (x, y) in enumerate(face.points):
        assert (x * 512, y * 512) == pytest.approx(SEEN_PX[at], abs=11), at


@pytest.mark.parametrize(("name", "options", "count"), POINT_ENGINES)
def test_points_are_normalised_to_a_picture_that_is_not_square(name, options, count, make, portrait) -> None:
    (face,) = make(name, **options).detect([Picture(scene(portrait, 400, 210, 60))])[0]
    for at, (x, y) in enumerate(face.points[:4]):  # ears vary more
        seen_x, seen_y = SEEN_PX[at]
        expected = (210 + seen_x * 400 / 512, 60 + seen_y * 400 / 512)
        assert (x * 640, y * 480) == pytest.approx(expected, abs=11), at


@pytest.mark.parametrize(("name", "options", "count"), POINT_ENGINES)
def test_she_looks_into_the_camera_and_so_does_her_mirror_image(name, options, count, make, portrait) -> None:
    engine = make(name, **options)
    (face,), (mirrored,) = engine.detect([Picture(portrait)]) + engine.detect([Picture(mirror(portrait))])
    looks = frontality(face.points)
    assert looks is not None
    assert looks > 0.95
    assert frontality(mirrored.points) == pytest.approx(looks, abs=0.03)
    assert mirrored.points[RIGHT_EYE][0] == pytest.approx(1 - face.points[LEFT_EYE][0], abs=0.02)


@pytest.mark.parametrize(("name", "options", "count"), POINT_ENGINES)
def test_a_face_that_the_edge_cuts_keeps_the_points_beyond_it(name, options, count, make, portrait) -> None:
    """The picture begins just before her right eye."""
    (face,) = make(name, **options).detect([Picture(np.ascontiguousarray(portrait[:, 198:]))])[0]
    assert face.box.x == 0
    assert len(face.points) == count
    if count == 6:
        assert face.points[RIGHT_EAR][0] < 0


def test_haar_knows_no_points(make, portrait) -> None:
    (face,) = make("haar").detect([Picture(portrait)])[0]
    assert face.points == ()
    assert frontality(face.points) is None


def test_the_person_is_found_by_the_pose_detector_with_her_colour(make, portrait) -> None:
    (person,) = make("blazepose").detect([Picture(scene(portrait, 280, 200, 100))])[0]
    assert person.label == "person"
    assert person.score > 0.5
    assert person.box.cx == pytest.approx((200 + 0.42 * 280) / 640, abs=0.04)
    red, _, blue = person.mean_rgb
    assert red > blue + 20  # the orange suit


@pytest.mark.parametrize("landmarks", [0, 1])
def test_the_height_of_a_person_goes_with_the_size_in_the_picture(landmarks, make, portrait) -> None:
    """Half as large is twice as far; the landmarks tell it within 8 %, the detector alone within 20 %."""
    engine = make("blazepose", landmarks=landmarks)
    near, far = (
        engine.detect([Picture(scene(portrait, width, 320 - width // 2, 240 - width // 2))])[0][0]
        for width in (300, 150)
    )
    assert near.box.h / far.box.h == pytest.approx(2.0, rel=0.08 if landmarks else 0.2)
    assert near.box.w / near.box.h == pytest.approx(far.box.w / far.box.h, rel=0.02)


def test_a_distant_person_is_found_by_the_second_look(make, portrait) -> None:
    picture = Picture(scene(portrait, 70, 290, 200))
    assert make("blazepose", closer=False).detect([picture]) == [[]]
    (person,) = make("blazepose").detect([picture])[0]
    assert person.box.cx == pytest.approx((290 + 0.42 * 70) / 640, abs=0.02)


def test_without_the_landmark_file_persons_are_still_found(make, portrait, tmp_path, caplog) -> None:
    make("blazepose")
    store = ModelStore()
    (tmp_path / "pose_detection.tflite").symlink_to(store.path("blazepose"))
    engine = registry.create("blazepose", ModelStore([tmp_path]))
    assert "pose_landmark_full.tflite" in caplog.text
    assert len(engine.detect([Picture(portrait)])[0]) == 1


def test_a_person_seen_from_behind_is_found(make, shared_media) -> None:
    picture = photo(shared_media / "person.jpg")
    (person,) = make("blazepose").detect([picture])[0]
    stature = (372 - 100) / picture.bgr.shape[0]  # hat to boots, by eye
    assert person.box.h / stature == pytest.approx(0.52, abs=0.03)
    assert person.box.cx == pytest.approx(230 / 640, abs=0.02)


@pytest.mark.parametrize("name", ALL)
def test_several_pictures_are_answered_in_order(name, make, portrait) -> None:
    engine = make(name)
    wall = np.full_like(portrait, 120)
    for picture, expected in ((portrait, True), (wall, False), (portrait, True)):
        assert bool(engine.detect([Picture(picture)])[0]) is expected
    assert engine.detect([]) == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (2000, 3), (7, 9), (480, 640)])
def test_pictures_of_odd_shapes_hold_nobody_and_harm_nothing(name, shape, make) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8)
    for found in make(name).detect([Picture(noise)])[0]:
        assert found.box.is_sane


@pytest.mark.parametrize("name", ALL)
def test_a_grey_picture_is_refused_as_a_bad_image(name, make) -> None:
    with pytest.raises(BadImageError):
        make(name).detect([Picture(np.zeros((48, 64), np.uint8))])


@pytest.mark.parametrize("name", ["blazepose", "blazeface"])
def test_a_damaged_network_is_a_model_error(name, tmp_path) -> None:
    from edge_server.engines.litert import LiteRtNetwork

    file = Path(tmp_path / f"{name}.tflite")
    file.write_bytes(b"this is no network")
    with pytest.raises(ModelError, match=file.name):
        LiteRtNetwork(file, 1, 0.0, 1.0)


def test_the_user_cache_is_searched_last() -> None:
    assert ModelStore().search[-1] == user_cache()
