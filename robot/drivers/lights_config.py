"""Settings of a robot's lights, apart from the code: reading settings loads no driver."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from common.settings import Strict

LAST_GPIO = 27  # GPIO numbers as on the 40-pin header; not the pins' places on it


class ConsoleLightsConfig(Strict):
    """No lights: tells each change in the terminal."""

    kind: Literal["console"] = "console"


class NoLightsConfig(Strict):
    """No lights at all."""

    kind: Literal["none"] = "none"


class GpioLightsConfig(Strict):
    """An RGB LED on three pins of a Raspberry Pi."""

    kind: Literal["gpio"] = "gpio"
    red: int = Field(default=17, ge=0, le=LAST_GPIO)
    """GPIO number of the red pin (17 is the 11th of the header)."""
    green: int = Field(default=27, ge=0, le=LAST_GPIO)
    """GPIO number of the green pin (27 is the 13th of the header)."""
    blue: int = Field(default=22, ge=0, le=LAST_GPIO)
    """GPIO number of the blue pin (22 is the 15th of the header)."""
    active_high: bool = True
    """True: common cathode, a pin at 3.3 V lights. False: common anode."""
    pwm: bool = True
    """False: each colour is only on or off, for an LED behind a relay or a slow driver."""
    brightness: float = Field(default=1.0, gt=0, le=1)
    """Share of full brightness."""

    @model_validator(mode="after")
    def _three_pins(self) -> "GpioLightsConfig":
        if len({self.red, self.green, self.blue}) < 3:
            raise ValueError(f"red {self.red}, green {self.green}, blue {self.blue}: each needs a pin of its own")
        return self


class Ws281xLightsConfig(Strict):
    """A strip of WS281x LEDs (NeoPixel) on a Raspberry Pi."""

    kind: Literal["ws281x"] = "ws281x"
    pin: Literal[10, 12, 13, 18, 19, 21] = 10
    """GPIO number of the data pin. 10 goes over SPI and needs no root; 12, 13, 18, 19 (PWM) and 21 (PCM) do."""
    count: int = Field(default=8, ge=1, le=512)
    """LEDs on the strip."""
    brightness: float = Field(default=0.25, gt=0, le=1)
    """Share of full brightness. An LED draws 60 mA at full white: eight of them at 0.25 draw 0.12 A."""
    order: Literal["RGB", "RBG", "GRB", "GBR", "BRG", "BGR"] = "GRB"
    """Order of the colours on the wire; when red shows as green, change it."""


class RobomasterLightsConfig(Strict):
    """The rover's own LEDs. Needs a RoboMaster as `base`."""

    kind: Literal["robomaster"] = "robomaster"


def kind_alone(data: Any) -> Any:
    """`lights: gpio` is short for `lights: {kind: gpio}`."""
    return {"kind": data} if isinstance(data, str) else data


LightsConfig = Annotated[
    ConsoleLightsConfig | NoLightsConfig | GpioLightsConfig | Ws281xLightsConfig | RobomasterLightsConfig,
    Field(discriminator="kind"),
    BeforeValidator(kind_alone),
]
