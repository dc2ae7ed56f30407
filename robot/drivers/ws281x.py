"""A strip of WS281x LEDs (NeoPixel), by rpi_ws281x."""

from collections.abc import Sequence
from typing import Any

from common.errors import DeviceError
from protos.messages import RGB
from robot.drivers.lights_config import Ws281xLightsConfig

INSTALL = "Run: pip install 'tagalong[pi]' (it is built there: sudo apt install gcc python3-dev)"
SPI_PIN = 10
SECOND_CHANNEL = (13, 19)  # pins of the second PWM channel; the library wants to be told
BITS_HZ, DMA, FULL = 800_000, 10, 255  # the strip's bit rate; the library's own defaults


class Ws281xLamp:
    """All lights of one strip."""

    shades = True

    def __init__(self, config: Ws281xLightsConfig) -> None:
        self._config = config
        self.name = f"lights ws281x on pin {config.pin}"
        self.count = config.count
        self._strip: Any = None

    def open(self) -> None:
        try:
            import rpi_ws281x
        except ImportError as error:
            raise DeviceError(f"{self.name}: the library {error.name} is not installed. {INSTALL}") from error
        config = self._config
        strip_type = getattr(rpi_ws281x.ws, f"WS2811_STRIP_{config.order}")
        brightness = round(config.brightness * FULL)
        channel = 1 if config.pin in SECOND_CHANNEL else 0
        strip = rpi_ws281x.PixelStrip(
            config.count, config.pin, BITS_HZ, DMA, False, brightness, channel, strip_type=strip_type
        )
        try:
            strip.begin()
        except RuntimeError as error:  # the only kind it raises: a number of its C library, with a text
            raise DeviceError(f"{self.name}: {error}. {self._advice()}") from error
        self._strip = strip

    def paint(self, colours: Sequence[RGB]) -> None:
        try:
            for place, (red, green, blue) in enumerate(colours):
                self._strip.setPixelColorRGB(place, red, green, blue)
            self._strip.show()
        except RuntimeError as error:
            raise DeviceError(f"{self.name}: cannot be set any more ({error}).") from error

    def close(self) -> None:
        """Dark. The library frees its memory itself, when the program ends."""
        if self._strip is not None:
            self.paint([(0, 0, 0)] * self.count)
            self._strip = None

    def _advice(self) -> str:
        if self._config.pin == SPI_PIN:
            return (
                "Turn SPI on (sudo raspi-config nonint do_spi 0, then restart) and put the user into the group spi. "
                "A Raspberry Pi 5 needs a kernel module of the library's first: see docs/raspberry-pi.md."
            )
        return f"Pin {self._config.pin} needs root and a quiet sound card; pin {SPI_PIN} (SPI) needs neither."
