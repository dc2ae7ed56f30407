"""Files of strangers, and what becomes of them."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from common.errors import BadImageError, BadMessageError
from edge_server.tryon.service_pictures import Picture, read_picture
from edge_server.tryon.service_values import (
    garment_from_data,
    garment_to_data,
    parsing_from_data,
    parsing_to_data,
    pose_from_data,
    pose_to_data,
)
from protos.tryon import GarmentData, ParsingData, PoseData
from tests.edge_server.tryon.nodes import Outline, Thirds, jpeg, person, pixels, png, shirt, shirt_data

MAX_PX = 16_000_000


def read(data: bytes, longest_px: int = 1024) -> Picture:
    return read_picture(data, longest_px, MAX_PX)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is so large, of a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def animated() -> bytes:
    still = png(person())
    at = still.index(b"IDAT") - 4
    return still[:at] + chunk(b"acTL", struct.pack(">II", 2, 0)) + still[at:]


def with_orientation(data: bytes, orientation: int) -> bytes:
    """A JPEG with the turning mark a phone writes."""
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "neither a JPEG nor a PNG"),
        (b"<html>", "this is text"),
        (b"GIF89a" + bytes(50), "a GIF picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
        (png_header(10_000, 5_000), "10000x5000"),
        (png_header(40, 300), "too small"),
        (animated(), "animated"),
        (jpeg(person())[:2000], "cut off"),
        (png(person())[:-20], "cut off"),
        (png(person())[:60] + png(person())[-12:], "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_picture_to_dress_is_refused_in_words(data: bytes, says: str) -> None:
    with pytest.raises(BadImageError, match=says) as caught:
        read(data)
    assert "\\x" not in str(caught.value)  # nothing of the file itself


def test_a_picture_of_working_size_is_passed_on_as_it_was_sent() -> None:
    for data in (jpeg(person()), png(person())):
        picture = read(data)
        assert picture.is_as_sent
        assert picture.file == data
    assert np.array_equal(picture.bgr, person())


def test_a_turned_picture_is_put_upright_and_loses_its_marks() -> None:
    lying = with_orientation(jpeg(cv2.rotate(person(), cv2.ROTATE_90_COUNTERCLOCKWISE)), 6)
    picture = read(lying)
    assert (picture.width_px, picture.height_px) == (240, 320)
    assert np.abs(picture.bgr.astype(int) - person()).mean() < 4
    assert not picture.is_as_sent
    assert b"Exif" not in picture.file


def test_sixteen_bit_grey_and_see_through_pictures_are_taken() -> None:
    bgr = person()
    sixteen = read(png(bgr.astype(np.uint16) * 257))
    assert np.abs(sixteen.bgr.astype(int) - bgr).max() <= 1
    grey = read(png(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)))
    assert grey.bgr.shape == bgr.shape
    alpha = np.dstack([bgr, np.full(bgr.shape[:2], 255, np.uint8)])
    alpha[:50, :, 3] = 0
    see_through = read(png(alpha))
    assert (see_through.bgr[:50] == 255).all()  # laid on white, not what was hidden beneath
    assert np.array_equal(see_through.bgr[50:], bgr[50:])
    for picture in (sixteen, see_through):
        assert not picture.is_as_sent
        assert np.abs(pixels(picture.file).astype(int) - picture.bgr).mean() < 4


def test_a_large_picture_becomes_of_working_size() -> None:
    picture = read(jpeg(cv2.resize(person(), (3000, 4000))), 800)
    assert (picture.width_px, picture.height_px) == (600, 800)
    assert len(picture.file) < 200_000


def test_pose_areas_and_garment_survive_the_wire_also_for_another_size() -> None:
    pose = Outline().pose(person())
    parsing = Thirds().parse(person(), pose)
    data = PoseData.from_pb(pose_to_data(pose).to_pb())
    labels = ParsingData.from_pb(parsing_to_data(parsing).to_pb())
    same = pose_from_data(data, 240, 320, MAX_PX)
    assert np.array_equal(same.mask, pose.mask)
    assert same.points["nose"] == pytest.approx(pose.points["nose"], abs=1e-6)
    assert np.array_equal(parsing_from_data(labels, 240, 320, MAX_PX).labels, parsing.labels)
    assert pose_from_data(data, 120, 160, MAX_PX).mask.shape == (160, 120)
    smaller = parsing_from_data(labels, 120, 160, MAX_PX).labels
    assert set(np.unique(smaller)) == set(np.unique(parsing.labels))
    for read_back in (
        lambda: pose_from_data(data, 320, 240, MAX_PX),
        lambda: parsing_from_data(labels, 9, 320, MAX_PX),
    ):
        with pytest.raises(BadImageError, match="belongs to no picture"):
            read_back()
    garment = garment_from_data(GarmentData.from_pb(garment_to_data(shirt()).to_pb()), MAX_PX)
    assert np.array_equal(garment.bgra, shirt().bgra)


def test_labels_that_are_no_areas_are_refused() -> None:
    with pytest.raises(BadMessageError, match="label 77"):
        parsing_from_data(ParsingData(png(np.full((64, 64), 77, np.uint8))), 64, 64, MAX_PX)
    with pytest.raises(BadImageError, match="channels"):
        parsing_from_data(ParsingData(png(np.zeros((64, 64, 3), np.uint8))), 64, 64, MAX_PX)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image_png": png(np.zeros((64, 64, 3), np.uint8))}, "no transparent background"),
        ({"image_png": png(np.full((64, 64, 4), 255, np.uint8))}, "no transparent background"),
        ({"image_png": png(np.zeros((64, 64, 4), np.uint8))}, "nothing to put on"),
        ({"image_png": jpeg(person())}, "no PNG"),
        ({"image_png": png_header(9000, 9000)}, "9000x9000"),
        ({"landmarks": {"neck_left": (0.1, 0.1)}}, "landmarks of a top are missing"),
    ],
    ids=str,
)
def test_a_garment_that_cannot_be_worn_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises((BadImageError, BadMessageError), match=says):
        garment_from_data(shirt_data(**changes), MAX_PX)


def test_a_huge_garment_becomes_smaller_and_its_edge_takes_no_colour_from_outside() -> None:
    large = np.zeros((4000, 3000, 4), np.uint8)  # transparent black around red
    large[500:3500, 500:2500] = (20, 30, 200, 255)
    garment = garment_from_data(shirt_data(image_png=png(large)), MAX_PX)
    assert garment.bgra.shape[:2] == (1536, 1152)
    edge = garment.bgra[(garment.bgra[:, :, 3] > 20) & (garment.bgra[:, :, 3] < 235)]
    assert len(edge) == 0 or np.abs(edge[:, :3].astype(int) - (20, 30, 200)).max() <= 12


@pytest.mark.parametrize("garment_id", ["../etc/passwd", "a/b", "..", "", "A", "x" * 64, "a\0b", "%2e%2e"])
def test_an_id_is_never_a_path(garment_id: str) -> None:
    with pytest.raises(BadMessageError, match="garment id"):
        GarmentData.from_pb(shirt_data(garment_id=garment_id).to_pb())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -20.0, 1e9])
def test_places_that_no_picture_has_are_refused(value: float) -> None:
    with pytest.raises(BadMessageError, match="no place in a picture"):
        GarmentData.from_pb(shirt_data(landmarks={"neck_left": (0.5, value)}).to_pb())
    pose = pose_to_data(Outline().pose(person())).to_pb()
    pose.points[0].x = value
    with pytest.raises(BadMessageError, match="no place in a picture"):
        PoseData.from_pb(pose)
    pose.points[0].x = 0.5
    pose.points[0].confidence = value
    with pytest.raises(BadMessageError, match="confidence"):
        PoseData.from_pb(pose)
