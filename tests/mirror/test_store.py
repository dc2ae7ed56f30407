"""Pictures are kept in memory: bounded, for a time, and overwritten when they go."""

import numpy as np
import pytest

from mirror.config import LimitsConfig
from mirror.memory import wipe
from mirror.store import GoneError, Picture, Store

JPEG = b"\xff\xd8 a picture of somebody"


def store(**limits: float) -> Store:
    return Store(LimitsConfig.model_validate(limits))


def add(kept: Store, session: str, now_s: float = 0.0, jpeg: bytes = JPEG) -> Picture:
    return kept.add(session, jpeg, (640, 480), {"labels": np.ones((4, 4), np.uint8)}, 16, now_s)


def test_a_picture_is_dropped_ten_minutes_after_it_came_however_often_it_was_used() -> None:
    kept = store()
    picture = add(kept, "anna", 100.0)
    for now_s in (300.0, 699.0):
        assert kept.get("anna", picture.picture_id, now_s) is picture
        assert kept.tick(now_s) == 0
    with pytest.raises(GoneError, match="dropped after 10 minutes"):
        kept.get("anna", picture.picture_id, 700.0)
    assert kept.tick(700.0) == 1
    assert (kept.sessions, kept.pictures, kept.size_bytes) == (0, 0, 0)


def test_what_is_dropped_is_overwritten() -> None:
    kept = store()
    picture = add(kept, "anna")
    result = kept.add_result("anna", picture, "tee", b"dressed")
    jpeg, labels, dressed = picture.jpeg, picture.found["labels"], result.jpeg
    assert kept.forget("anna") == 1
    assert not any(jpeg)
    assert not labels.any()
    assert not any(dressed)
    assert picture.found is None


def test_nobody_gets_at_another_ones_pictures() -> None:
    kept = store()
    picture = add(kept, "anna")
    result = kept.add_result("anna", picture, "tee", b"dressed")
    with pytest.raises(GoneError):
        kept.get("bert", picture.picture_id, 1.0)
    with pytest.raises(GoneError):
        kept.result("bert", result.result_id, 1.0)
    assert kept.forget("bert") == 0
    assert kept.result("anna", result.result_id, 1.0) is result


def test_a_result_that_comes_after_forgetting_is_not_kept() -> None:
    kept = store()
    picture = add(kept, "anna")
    kept.forget("anna")
    add(kept, "anna")
    with pytest.raises(GoneError, match="forgotten"):
        kept.add_result("anna", picture, "tee", b"dressed")


def test_of_one_user_the_oldest_pictures_and_results_go_first() -> None:
    kept = store(max_pictures=2, max_results=2)
    first, second, third = (add(kept, "anna") for _ in range(3))
    assert first.is_dropped
    assert [each.picture_id for each in kept.of("anna", 1.0)] == [second.picture_id, third.picture_id]
    results = [kept.add_result("anna", third, f"tee-{index}", b"dressed") for index in range(3)]
    assert list(third.results) == [each.result_id for each in results[1:]]


def test_of_all_users_together_whoever_used_his_picture_least_lately_loses_it_first() -> None:
    kept = store(max_bytes=1_000_000)
    big = bytes(400_000)
    anna, bert = add(kept, "anna", jpeg=big), add(kept, "bert", jpeg=big)
    kept.get("anna", anna.picture_id, 1.0)
    carl = add(kept, "carl", jpeg=big)
    assert (anna.is_dropped, bert.is_dropped, carl.is_dropped) == (False, True, False)
    assert kept.size_bytes <= 1_000_000


def test_wiping_reaches_into_values() -> None:
    inner, outer = bytearray(b"abc"), np.ones(3)
    frozen = np.frombuffer(b"abc", np.uint8)
    wipe({"a": [inner]}, (outer, frozen, "text", 3, None))
    assert not any(inner)
    assert not outer.any()
