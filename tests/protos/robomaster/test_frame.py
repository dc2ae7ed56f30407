"""Frames of the binary protocol: like DJI's to the byte, and found again in any rubble."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadMessageError
from protos.robomaster.frame import MAX_PAYLOAD_BYTES, Decoder, Frame, crc8, crc16, decode, encode

GOLDEN: dict[str, str] = json.loads(Path(__file__).with_name("golden_frames.json").read_text())
"""Made by tests/dji_sdk/scripts/frames.py."""

BYTE = st.integers(0, 255)
FRAMES = st.builds(
    Frame, BYTE, BYTE, st.integers(0, 0xFFFF), BYTE, BYTE, st.binary(max_size=80), st.booleans(), st.integers(0, 3)
)


def plain_crc(data: bytes, crc: int, poly: int) -> int:
    """Bit by bit, as the textbooks have it."""
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ poly if crc & 1 else crc >> 1
    return crc


@given(st.binary(max_size=300))
def test_checksums_are_the_textbook_ones(data: bytes) -> None:
    assert crc8(data) == plain_crc(data, 0x77, 0x8C)
    assert crc16(data) == plain_crc(data, 0x3692, 0x8408)


@pytest.mark.parametrize("name", GOLDEN)
def test_dji_frames_are_read_and_made_again_to_the_byte(name: str) -> None:
    golden = bytes.fromhex(GOLDEN[name])
    frame = decode(golden)
    assert frame.sender == 0xC9
    assert frame.seq == 10001
    assert encode(frame) == golden


@given(FRAMES)
def test_a_frame_comes_back_as_it_went(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


def test_the_longest_payload_passes_and_a_longer_one_is_refused() -> None:
    frame = Frame(9, 0xC9, 1, 0x3F, 1, bytes(MAX_PAYLOAD_BYTES))
    assert decode(encode(frame)) == frame
    with pytest.raises(ValueError, match="at most 1010"):
        encode(Frame(9, 0xC9, 1, 0x3F, 1, bytes(MAX_PAYLOAD_BYTES + 1)))


@pytest.mark.parametrize("field", ["sender", "seq", "cmdid", "wants_ack"])
def test_a_field_that_does_not_fit_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=r"wants_ack|format"):
        encode(replace(Frame(9, 1, 1, 1, 1), **{field: 70_000}))  # type: ignore[arg-type]


def test_an_ack_goes_back_to_where_the_request_came_from() -> None:
    request = Frame(0xC9, 0x09, 77, 0x3F, 0xD1, b"\x01", wants_ack=2)
    assert request.ack(b"\x00") == Frame(0x09, 0xC9, 77, 0x3F, 0xD1, b"\x00", is_ack=True)


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_make_the_decoder_raise_or_hoard(chunks: list[bytes]) -> None:
    decoder = Decoder()
    for chunk in chunks:
        decoder.feed(chunk)
        assert decoder.waiting_bytes < 1024


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_frames_come_whole_however_the_stream_is_cut(frames: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(map(encode, frames))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    decoder = Decoder()
    found = [frame for start, end in itertools.pairwise(edges) for frame in decoder.feed(stream[start:end])]
    assert found == frames
    assert decoder.garbage_bytes == decoder.bad_header == decoder.bad_checksum == decoder.waiting_bytes == 0


@given(st.lists(st.tuples(st.binary(max_size=60), FRAMES), max_size=5))
def test_frames_in_garbage_are_found_again(pieces: list[tuple[bytes, Frame]]) -> None:
    stream = b"".join(garbage + encode(frame) for garbage, frame in pieces)
    decoder = Decoder()
    # A start that garbage makes up by chance asks for 1023 bytes at most before it is given up.
    found = decoder.feed(stream) + decoder.feed(bytes(1023))
    assert [frame for frame in found if frame in [frame for _, frame in pieces]] == [frame for _, frame in pieces]


@given(FRAMES, st.data())
def test_a_flipped_bit_costs_that_frame_only(frame: Frame, data: st.DataObject) -> None:
    damaged = bytearray(encode(frame))
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    after = Frame(9, 0xC9, 1, 0x48, 8, b"the next one")
    decoder = Decoder()
    assert after in decoder.feed(bytes(damaged) + encode(after)) + decoder.feed(bytes(1023))
    assert decoder.garbage_bytes > 0


@given(FRAMES, st.data())
def test_a_truncated_frame_is_not_given_out_and_the_next_one_is(frame: Frame, data: st.DataObject) -> None:
    whole = encode(frame)
    size = data.draw(st.integers(0, len(whole) - 1))
    after = Frame(9, 0xC9, 1, 0x48, 8, b"the next one")
    decoder = Decoder()
    assert decoder.feed(whole[:size]) == []
    found = decoder.feed(encode(after)) + decoder.feed(bytes(1023))
    assert found == [after]


def test_what_is_wrong_with_the_stream_is_counted() -> None:
    good = encode(Frame(9, 0xC9, 1, 0x48, 8, b"data"))
    decoder = Decoder()
    assert len(decoder.feed(b"\x00\x01\x55\x02\x03\x04" + good)) == 1
    assert (decoder.garbage_bytes, decoder.bad_header, decoder.bad_checksum) == (6, 1, 0)
    assert len(decoder.feed(good[:-1] + b"\x00" + good)) == 1
    assert decoder.bad_checksum == 1
    assert decoder.garbage_bytes == 6 + len(good)


def test_a_frame_with_encryption_is_dropped() -> None:
    whole = bytearray(encode(Frame(9, 0xC9, 1, 0x48, 8, b"data")))
    whole[8] |= 1
    whole[-2:] = crc16(bytes(whole[:-2])).to_bytes(2, "little")
    decoder = Decoder()
    assert decoder.feed(bytes(whole)) == []
    assert decoder.bad_header == 1


@given(st.binary(max_size=100))
def test_a_datagram_is_one_frame_or_a_bad_message(datagram: bytes) -> None:
    with pytest.raises(BadMessageError, match="not one whole frame"):
        decode(datagram)


@pytest.mark.parametrize("change", [lambda whole: whole[:-1], lambda whole: whole + b"\x00", lambda whole: whole * 2])
def test_a_datagram_with_more_or_less_than_one_frame_is_refused(change) -> None:
    with pytest.raises(BadMessageError, match="was dropped: 55"):
        decode(change(encode(Frame(9, 0xC9, 1, 0x48, 8, b"data"))))
