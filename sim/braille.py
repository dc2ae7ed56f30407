"""Drawing in a terminal: two by four dots in each character (Unicode braille), one colour a character."""

import math

from rich.text import Text

from sim.place import XY

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # column, row


class Canvas:
    """A part of the plane, in metres, y up, with the same scale in both directions."""

    def __init__(self, columns: int, rows: int, bounds: tuple[float, float, float, float]) -> None:
        self._columns, self._rows = max(columns, 1), max(rows, 1)
        x0, y0, x1, y1 = bounds
        width, height = 2 * self._columns - 1, 4 * self._rows - 1
        self._scale = min(width / max(x1 - x0, 1e-6), height / max(y1 - y0, 1e-6))  # dots a metre
        self._left = (width - (x1 - x0) * self._scale) / 2 - x0 * self._scale
        self._bottom = (height - (y1 - y0) * self._scale) / 2 - y0 * self._scale
        self._height = height
        self._bits: dict[tuple[int, int], int] = {}
        self._styles: dict[tuple[int, int], str] = {}
        self._letters: dict[tuple[int, int], tuple[str, str]] = {}

    def dot(self, at: XY, style: str) -> None:
        if (place := self._place(at)) is None:
            return
        column, row = place
        cell = (column // 2, row // 4)
        self._bits[cell] = self._bits.get(cell, 0) | _DOTS[column % 2][row % 4]
        self._styles[cell] = style

    def line(self, start: XY, end: XY, style: str) -> None:
        steps = max(1, math.ceil(math.dist(start, end) * self._scale))
        for step in range(steps + 1):
            share = step / steps
            self.dot((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])), style)

    def letter(self, at: XY, letter: str, style: str) -> None:
        """One character on top of the dots."""
        if (place := self._place(at)) is not None:
            self._letters[place[0] // 2, place[1] // 4] = (letter, style)

    def render(self) -> Text:
        text = Text(no_wrap=True, end="")
        for row in range(self._rows):
            for column in range(self._columns):
                cell = (column, row)
                if cell in self._letters:
                    text.append(*self._letters[cell])
                elif cell in self._bits:
                    text.append(chr(0x2800 + self._bits[cell]), self._styles[cell])
                else:
                    text.append(" ")
            if row + 1 < self._rows:
                text.append("\n")
        return text

    def _place(self, at: XY) -> tuple[int, int] | None:
        """Column and row of the dot; None outside."""
        if not (math.isfinite(at[0]) and math.isfinite(at[1])):
            return None
        column = round(at[0] * self._scale + self._left)
        row = self._height - round(at[1] * self._scale + self._bottom)
        inside = 0 <= column < 2 * self._columns and 0 <= row < 4 * self._rows
        return (column, row) if inside else None
