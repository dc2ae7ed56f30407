"""People dressed by `WarpEngine`."""

from dataclasses import replace
from random import Random

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_server.tryon.values import Area, CancelledTryOn, Facing, Garment, KeyPoint, Kind, Person, TryOnError
from edge_server.tryon.warp import WarpEngine
from edge_server.tryon.warp.compose import Dressed
from tests.edge_server.tryon.astronaut import TALL, WIDE, astronaut
from tests.edge_server.tryon.figure import POSES, darkened, figure, random_joints
from tests.edge_server.tryon.wardrobe import trousers, upper

WORN = (Area.TORSO, Area.LEFT_UPPER_ARM, Area.RIGHT_UPPER_ARM, Area.LEFT_LOWER_ARM, Area.RIGHT_LOWER_ARM)
KEPT = (Area.FACE, Area.HAIR, Area.LEFT_HAND, Area.RIGHT_HAND)
UPPER = {
    "tee": upper(sleeve=0.32), "long": upper(), "vest": upper(sleeve=0), "jacket": upper(Kind.JACKET, 1.0, 0.86),
    "dress": upper(Kind.DRESS, 0.3, 0.99, flare=0.1),
}  # fmt: skip
ENGINE = WarpEngine()


def quiet(_share: float, _what: str) -> None: ...


def dress(person: Person, garment: Garment, engine: WarpEngine = ENGINE) -> Dressed:
    return engine.dress(person, garment, quiet)


def assert_the_rest_is_untouched(person: Person, dressed: Dressed) -> None:
    outside = (dressed.garment == 0) & (dressed.skin == 0)
    assert (dressed.bgr[outside] == person.bgr[outside]).all()
    kept = np.isin(person.parsing.labels, KEPT)
    assert outside[kept].all()
    assert not dressed.skin[person.parsing.labels == Area.BACKGROUND].any()


@pytest.mark.parametrize("box", [WIDE, TALL], ids=["512x384", "384x512"])
@pytest.mark.parametrize("quality", ["photo", "live"])
def test_the_astronaut_wears_it_and_all_around_is_untouched(box: tuple[int, int, int, int], quality: str) -> None:
    person = astronaut(box)
    dressed = dress(person, UPPER["long"], WarpEngine("live" if quality == "live" else "photo"))
    assert dressed.bgr.shape == person.bgr.shape
    assert dressed.bgr.dtype == np.uint8
    assert_the_rest_is_untouched(person, dressed)
    assert overlap(person, dressed) >= 0.85


def overlap(person: Person, dressed: Dressed) -> float:
    """Intersection over union of the garment and the torso with its sleeves."""
    worn, garment = np.isin(person.parsing.labels, WORN), dressed.garment > 0.5
    return float((worn & garment).sum() / (worn | garment).sum())


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("size", [(384, 512), (512, 384)], ids=["384x512", "512x384"])
def test_a_long_sleeved_garment_covers_torso_and_arms_and_little_else(pose: str, size: tuple[int, int]) -> None:
    person = figure(pose, size)
    dressed = dress(person, UPPER["long"])
    assert_the_rest_is_untouched(person, dressed)
    assert overlap(person, dressed) >= 0.85


@pytest.mark.parametrize("name", UPPER)
@pytest.mark.parametrize("pose", ["arms_down", "arm_across"])
def test_face_hands_and_background_stay_whatever_is_worn(name: str, pose: str) -> None:
    person = figure(pose)
    dressed = dress(person, UPPER[name])
    assert_the_rest_is_untouched(person, dressed)
    assert dressed.garment.max() == 1


