"""An RGB LED on three pins, by gpiozero."""

from collections.abc import Sequence
from typing import Any

from common.errors import DeviceError
from protos.messages import RGB
from robot.drivers.lights_config import GpioLightsConfig

INSTALL = (
    "Run: sudo apt install python3-gpiozero python3-lgpio (in an environment made with --system-site-packages), "
    "or: pip install 'tagalong[pi]'"
)
ADVICE = "Is this a Raspberry Pi, does nothing else use these pins, and is the user in the group gpio (see `groups`)?"


class GpioLamp:
    """One light. gpiozero does the pulse width modulation, on any pin."""

    count = 1

    def __init__(self, config: GpioLightsConfig) -> None:
        self._config = config
        self.name = f"lights gpio {config.red}, {config.green}, {config.blue}"
        self.shades = config.pwm
        self._led: Any = None

    def open(self) -> None:
        try:
            from gpiozero import RGBLED
        except ImportError as error:
            raise DeviceError(f"{self.name}: the library {error.name} is not installed. {INSTALL}") from error
        config = self._config
        try:
            self._led = RGBLED(config.red, config.green, config.blue, active_high=config.active_high, pwm=config.pwm)
        except Exception as error:  # gpiozero's own, lgpio's, RPi.GPIO's, OSError: whichever library it found
            raise DeviceError(f"{self.name}: {error}. {ADVICE} If lgpio is missing: {INSTALL}") from error

    def paint(self, colours: Sequence[RGB]) -> None:
        try:
            self._led.value = self._value(colours[0])
        except Exception as error:  # as above
            raise DeviceError(f"{self.name}: cannot be set any more ({error}).") from error

    def close(self) -> None:
        led, self._led = self._led, None
        if led is not None:
            led.off()
            led.close()

    def _value(self, rgb: RGB) -> tuple[float, float, float]:
        """gpiozero's: 0..1 for each colour; without shades the colours that matter are on."""
        if self._config.pwm:
            share = self._config.brightness / 255
            red, green, blue = (channel * share for channel in rgb)
        else:
            half = max(rgb) / 2
            red, green, blue = (float(channel > 0 and channel >= half) for channel in rgb)
        return red, green, blue
