"""Cuts an H.264 byte stream (Annex B, no framing) into pictures, each with the time at which it began to arrive. Pure.

FFmpeg's own parser does this too, but does not say when a picture came: it is out one picture later.
"""

from dataclasses import dataclass

MOST_BYTES = 4 * 1024 * 1024  # of one picture; a stream without start codes is none
SLICE, KEY_SLICE, PARAMETERS, DELIMITER = 1, 5, (6, 7, 8), 9


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """All of one picture, with the parameter sets before it."""

    data: bytes
    began_s: float
    is_key: bool


class PictureSplitter:
    """Feed it what arrives; a picture is out when the next one begins."""

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self._begin()

    def _begin(self) -> None:
        self._data = bytearray()  # from the start of the picture under way
        self._looked = 0  # up to here there are no more starts of units
        self._began_s = 0.0
        self._has_slice = self._is_key = self._synced = False

    def feed(self, data: bytes, now_s: float) -> list[CodedPicture]:
        found: list[CodedPicture] = []
        if not self._data:
            self._began_s = now_s
        self._data += data
        while (at := self._next_unit()) is not None:
            kind = self._data[at + 3] & 0x1F
            # The first bit of a slice is 1 where it holds the picture's first macroblock.
            begins = kind in (*PARAMETERS, DELIMITER) or (kind in (SLICE, KEY_SLICE) and self._data[at + 4] & 0x80)
            if begins and self._has_slice:
                found.append(self._cut(at, now_s))
            elif not self._synced:
                self.dropped_bytes += at
                self._drop(at)
            self._synced = True
            self._has_slice |= kind in (SLICE, KEY_SLICE)
            self._is_key |= kind == KEY_SLICE
        if len(self._data) > MOST_BYTES:
            self.dropped_bytes += len(self._data)
            self._begin()
        return found

    def _next_unit(self) -> int | None:
        """Where the next unit's start code is, once its first two bytes are there too."""
        at = self._data.find(b"\0\0\1", self._looked)
        if at < 0:
            self._looked = max(0, len(self._data) - 2)
            return None
        if len(self._data) < at + 5:
            self._looked = at
            return None
        self._looked = at + 3
        return at

    def _cut(self, at: int, now_s: float) -> CodedPicture:
        end = at - 1 if at > 0 and self._data[at - 1] == 0 else at  # a start code may have a fourth byte
        picture = CodedPicture(bytes(self._data[:end]), self._began_s, self._is_key)
        self._drop(end)
        self._began_s = now_s
        self._has_slice = self._is_key = False
        return picture

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._looked -= count
