"""What the catalogue finds, what it refuses, and what it says about that."""

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from edge_server.garments import catalogue as module
from edge_server.garments.catalogue import BUILT_IN, Catalogue, search_path, user_folder
from edge_server.garments.record import GarmentError, as_png, check_id, read_garment, write_garment
from edge_server.tryon.values import UPPER_LANDMARKS, Kind
from protos.tryon_errors import UnknownGarmentError
from tests.edge_server.garments.support import BUILT_IN_IDS, simple


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good garment."""
    return write_garment(tmp_path / "mine", simple())


def change(folder: Path, **keys: object) -> None:
    file = folder / "garment.yaml"
    data = yaml.safe_load(file.read_text())
    data |= keys
    file.write_text(yaml.safe_dump({key: value for key, value in data.items() if value is not None}))


def test_the_search_path_goes_from_built_in_to_the_environment_and_the_last_is_written_to() -> None:
    environ = {"XDG_DATA_HOME": "/data", "TAGALONG_GARMENTS": f"/a{os.pathsep}/b"}
    assert search_path(environ) == (BUILT_IN, Path("/data/tagalong/garments"), Path("/a"), Path("/b"))
    assert user_folder(environ) == Path("/b")
    assert user_folder({}) == Path.home() / ".local/share/tagalong/garments"


def test_what_is_written_is_read_again(folder: Path) -> None:
    read, wrote = read_garment(folder), simple()
    assert (read.garment_id, read.name, read.kind) == (wrote.garment_id, wrote.name, wrote.kind)
    assert dict(read.landmarks) == {name: pytest.approx(place) for name, place in wrote.landmarks.items()}
    assert np.array_equal(read.bgra, wrote.bgra)
    assert not read.bgra.flags.writeable
    assert sorted(each.name for each in folder.parent.iterdir()) == ["plain-top"]  # nothing half made is left


def test_later_folders_win_and_are_told_from_what_comes_along(tmp_path: Path) -> None:
    write_garment(tmp_path, simple("tee-sage", "My own"))
    garments = Catalogue((BUILT_IN, tmp_path))
    entries = {each.garment_id: each for each in garments.entries()}
    assert len(entries) == len(BUILT_IN_IDS)
    assert (entries["tee-sage"].name, entries["tee-sage"].built_in) == ("My own", False)
    assert entries["polo-claret"].built_in
    assert garments.get("tee-sage").name == "My own"


def test_pictures_are_read_when_asked_for_once_and_not_kept_without_end(monkeypatch, tmp_path: Path) -> None:
    read: list[str] = []

    def counting(folder, record):
        read.append(folder.name)
        return read_garment(folder, record)

    monkeypatch.setattr(module, "read_garment", counting)
    monkeypatch.setattr(module, "MAX_READY", 2)
    for index in range(3):
        write_garment(tmp_path, simple(f"g{index}"))
    garments = Catalogue((tmp_path,))
    assert len(garments.entries()) == 3
    assert read == []
    assert garments.get("g0") is garments.get("g0")
    assert read == ["g0"]
    garments.garments()
    garments.get("g0")
    assert read == ["g0", "g1", "g2", "g0"]


def test_what_is_added_changed_or_removed_is_seen_by_a_catalogue_that_lives(folder: Path) -> None:
    garments = Catalogue((folder.parent,))
    assert garments.get("plain-top").name == "Plain"
    write_garment(folder.parent, simple(name="Other"), force=True)
    assert garments.get("plain-top").name == "Other"
    write_garment(folder.parent, simple("second"))
    assert garments.get("second").garment_id == "second"
    (folder / "garment.yaml").unlink()
    with pytest.raises(UnknownGarmentError, match=r"garment\.yaml: is missing"):
        garments.get("plain-top")


def test_several_threads_may_ask_at_once() -> None:
    garments = Catalogue((BUILT_IN,))
    got: list[str] = []

    def ask() -> None:
        got.extend(garments.get(each).garment_id for each in BUILT_IN_IDS[:5])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(BUILT_IN_IDS[:5] * 4)


def test_an_unknown_id_suggests_the_nearest() -> None:
    with pytest.raises(UnknownGarmentError, match="Did you mean 'tee-rover'"):
        Catalogue((BUILT_IN,)).get("tee-rovr")


@pytest.mark.parametrize(
    "bad", ["", "..", "../x", "a/b", "/etc", "A", "a b", "a\\b", "a\0", "-a", "a-", "ä", "a" * 64, "."]
)
def test_tricks_in_ids_come_nowhere_near_a_path(tmp_path: Path, bad: str) -> None:
    with pytest.raises(GarmentError, match="id"):
        check_id(bad)
    with pytest.raises(UnknownGarmentError):
        Catalogue((BUILT_IN,)).get(bad)
    with pytest.raises(GarmentError):
        write_garment(tmp_path / "mine", simple(bad))
    assert not (tmp_path / "mine").exists()


def test_html_in_a_name_stays_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> & \"co\" 'x': [y]"
    assert read_garment(write_garment(tmp_path, simple(name=name))).name == name


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"kind": "hat"}, "kind"),
        ({"version": 2}, "version"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\nb"}, "control"),
        ({"id": "other"}, "folder is named 'plain-top'"),
        ({"id": "../plain-top"}, "id"),
        ({"colour": "red"}, "colour: there is no such key"),
        ({"landmarks": None}, "landmarks: is missing"),
        ({"landmarks": {"neck_left": [0.5, 0.5]}}, "neck_right"),
        ({"landmarks": {name: [0.5, 0.5] for name in (*UPPER_LANDMARKS, "crotch")}}, "no landmark 'crotch'"),
        ({"landmarks": {name: [0.5, 1.5] for name in UPPER_LANDMARKS}}, "less than or equal to 1"),
        ({"landmarks": {name: [-0.1, 0.5] for name in UPPER_LANDMARKS}}, "greater than or equal to 0"),
        ({"landmarks": {name: [float("nan"), 0.5] for name in UPPER_LANDMARKS}}, "landmarks"),
        ({"landmarks": {name: [0.5] for name in UPPER_LANDMARKS}}, "landmarks"),
        ({"kind": "trousers"}, "crotch"),
        ({"inside": [[[0.1, 0.1]]]}, "inside"),
    ],
)
def test_a_wrong_record_is_refused_with_file_key_and_value(folder: Path, keys: dict[str, object], says: str) -> None:
    change(folder, **keys)
    with pytest.raises(GarmentError, match=says) as refused:
        read_garment(folder)
    assert str(folder / "garment.yaml") in str(refused.value)
    garments = Catalogue((BUILT_IN, folder.parent))
    assert len(garments.entries()) == len(BUILT_IN_IDS)  # the others are there all the same
    assert len(garments.problems) == 1


@pytest.mark.parametrize("text", ["", "[]", "{", "a: &a [*a]", "x" * 70_000, "\x00", "!!python/object:os.system {}"])
def test_a_record_that_is_no_record_is_refused(folder: Path, text: str) -> None:
    (folder / "garment.yaml").write_text(text)
    with pytest.raises(GarmentError, match=r"garment\.yaml"):
        read_garment(folder)


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (png(np.zeros((100, 100, 3), np.uint8)), "no alpha channel"),
        (png(np.zeros((100, 100), np.uint8)), "no alpha channel"),
        (png(np.zeros((100, 100, 4), np.uint8)), "0 % of it is garment"),
        (png(np.full((100, 100, 4), 255, np.uint8)), "100 % of it is garment"),
        (png(np.full((20, 100, 4), 255, np.uint8)), "20"),
        (png(np.zeros((2100, 2100, 4), np.uint8)), "2100x2100"),
        (cv2.imencode(".jpg", np.zeros((100, 100, 3), np.uint8))[1].tobytes(), "no PNG"),
        (png(simple().bgra)[:-30], "cut off"),
        (b"", "no PNG"),
        (bytes(9_000_000), "9000000 bytes"),
    ],
)
def test_a_wrong_picture_is_refused_with_its_file(folder: Path, data: bytes, says: str) -> None:
    (folder / "picture.png").write_bytes(data)
    with pytest.raises(GarmentError, match=says) as refused:
        read_garment(folder)
    assert str(folder / "picture.png") in str(refused.value)
    garments = Catalogue((folder.parent,))
    assert garments.garments() == []
    assert any("picture.png" in problem for problem in garments.problems)


def test_a_picture_of_16_bits_becomes_one_of_8(folder: Path) -> None:
    (folder / "picture.png").write_bytes(png(simple().bgra.astype(np.uint16) * 257))
    assert np.array_equal(read_garment(folder).bgra, simple().bgra)


def test_links_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(as_png(simple().bgra))
    (folder / "picture.png").unlink()
    (folder / "picture.png").symlink_to(secret)
    with pytest.raises(GarmentError, match="link out of its folder"):
        read_garment(folder)
    outside = write_garment(tmp_path / "outside", simple("linked"))
    (folder.parent / "linked").symlink_to(outside)
    garments = Catalogue((folder.parent,))
    assert [each.garment_id for each in garments.entries()] == ["plain-top"]
    assert any("link out of" in problem for problem in garments.problems)


def test_a_catalogue_that_is_itself_a_link_is_fine(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder.parent)
    assert Catalogue((tmp_path / "link",)).get("plain-top").kind is Kind.TOP


def test_a_pipe_in_place_of_a_file_does_not_hang(folder: Path) -> None:
    (folder / "garment.yaml").unlink()
    os.mkfifo(folder / "garment.yaml")
    with pytest.raises(GarmentError, match="no plain file"):
        read_garment(folder)


def test_what_is_there_is_not_replaced_unasked(folder: Path) -> None:
    with pytest.raises(GarmentError, match="--force"):
        write_garment(folder.parent, simple(name="New"))
    assert read_garment(folder).name == "Plain"
    write_garment(folder.parent, simple(name="New"), force=True)
    assert read_garment(folder).name == "New"
