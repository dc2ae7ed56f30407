"""The built-in garments are what the script draws, and what a garment has to be."""

import numpy as np
import pytest

from edge_server.garments.catalogue import BUILT_IN
from edge_server.garments.draw import DESIGNS, garment
from edge_server.tryon.values import Kind
from tests.edge_server.garments.support import BUILT_IN_IDS, built_in


@pytest.mark.parametrize("garment_id", DESIGNS)
def test_the_script_draws_the_garment_that_comes_along(garment_id: str) -> None:
    drawn, kept = garment(garment_id), built_in(garment_id)
    assert drawn.bgra.shape == kept.bgra.shape
    away = np.abs(drawn.bgra.astype(int) - kept.bgra.astype(int))
    assert (away > 12).mean() < 0.01  # other builds of OpenCV round differently; another drawing differs everywhere
    assert (drawn.name, drawn.kind) == (kept.name, kept.kind)
    for name, place in drawn.landmarks.items():
        assert kept.landmarks[name] == pytest.approx(place, abs=0.004)
    assert len(drawn.inside) == len(kept.inside)


def test_all_kinds_come_along_and_nothing_that_is_not_drawn() -> None:
    assert sorted(DESIGNS) == BUILT_IN_IDS
    assert {built_in(each).kind for each in BUILT_IN_IDS} == set(Kind)


def test_their_pictures_are_small_together() -> None:
    assert sum(file.stat().st_size for file in BUILT_IN.rglob("*.png")) < 2_000_000


@pytest.mark.parametrize("garment_id", BUILT_IN_IDS)
def test_landmarks_lie_at_the_garments_edge_or_on_it_and_left_is_the_wearers(garment_id: str) -> None:
    worn = built_in(garment_id)
    height, width = worn.bgra.shape[:2]
    assert 450 <= max(height, width) <= 700
    rows, columns = np.nonzero(worn.bgra[..., 3] > 127)
    for name, (x, y) in worn.landmarks.items():
        nearest = np.hypot(columns - x * width, rows - y * height).min()
        assert nearest < 0.015 * max(height, width), name
        if name.endswith("_left"):
            assert x > worn.landmarks[name.removesuffix("left") + "right"][0], name
    corners = worn.bgra[[0, 0, -1, -1], [0, -1, 0, -1], 3]
    assert not corners.any()
