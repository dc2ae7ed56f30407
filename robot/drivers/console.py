"""A robot without wheels: prints what it would do and shows its lights in colour."""

import asyncio
import math
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from robot.drivers.watchdog import Watchdog
from robot.ego_motion import OdometryHistory
from robot.lights import colour_at
from robot.values import STILL, DriveCommand, Effect, Light, Limits, Odometry, Pose

PRINTS_HZ = 5.0
WORTH_PRINTING = (0.02, 0.02, math.radians(2))  # m/s, m/s, rad/s: smaller changes are not told


def _now_s() -> float:
    return asyncio.get_running_loop().time()


class ConsoleBase:
    """Wheels on paper: obeys at once, within its limits."""

    def __init__(
        self,
        limits: Limits | None = None,
        console: Console | None = None,
        clock: Callable[[], float] = _now_s,
        reckons: bool = False,
    ) -> None:
        """`reckons`: its odometry is where the commands would have taken it. Only right where something else moves the
        camera along; a webcam on a desk stands still, and so says the odometry then."""
        self._reckons = reckons
        self._limits = limits or Limits()
        self._console = console or Console(highlight=False)
        self._clock = clock
        self._history = OdometryHistory()
        self.command = STILL  # in force now
        self._printed = STILL
        self._printed_s = -math.inf
        self._watchdog = Watchdog(self._silence)

    @property
    def ready(self) -> bool:
        return True

    async def drive(self, command: DriveCommand) -> DriveCommand:
        sent = command.clipped(self._limits)
        self._go(sent)
        if sent.is_still:
            self._watchdog.rest()
        else:
            self._watchdog.feed()
        return sent

    async def stop(self) -> None:
        self._watchdog.rest()
        self._go(STILL)

    def odometry(self) -> Odometry:
        now_s = self._clock()
        if not self._reckons:
            return Odometry(now_s, Pose())
        here = self._history.at(now_s)
        if here is not None:
            return here
        last = self._history.newest  # long ago, so the wheels stand: the watchdog has seen to it
        return Odometry(now_s, last.pose if last else Pose())

    def _go(self, command: DriveCommand) -> None:
        here = self.odometry()
        self.command = command
        self._history.add(Odometry(here.time_s, here.pose, command.forward_mps, command.left_mps, command.turn_radps))
        self._tell(here.time_s, command)

    def _tell(self, now_s: float, command: DriveCommand) -> None:
        last = self._printed
        if command.is_still:
            worth_it = not last.is_still  # a stop is told at once
        else:
            changes = (
                abs(command.forward_mps - last.forward_mps),
                abs(command.left_mps - last.left_mps),
                abs(command.turn_radps - last.turn_radps),
            )
            grown = any(change >= least for change, least in zip(changes, WORTH_PRINTING, strict=True))
            worth_it = grown and now_s - self._printed_s >= 1 / PRINTS_HZ
        if worth_it:
            self._printed, self._printed_s = command, now_s
            self._console.print(_sentence(command))

    def _silence(self) -> None:
        self._go(STILL)


class ConsoleLights:
    """The robot's light as a coloured block."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._shown: Light | None = None

    async def show(self, light: Light) -> None:
        """Tells changes only."""
        if light == self._shown:
            return
        self._shown = light
        lit = light if light.effect is Effect.OFF else Light(Effect.STEADY, light.rgb)
        red, green, blue = colour_at(lit, 0.0)
        rate = f" {light.hz:g} Hz" if light.hz else ""
        name = f" #{light.rgb[0]:02x}{light.rgb[1]:02x}{light.rgb[2]:02x}"
        text = Text("light  ").append("████", style=f"rgb({red},{green},{blue})").append(f" {light.effect}{rate}{name}")
        self._console.print(text)


class NoLights:
    """A robot without lights."""

    async def show(self, light: Light) -> None:
        return


def _sentence(command: DriveCommand) -> str:
    if command.is_still:
        return "drive  stop"
    parts = []
    if abs(command.forward_mps) >= 0.005:
        parts.append(f"{'ahead' if command.forward_mps > 0 else 'back'} {abs(command.forward_mps):.2f} m/s")
    if abs(command.left_mps) >= 0.005:
        parts.append(f"{'left' if command.left_mps > 0 else 'right'} {abs(command.left_mps):.2f} m/s")
    if abs(command.turn_radps) >= math.radians(0.5):
        way = "left" if command.turn_radps > 0 else "right"
        parts.append(f"turn {way} {abs(math.degrees(command.turn_radps)):.0f} deg/s")
    return "drive  " + (", ".join(parts) or "creep")
