"""The key points of a detection on the wire: as they were, or not at all; and never in the detection's way."""

import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protos.messages import MAX_POINTS, Box, Detection, FrameReply, Outcome
from protos.tagalong.v1 import offload_pb2 as pb

FACE = Detection("face", 0.75, Box(0.25, 0.25, 0.5, 0.5), (10, 20, 30), ((0.375, 0.5), (0.625, 0.5), (0.5, -0.25)))

near = st.floats(-1, 2, width=32)
anything = st.floats(width=32)  # also NaN and infinities


def over_the_wire(box: pb.Box) -> Detection:
    return Detection.from_pb(pb.Box.FromString(box.SerializeToString()))


def with_points(values: list[float]) -> pb.Box:
    box = FACE.to_pb()
    del box.points[:]
    box.points.extend(values)
    return box


@given(points=st.lists(st.tuples(near, near), max_size=MAX_POINTS))
def test_points_come_back_as_they_were(points) -> None:
    face = replace(FACE, points=tuple(points))
    assert over_the_wire(face.to_pb()) == face


@given(values=st.lists(anything, max_size=4 * MAX_POINTS))
def test_whatever_a_server_says_of_points_the_detection_itself_arrives(values) -> None:
    got = over_the_wire(with_points(values))
    assert (got.label, got.score, got.box, got.mean_rgb) == (FACE.label, FACE.score, FACE.box, FACE.mean_rgb)
    flat = [value for point in got.points for value in point]
    assert flat in ([], values)
    assert len(got.points) <= MAX_POINTS
    assert all(-1 <= value <= 2 for value in flat)


@pytest.mark.parametrize(
    "values",
    [
        [0.5, 0.5, 0.5],
        [0.5, 0.5, math.nan, 0.5],
        [0.5, 0.5, 0.5, math.inf],
        [0.5, 0.5, 2.5, 0.5],
        [0.5, -1.5],
        [0.5] * (2 * MAX_POINTS + 2),
        [0.5] * 1_000_000,
    ],
    ids=["odd", "not a number", "infinite", "far right", "far above", "too many", "far too many"],
)
def test_points_that_make_no_sense_are_all_left_out(values) -> None:
    assert over_the_wire(with_points(values)).points == ()


def test_a_reply_keeps_every_face_and_counts_none_as_bad_for_its_points() -> None:
    boxes = [with_points([math.nan] * 6), FACE.to_pb()]
    reply = FrameReply.from_pb(pb.FrameResult(number=1, outcome=pb.OUTCOME_RESULT, boxes=boxes))
    assert reply.outcome is Outcome.RESULT
    assert [len(face.points) for face in reply.detections] == [0, 3]
    assert reply.bad_boxes == 0


def test_a_peer_from_before_the_points_sees_the_same_bytes_and_an_unknown_field_after_them() -> None:
    """Fields 1 to 7, written by hand; then number 8, packed: 6 floats."""
    floats = [(0x15, 0.75), (0x1D, 0.25), (0x25, 0.25), (0x2D, 0.5), (0x35, 0.5)]
    older = b"\x0a\x04face" + b"".join(struct.pack("<Bf", *each) for each in floats) + b"\x38\x9e\xa8\x28"
    bare = replace(FACE, points=())
    assert bare.to_pb().SerializeToString() == older
    assert Detection.from_pb(pb.Box.FromString(older)) == bare
    new = FACE.to_pb().SerializeToString()
    assert new == older + b"\x42\x18" + struct.pack("<6f", 0.375, 0.5, 0.625, 0.5, 0.5, -0.25)
