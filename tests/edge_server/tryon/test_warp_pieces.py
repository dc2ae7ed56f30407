"""Garments cut into pieces, and where those are laid."""

from dataclasses import replace

import numpy as np
import pytest

from edge_server.tryon.values import Garment, Kind, TryOnError
from edge_server.tryon.warp.body import Body
from edge_server.tryon.warp.fit import fit
from edge_server.tryon.warp.pattern import cut
from edge_server.tryon.warp.pieces import Fit, Piece
from edge_server.tryon.warp.spline import Spline
from tests.edge_server.tryon.figure import POSES, figure
from tests.edge_server.tryon.wardrobe import trousers, upper


def laid(garment: Garment, pose: str, whole: bool = False) -> tuple[Body, Fit]:
    body = Body(figure(pose, whole=whole))
    return body, fit(cut(garment, 1.0), body)


def piece(layout: Fit, role: str, side: str | None) -> Piece:
    return next(each for each in layout.pieces if each.role == role and each.side == side)


def test_all_cloth_is_in_some_piece_and_only_seams_are_in_two() -> None:
    garment = upper()
    pattern = cut(garment, 1.0)
    parts = [pattern.trunk.alpha, *(limb.cloth.alpha for limb in pattern.limbs.values())]
    count = np.sum([part > 200 for part in parts], axis=0)
    cloth = garment.bgra[..., 3] == 255
    assert (count[cloth] >= 1).mean() > 0.999
    assert (count[cloth] > 1).mean() < 0.02
    assert not (count[garment.bgra[..., 3] == 0]).any()


def test_what_the_body_hides_is_cut_away() -> None:
    hole = ((0.44, 0.30), (0.56, 0.30), (0.56, 0.40), (0.44, 0.40))
    pattern = cut(replace(upper(), inside=(hole,)), 1.0)
    assert pattern.trunk.alpha[168, 240] == 0


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_sleeve_and_trunk_meet_at_the_armhole(pose: str, side: str) -> None:
    _, layout = laid(upper(), pose)
    trunk, sleeve = piece(layout, "trunk", None), piece(layout, "upper", side)
    seam = sleeve.targets[:5]  # from the shoulder's tip to the armpit
    between = np.concatenate([seam, (seam[1:] + seam[:-1]) / 2])
    of_trunk, of_sleeve = (Spline(each.targets, each.sources)(between) for each in (trunk, sleeve))
    assert np.abs(of_trunk - of_sleeve)[:5] == pytest.approx(0, abs=1e-6)
    assert np.abs(of_trunk - of_sleeve).max() < 6  # of the garment's 480 pixels


@pytest.mark.parametrize("pose", ["arms_down", "hands_on_hips", "arm_across", "arms_wide"])
def test_both_halves_of_a_sleeve_meet_at_the_elbow(pose: str) -> None:
    _, layout = laid(upper(), pose)
    high, low = piece(layout, "upper", "right"), piece(layout, "lower", "right")
    assert high.targets[-3:] == pytest.approx(low.targets[:3])
    assert high.sources[-3:] == pytest.approx(low.sources[:3])


def test_a_sleeve_ends_where_it_is_as_long_as_drawn() -> None:
    short, half, long = (laid(upper(sleeve=length), "arms_down")[1].ends["left"] for length in (0.32, 0.5, 1.0))
    assert 0.15 < short < 0.35 < half < 0.6
    assert long == 1.0


def test_trousers_reach_from_waist_to_ankles() -> None:
    body, layout = laid(trousers(), "arms_down", whole=True)
    targets = np.concatenate([each.targets for each in layout.pieces])
    assert targets[:, 1].min() < body.hips[1] < targets[:, 1].max()
    assert targets[:, 1].max() == pytest.approx(body.legs["left"].joints[2][1], abs=0.1 * body.unit)


@pytest.mark.parametrize("pose", POSES)
def test_the_trunks_sides_lie_just_outside_the_outline(pose: str) -> None:
    person = figure(pose)
    body = Body(person)
    for side in ("left", "right"):
        for along in (0.45, 0.6, 0.75):
            edge = body.place(along, side, body.half(along, side))
            inside = body.place(along, side, 0.85 * body.half(along, side))
            assert body.is_person(inside)
            assert np.hypot(*(edge - inside)) < 0.2 * body.unit


def test_garments_that_lack_something_are_refused_by_name() -> None:
    garment = upper()
    marks = {name: place for name, place in garment.landmarks.items() if name != "hem_left"}
    with pytest.raises(TryOnError, match="hem_left"):
        cut(replace(garment, landmarks=marks), 1.0)
    with pytest.raises(TryOnError, match="alpha"):
        cut(replace(garment, bgra=garment.bgra[..., :3]), 1.0)
    with pytest.raises(TryOnError, match="alpha"):
        cut(replace(garment, bgra=garment.bgra * np.array([1, 1, 1, 0], np.uint8)), 1.0)
    with pytest.raises(TryOnError):
        cut(replace(upper(Kind.DRESS), kind=Kind.TROUSERS), 1.0)