def test_nothing_of_what_was_worn_shows_between_the_pieces() -> None:
    person = figure("hands_on_hips", shirt=(0, 255, 0))
    dressed = dress(person, upper(bgr=(40, 30, 190)))
    labels = cv2.erode(np.isin(person.parsing.labels, WORN).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    green = labels & (dressed.bgr[..., 1] > dressed.bgr[..., 2].astype(int) + 60)
    assert green.sum() < 0.004 * labels.sum()


def test_a_shadow_over_one_half_is_carried_over() -> None:
    plain, shadowed = figure("arms_down"), darkened(figure("arms_down"), 0.55)
    before, after = (dress(person, UPPER["long"]).bgr.astype(float) for person in (plain, shadowed))
    chest = plain.parsing.labels == Area.TORSO
    left, right = chest.copy(), chest.copy()
    left[:, 192 - 12 :] = False
    right[:, : 192 + 12] = False
    ratio = (after[left].mean() / after[right].mean()) / (before[left].mean() / before[right].mean())
    assert 0.45 < ratio < 0.75


def test_a_print_on_what_is_worn_does_not_shine_through() -> None:
    person = figure("arms_down", shirt=(90, 150, 70))
    printed = person.bgr.copy()
    printed[200:240, 160:220] = (40, 220, 250)
    plain, marked = (dress(each, UPPER["long"]).bgr.astype(float) for each in (person, replace(person, bgr=printed)))
    assert np.abs(plain - marked)[205:235, 165:215].mean() < 8


def test_a_bare_arm_before_the_chest_stays_before_the_garment() -> None:
    person = figure("arm_across", long_sleeves=False)
    dressed = dress(person, UPPER["tee"])
    arm = person.parsing.labels == Area.RIGHT_LOWER_ARM
    assert dressed.garment[arm].max() < 0.1
    assert (dressed.bgr[arm] == person.bgr[arm]).all(axis=1).mean() > 0.9


def test_a_sleeve_goes_over_the_trunk_where_the_arm_is_before_it() -> None:
    garment = upper()
    bgra = garment.bgra.copy()
    bgra[:, :155, :3] = (200, 40, 40)  # the right sleeve
    person = figure("arm_across")
    dressed = dress(person, replace(garment, bgra=bgra))
    arm = cv2.erode((person.parsing.labels == Area.RIGHT_LOWER_ARM).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    blue = dressed.bgr[..., 0] > dressed.bgr[..., 2]
    assert blue[arm].mean() > 0.9


def test_sleeves_that_are_longer_than_the_new_ones_become_bare_arms() -> None:
    person = figure("arms_down", shirt=(200, 60, 30))
    dressed = dress(person, UPPER["tee"])
    arm = cv2.erode((person.parsing.labels == Area.LEFT_LOWER_ARM).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    skin = np.median(person.bgr[person.parsing.labels == Area.FACE], axis=0)
    assert np.abs(np.median(dressed.bgr[arm], axis=0) - skin).max() < 45


def test_thick_sleeves_are_kept_rather_than_painted_as_arms() -> None:
    assert not dress(astronaut(), UPPER["tee"]).skin[250:].any()


def test_trousers_cover_the_legs() -> None:
    person = figure("arms_down", whole=True)
    dressed = dress(person, trousers())
    assert_the_rest_is_untouched(person, dressed)
    legs = person.parsing.labels == Area.LEGS
    legs[455:] = False  # feet
    assert (dressed.garment[legs] > 0.5).mean() > 0.93


def test_trousers_need_legs_in_view() -> None:
    for person in (figure("arms_down"), astronaut()):
        with pytest.raises(TryOnError, match="legs"):
            dress(person, trousers())


def test_from_behind_a_plain_top_is_possible_and_a_front_is_not() -> None:
    person = figure("arms_down", facing=Facing.BACK)
    dressed = dress(person, UPPER["tee"])
    assert (dressed.garment[person.parsing.labels == Area.TORSO] > 0.5).mean() > 0.9
    with pytest.raises(TryOnError, match="behind"):
        dress(person, UPPER["jacket"])
    bgra = UPPER["tee"].bgra.copy()
    cv2.circle(bgra, (240, 170), 45, (255, 255, 255, 255), -1)
    with pytest.raises(TryOnError, match="print"):
        dress(person, replace(UPPER["tee"], bgra=bgra))


def test_from_the_side_nothing_is_possible() -> None:
    person = figure("arms_down")
    with pytest.raises(TryOnError, match="side"):
        dress(replace(person, pose=replace(person.pose, facing=Facing.SIDE)), UPPER["tee"])


@pytest.mark.parametrize("confidence", [0.1, 0.0, float("nan")])
def test_an_uncertain_shoulder_is_said(confidence: float) -> None:
    person = figure("arms_down")
    points = dict(person.pose.points) | {"left_shoulder": KeyPoint(0.6, 0.3, confidence)}
    with pytest.raises(TryOnError, match="left shoulder"):
        dress(replace(person, pose=replace(person.pose, points=points)), UPPER["tee"])


def test_only_shoulders_are_needed() -> None:
    person = figure("arms_down")
    points = {name: point for name, point in person.pose.points.items() if "shoulder" in name}
    dressed = dress(replace(person, pose=replace(person.pose, points=points)), UPPER["long"])
    assert (dressed.garment[person.parsing.labels == Area.TORSO] > 0.5).mean() > 0.85


def test_progress_grows_and_stops_the_work_by_raising() -> None:
    seen: list[float] = []
    ENGINE.try_on(figure("arms_down"), UPPER["tee"], lambda share, _what: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) >= 5
    for stop in range(len(seen)):
        calls = 0

        def cancel(_share: float, _what: str, stop: int = stop) -> None:
            nonlocal calls
            calls += 1
            if calls > stop:
                raise CancelledTryOn("nobody waits any more")

        with pytest.raises(CancelledTryOn):
            ENGINE.try_on(figure("arms_down"), UPPER["tee"], cancel)
        assert calls == stop + 1


def test_the_same_request_gives_the_same_picture() -> None:
    first, second = (WarpEngine().try_on(figure("turned"), UPPER["dress"], quiet) for _ in range(2))
    assert (first == second).all()


def test_a_quality_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="superb"):
        WarpEngine("superb")  # type: ignore[arg-type]


@settings(max_examples=30)
@given(st.integers(0, 100_000), st.sampled_from([*UPPER, "trousers"]), st.booleans(), st.sampled_from(list(Facing)))
def test_any_pose_is_dressed_or_refused_in_words(seed: int, name: str, whole: bool, facing: Facing) -> None:
    random = Random(seed)
    person = figure(random_joints(random), (random.choice([97, 160, 240]), random.choice([120, 161, 200])), whole)
    points = {
        key: point._replace(x=point.x + random.gauss(0, 0.03), confidence=random.random() ** 0.3)
        for key, point in person.pose.points.items()
        if random.random() > 0.1
    }
    person = replace(person, pose=replace(person.pose, points=points, facing=facing))
    engine = WarpEngine(random.choice(["photo", "live"]))
    try:
        dressed = dress(person, trousers() if name == "trousers" else UPPER[name], engine)
    except TryOnError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert refused.endswith(".")
        return
    assert dressed.bgr.shape == person.bgr.shape
    assert dressed.bgr.dtype == np.uint8
    assert np.isfinite(dressed.garment).all()
    assert dressed.garment.min() >= 0
    assert dressed.garment.max() <= 1
    assert_the_rest_is_untouched(person, dressed)
