"""Levels from the kernel's /proc/net/wireless: one line an interface, link quality and level of its access point."""

from collections.abc import Mapping
from pathlib import Path

from common.errors import DeviceError
from handover.radio.base import RadioReading

FILE = Path("/proc/net/wireless")
HEADER_LINES = 2
BEST_LINK = 70.0  # cfg80211 gives link quality in 0..70 (net/wireless/wext-compat.c: level + 110, cut at 70)


class ProcWireless:
    """See `handover.radio.base.RadioSource`."""

    def __init__(self, file: Path = FILE) -> None:
        self._file = file

    def read(self) -> Mapping[str, RadioReading]:
        try:
            return parse(self._file.read_text(encoding="ascii", errors="replace"))
        except OSError as error:
            raise DeviceError(f"{self._file} cannot be read ({error.strerror}): no wireless interface here?") from error


def parse(text: str) -> dict[str, RadioReading]:
    """Lines that are not as expected are left out."""
    readings: dict[str, RadioReading] = {}
    for line in text.splitlines()[HEADER_LINES:]:
        interface, colon, rest = line.partition(":")
        fields = rest.split()
        if not colon or len(fields) < 3:
            continue
        try:
            link, level = float(fields[1]), float(fields[2])
        except ValueError:
            continue
        if level > 63:  # some drivers show the signed byte as an unsigned one
            level -= 256
        readings[interface.strip()] = RadioReading(level, min(max(link / BEST_LINK, 0.0), 1.0) * 100)
    return readings
