"""One connection by the text protocol, from the greeting to the goodbye: all that goes on while it lasts."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable

from common.errors import DeviceError
from common.supervise import Job, supervise
from protos.robomaster.text import Value
from robot.robomaster.guard import Guard
from robot.robomaster.text_base import TextBase
from robot.robomaster.text_lights import TextLights, commands_of
from robot.robomaster.text_link import GUARDS_SEQ, RefusedError, TextLink
from robot.robomaster.text_pushes import PushReader, open_push_port, read_events
from robot.robomaster.text_wire import Wire

log = logging.getLogger(__name__)

# One message of the guard's. The first `;` ends what we may have left half written.
GUARDS_STOP = (
    f";chassis speed x 0 y 0 z 0 seq {GUARDS_SEQ};chassis wheel w1 0 w2 0 w3 0 w4 0 seq {GUARDS_SEQ};".encode()
)
GUARDS_LAST_WORDS = b";quit;"
PUSH_HZ = 50
PUSH_SILENCE_S = 0.3  # then it is asked instead
LOST_S = 2.0  # nothing answered for so long: this connection is given up
WATCH_S = 0.05
ASK_S = 0.1
SUBSCRIBE_AGAIN_S = 2.0
BATTERY_S, BATTERY_LOW = 20.0, 15
LIGHT_AGAIN_S = 1.0
FAREWELL_S, STOP_SEEN_S = 2.0, 1.5
MODE = "chassis_lead"  # the camera on its gimbal looks where the rover goes


class TextSession:
    """`serve` until the connection ends. Raises DeviceError then."""

    def __init__(self, wire: Wire, base: TextBase, lights: TextLights, pushes: PushReader, measures: bool) -> None:
        self._wire = wire
        self._base = base
        self._lights = lights
        self._pushes = pushes
        self._measures = measures  # an opened S1 has nothing to ask for
        self._clock = asyncio.get_running_loop().time
        self._guard: Guard | None = None
        self._greeted = False
        self.link = TextLink(wire, pushes.take)
        self.ready = asyncio.Event()
        self.ready_s: float | None = None
        self.on_ready: Callable[[], None] = lambda: None

    @property
    def ip(self) -> str | None:
        """None on a serial line."""
        return self._wire.ip

    async def serve(self) -> None:
        try:
            await supervise([Job("rover's answers", self.link.run), Job("rover", self._talk)])
        finally:
            self.ready.clear()
            self._base.leaving()
            await self._leave()

    # ---- the way in and out ----

    async def _talk(self) -> None:
        await self._greet()
        self.link.post("chassis speed", x=0, y=0, z=0)  # whoever had it before may have left it driving
        guard = self._guard = await Guard.start(self._wire.fileno, [GUARDS_STOP], last_words=GUARDS_LAST_WORDS)
        jobs = [
            Job("rover's speed", self._keep_sending),
            Job("rover's watch", self._watch),
            Job("rover's questions", self._ask_around),
            Job("rover's lights", self._show_lights),
        ]
        port, wire = None, self._wire
        if wire.ip is not None and wire.local_ip is not None:
            ip, local_ip = wire.ip, wire.local_ip
            port = await open_push_port(ip, local_ip, self._pushes.take)
            jobs.append(Job("rover's events", lambda: read_events(ip, local_ip, self._pushes.take)))
        try:
            await self._set_up()
            self._base.connected(self.link, guard)  # from now on it may be driven
            self._subscribe()
            self.ready.set()
            self.ready_s = self._clock()
            self.on_ready()
            await supervise(jobs)
        finally:
            if port is not None:
                port.close()

    async def _greet(self) -> None:
        """Into SDK mode."""
        name = self.link.name
        try:
            await self.link.ask("command")
        except RefusedError as error:
            raise DeviceError(
                f"{name}: is busy: {error} Another program drives it; end that one, or wait for it."
            ) from error
        except DeviceError as error:
            raise DeviceError(f"{name}: takes connections but does not answer. Switch it off and on.") from error
        self._greeted = True
        # Not waited for: it is the one question whose answer nobody wrote down.
        self.link.post("version ?", lambda words: log.info("%s: says %s", name, " ".join(words)), True)

    async def _set_up(self) -> None:
        """What a rover refuses of this it does without."""
        wanted: list[tuple[str, dict[str, Value]]] = [("robot mode", {"mode": MODE}), ("armor event hit", {"on": "on"})]
        for command, values in wanted:
            try:
                await self.link.ask(command, **values)
            except DeviceError as error:
                log.warning("%s It goes without.", error)

    def _subscribe(self) -> None:
        if self._measures:
            self.link.post("chassis push", position="on", pfreq=PUSH_HZ, attitude="on", afreq=PUSH_HZ)

    async def _leave(self) -> None:
        """However it ended: the wheels stand, the guard rests, nothing that waited is sent later."""
        try:
            if self._greeted:
                with contextlib.suppress(DeviceError, TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await supervise(
                            [
                                Job("rover's answers", self.link.run),
                                Job("rover's goodbye", self._say_goodbye, ends_all=True),
                            ]
                        )
        finally:
            self._base.disconnected()
            if self._guard is not None:
                await self._guard.close()
            await self._wire.close()

    async def _say_goodbye(self) -> None:
        """Stops, and stays a while until the stop is seen."""
        if self.link.waiting_s() > PUSH_SILENCE_S:
            return  # nobody listens
        self.link.post("chassis wheel", w1=0, w2=0, w3=0, w4=0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SEEN_S):
                while self._base.waits_for_stop:
                    self._base.pump()
                    self._base.enforce()
                    self._ask_pose()
                    await asyncio.sleep(WATCH_S)
        await self.link.ask("quit")

    # ---- while it lasts ----

    async def _keep_sending(self) -> None:
        while True:
            self._base.wake.clear()
            wait_s = self._base.pump()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._base.wake.wait()

    async def _watch(self) -> None:
        while True:
            self._base.enforce()
            if self.link.waiting_s() > LOST_S:
                raise DeviceError(f"{self.link.name}: has not answered for {LOST_S:g} s.")
            if self._guard is not None and not self._guard.alive:
                raise DeviceError(f"{self.link.name}: let go, because the process that guards its wheels is gone.")
            await asyncio.sleep(WATCH_S)

    async def _ask_around(self) -> None:
        """The battery now and then; where it is and how fast, while it does not tell that by itself."""
        subscribed_s = battery_s = -SUBSCRIBE_AGAIN_S
        while True:
            now_s = self._clock()
            if now_s - battery_s > BATTERY_S:
                battery_s = now_s
                self.link.post("robot battery ?", self._on_battery)
            if self._measures and self._base.push_age_s > PUSH_SILENCE_S and self.link.waiting_s() < PUSH_SILENCE_S:
                self._ask_pose()
                if now_s - subscribed_s > SUBSCRIBE_AGAIN_S:
                    subscribed_s = now_s
                    self._subscribe()
            await asyncio.sleep(ASK_S)

    def _ask_pose(self) -> None:
        self.link.post("chassis speed ?", self._on_speed)
        self.link.post("chassis position ?", self._on_pose)

    async def _show_lights(self) -> None:
        """The newest light, again after a reconnection; one that is refused or lost is tried again."""
        while True:
            self._lights.changed.clear()
            light = self._lights.wanted
            try:
                for values in commands_of(light) if light is not None else ():
                    await self.link.ask("led control", **values)
            except RefusedError as error:
                log.debug("%s", error)  # no gimbal, no lamps on it
            except DeviceError as error:
                log.warning("%s", error)
                await asyncio.sleep(LIGHT_AGAIN_S)
                continue
            await self._lights.changed.wait()

    # ---- answers ----

    def _on_pose(self, words: tuple[str, ...]) -> None:
        if (numbers := _numbers(words, 3)) is not None:
            self._base.on_pose(*numbers)

    def _on_speed(self, words: tuple[str, ...]) -> None:
        if (numbers := _numbers(words, 3)) is not None:
            self._base.on_speed(*numbers)

    def _on_battery(self, words: tuple[str, ...]) -> None:
        if (numbers := _numbers(words, 1)) is not None:
            self._base.battery_percent = round(numbers[0])
            if 0 < numbers[0] <= BATTERY_LOW:
                log.warning("%s: battery at %.0f %%", self.link.name, numbers[0])


def _numbers(words: tuple[str, ...], count: int) -> tuple[float, ...] | None:
    """None for an error reply, and for numbers that are none."""
    try:
        numbers = tuple(float(word) for word in words[:count])
    except ValueError:
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None
