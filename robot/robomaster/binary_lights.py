"""The rover's own lamps: six round chassis and gimbal, with effects that run in the rover."""

import asyncio
import logging

from protos.messages import RGB
from protos.robomaster.ids import Command, Effect, Host, LedBits
from protos.robomaster.payloads import SetLed
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_link import Link
from robot.values import Effect as Shown
from robot.values import Light

log = logging.getLogger(__name__)

RING = 8  # lights behind one lamp of the gimbal
SCROLL_ON, SCROLL_OFF = 30, 40  # the shares of one step in which a light is lit and dark, as DJI's package sends them
SCROLL_MASK = 0x0F  # half of the ring is lit
MOST_MS = 0x7FFF
AGAIN_S = 1.0


def led_orders(light: Light) -> tuple[SetLed, ...]:
    """What makes all lamps show it. Lamps of the chassis cannot scroll: they breathe at that rate instead."""
    half_ms = _ms(0.5 / light.hz) if light.hz > 0 else 1000
    match light.effect:
        case Shown.OFF:
            return (_led(LedBits.ALL, (0, 0, 0), Effect.OFF),)
        case Shown.STEADY:
            return (_led(LedBits.ALL, light.rgb, Effect.ON),)
        case Shown.FLASH:
            return (_led(LedBits.ALL, light.rgb, Effect.FLASH, half_ms, half_ms),)
        case Shown.BREATHE:
            return (_led(LedBits.ALL, light.rgb, Effect.BREATH, half_ms, half_ms),)
        case Shown.SCROLL:
            step_s = 1 / (light.hz * RING) if light.hz > 0 else (SCROLL_ON + SCROLL_OFF) / 1000
            on_ms = _ms(step_s * SCROLL_ON / (SCROLL_ON + SCROLL_OFF))
            off_ms = _ms(step_s * SCROLL_OFF / (SCROLL_ON + SCROLL_OFF))
            return (
                _led(LedBits.BOTTOM_ALL, light.rgb, Effect.BREATH, half_ms, half_ms),
                _led(LedBits.TOP_ALL, light.rgb, Effect.SCROLLING, on_ms, off_ms, SCROLL_MASK),
            )


def _led(lamps: LedBits, rgb: RGB, effect: Effect, on_ms: int = 0, off_ms: int = 0, mask: int = 0xFF) -> SetLed:
    red, green, blue = rgb
    return SetLed(lamps, mask, effect, red, green, blue, 0, on_ms, off_ms)


def _ms(seconds: float) -> int:
    return min(max(round(seconds * 1000), 1), MOST_MS)


class BinaryLights:
    """Shows the newest light; after a break of the connection the rover is told again."""

    def __init__(self) -> None:
        self._light: Light | None = None
        self._news = asyncio.Event()

    async def show(self, light: Light) -> None:
        """Never waits for the rover."""
        if light != self._light:
            self._light = light
            self._news.set()

    async def serve(self, link: Link) -> None:
        """Over one connection, until cancelled."""
        self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            if self._light is not None and not await self._tell(link, self._light):
                await asyncio.sleep(AGAIN_S)
                self._news.set()

    async def _tell(self, link: Link, light: Light) -> bool:
        try:
            for order in led_orders(light):
                code = await link.order(Host.SERVICE, Command.SET_LED, order.pack())
                if code:
                    log.info("lamps: the rover answers with code %d to %s", code, order)
            return True
        except RoverGone as error:
            log.debug("lamps: %s", error)
            return False
