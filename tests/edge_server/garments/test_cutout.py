"""A garment out of its photo: the cut, its landmarks, its kind, and what is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_server.garments import landmarks, silhouette
from edge_server.garments.adding import from_photo
from edge_server.garments.cutout import cut_out
from edge_server.garments.photo import Photo
from edge_server.garments.record import GarmentError, landmarks_of
from edge_server.tryon.values import Kind
from tests.edge_server.garments.support import (
    BLUE,
    BUILT_IN_IDS,
    PALE,
    WHITE,
    boxed,
    built_in,
    overlap,
    photo_of,
    write,
)

NECK_FRONT_OFF = 0.08  # of the longer side: inside the outline, so it is seen least surely
ANY_OFF, MEAN_OFF = 0.06, 0.02


@pytest.mark.parametrize("garment_id", BUILT_IN_IDS)
def test_a_garment_on_plain_paper_is_cut_out_with_its_landmarks_and_its_kind(garment_id: str) -> None:
    garment = built_in(garment_id)
    taken = photo_of(garment, BLUE if garment_id in PALE else WHITE)
    cut = cut_out(Photo(taken.bgr))
    truth, found = boxed(taken.alpha > 0.5), boxed(cut[..., 3] > 127)
    scale = [(found[end] - found[start]) / (truth[end] - truth[start]) for start, end in ((0, 2), (1, 3))]
    # the cut is cropped and made smaller: carry what it should be into its pixels
    carry = np.array([[scale[0], 0, found[0] - truth[0] * scale[0]], [0, scale[1], found[1] - truth[1] * scale[1]]])
    wanted = cv2.warpAffine(taken.alpha, carry, cut.shape[1::-1]) > 0.5
    assert overlap(wanted, cut[..., 3] > 127) >= 0.97

    marks = landmarks.find(silhouette.outlined(cut[..., 3] > 127), cut)
    assert marks.kind is garment.kind
    away = {}
    for name, (x, y) in marks.places.items():
        right = carry @ (*taken.places[name], 1.0)
        away[name] = float(np.hypot(x - right[0], y - right[1])) / max(cut.shape)
    assert away.pop("neck_front", 0.0) < NECK_FRONT_OFF
    assert max(away.values()) < ANY_OFF, away
    assert np.mean(list(away.values())) < MEAN_OFF


def test_the_edge_has_none_of_the_papers_colour() -> None:
    taken = photo_of(built_in("polo-claret"), (60, 220, 60))
    cut = cut_out(Photo(taken.bgr))
    edge = (cut[..., 3] > 20) & (cut[..., 3] < 235)
    assert edge.sum() > 300
    blue, green, red = cut[edge].T[:3].astype(int)
    assert np.mean(green > np.maximum(red, blue) + 25) < 0.02


def test_a_garment_that_lies_turned_is_made_upright(tmp_path: Path) -> None:
    made = from_photo(write(tmp_path / "tee.png", photo_of(built_in("tee-sage"), WHITE, turned_deg=7).bgr))
    assert made.turned_deg == pytest.approx(-7, abs=1.5)
    assert made.garment.kind is Kind.TOP
    for name in ("hem", "armpit", "shoulder"):
        left, right = made.garment.landmarks[f"{name}_left"], made.garment.landmarks[f"{name}_right"]
        assert left[1] == pytest.approx(right[1], abs=0.03)


def test_holes_through_which_the_paper_is_seen_stay_open() -> None:
    picture = np.full((600, 600, 3), 215, np.uint8)
    cv2.rectangle(picture, (120, 120), (480, 480), (60, 40, 140), -1)
    cv2.circle(picture, (300, 300), 60, (215, 215, 215), -1)
    cv2.circle(picture, (200, 200), 12, (120, 200, 240), -1)  # a spot on it
    cut = cut_out(Photo(picture))
    middle = cut[cut.shape[0] // 2, cut.shape[1] // 2, 3]
    assert middle == 0
    assert (cut[..., 3] > 127).mean() > 0.7


def test_what_has_been_cut_out_already_is_taken_as_it_is(tmp_path: Path) -> None:
    garment = built_in("jeans-indigo")
    made = from_photo(write(tmp_path / "Blue_jeans (2).png", garment.bgra))
    assert made.garment.kind is Kind.TROUSERS
    assert (made.garment.garment_id, made.garment.name) == ("blue-jeans-2", "Blue jeans (2)")
    assert made.garment.landmarks["crotch"] == pytest.approx(garment.landmarks["crotch"], abs=0.03)


def test_a_kind_that_is_given_is_kept(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", built_in("shirt-oxford").bgra)
    assert from_photo(file, kind=Kind.JACKET).garment.kind is Kind.JACKET
    assert set(from_photo(file, kind=Kind.DRESS).garment.landmarks) == set(landmarks_of(Kind.DRESS))
    with pytest.raises(GarmentError, match="no two legs"):
        from_photo(file, kind=Kind.TROUSERS)


def _paper(height: int = 500, width: int = 400) -> np.ndarray:
    return np.clip(np.random.default_rng(3).normal(214, 3, (height, width, 3)), 0, 255).astype(np.uint8)


def _chequered() -> np.ndarray:
    y, x = np.mgrid[:500, :400]
    board = np.where(((x // 25 + y // 25) % 2)[..., None], (30, 60, 200), (230, 230, 230)).astype(np.uint8)
    cv2.rectangle(board, (120, 120), (280, 380), (20, 160, 20), -1)
    return board


def _two() -> np.ndarray:
    picture = photo_of(built_in("tee-sage"), WHITE).bgr
    return np.hstack([picture, picture])


def _dark_on_dark() -> np.ndarray:
    return photo_of(built_in("tee-rover"), (62, 60, 58)).bgr


def _at_the_edge() -> np.ndarray:
    taken = photo_of(built_in("tee-sage"), WHITE)
    left, *_ = boxed(taken.alpha > 0.5)
    return taken.bgr[:, left + 12 :]


def _tiny() -> np.ndarray:
    picture = _paper(900, 900)
    picture[400:530, 400:500] = (60, 40, 140)
    return picture


def _lopsided() -> np.ndarray:
    picture = _paper()
    cv2.fillPoly(
        picture, [np.array([(80, 80), (150, 80), (150, 350), (330, 350), (330, 420), (80, 420)])], (60, 40, 140)
    )
    return picture


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_paper, "nothing to be seen"),
        (_chequered, "not plain"),
        (_two, "2 things"),
        (_dark_on_dark, "hardly be told"),
        (_at_the_edge, "left edge"),
        (_tiny, "too small"),
        (_lopsided, "not the outline of a garment"),
    ],
)
def test_a_photo_that_will_not_do_is_refused_with_what_to_do(tmp_path: Path, make, says: str) -> None:
    file = write(tmp_path / "photo.png", make())
    with pytest.raises(GarmentError, match=says) as refused:
        from_photo(file)
    assert str(file) in str(refused.value)


def test_noise_and_plain_shapes_raise_nothing_but_our_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for index in range(12):
        picture = _paper(260, 260)
        points = rng.integers(30, 230, (rng.integers(3, 9), 2)).astype(np.int32)
        cv2.fillPoly(picture, [points], tuple(int(c) for c in rng.integers(0, 160, 3)))
        try:
            made = from_photo(write(tmp_path / f"{index}.png", picture))
        except GarmentError:
            continue
        assert all(0 <= value <= 1 for place in made.garment.landmarks.values() for value in place)
