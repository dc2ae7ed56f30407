"""A rover's loudspeaker: which sound is which number, and playing one without waiting for its end."""

import asyncio
import logging
from collections.abc import Callable

from protos.robomaster.ids import NOTES, Accept, ActionState, Command, Host
from protos.robomaster.payloads import ActionAck, PlaySound, SoundPush
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_link import Link
from robot.values import Sound

log = logging.getLogger(__name__)

SOUND_IDS = {Sound.SEARCH: NOTES["NOTE_1F"], Sound.FOLLOW: NOTES["NOTE_1A"]}
# As the LIQUID EDGE demonstrator's: F where it lost its target, A where it found one.
STALE_S = 1.0  # a sound that could not be played by then says nothing any more
FIRST_ACTION, LAST_ACTION = 1, 255
DONE = (ActionState.SUCCEEDED, ActionState.FAILED)


class BinarySpeaker:
    """The newest sound wins: one that waits when another is asked for is not played."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wanted: tuple[Sound, float] | None = None
        self._news = asyncio.Event()
        self._action = FIRST_ACTION
        self._playing: dict[int, asyncio.Future[bool]] = {}  # by action; at most a few, each is removed by who waits

    async def play(self, sound: Sound) -> None:
        """Start it; never waits."""
        self._wanted = (sound, self._clock())
        self._news.set()

    async def serve(self, link: Link) -> None:
        """Over one connection, until cancelled."""
        link.listen(Command.SOUND_PUSH, self._on_push)
        while True:
            await self._news.wait()
            self._news.clear()
            if self._wanted is None:
                continue
            (sound, asked_s), self._wanted = self._wanted, None
            if self._clock() - asked_s > STALE_S:
                continue
            try:
                await self.start(link, SOUND_IDS[sound])
            except RoverGone as error:
                log.warning("sound %s is not played: %s", sound, error)

    async def start(self, link: Link, sound_id: int, times: int = 1) -> int | None:
        """The number of the action; None when the rover will not. Raises RoverGone."""
        self._action = self._action + 1 if self._action < LAST_ACTION else FIRST_ACTION
        action, request = self._action, PlaySound(self._action, sound_id=sound_id, times=times)
        answer = ActionAck.unpack(await link.ask(Host.SERVICE, Command.PLAY_SOUND, request.pack()))
        if answer.ret or answer.accept is Accept.REJECTED:
            log.info(
                "sound 0x%X: the rover will not play it now (code %d, %s)", sound_id, answer.ret, answer.accept.name
            )
            return None
        return action

    async def play_through(self, link: Link, sound_id: int, times: int = 1, within_s: float = 10.0) -> bool:
        """To its end. False: refused, failed or not heard of within `within_s`. Not for the control loop."""
        link.listen(Command.SOUND_PUSH, self._on_push)
        expected = self._action + 1 if self._action < LAST_ACTION else FIRST_ACTION
        ended = self._playing[expected] = asyncio.get_running_loop().create_future()
        try:
            if await self.start(link, sound_id, times) is None:
                return False
            async with asyncio.timeout(within_s):
                return await ended
        except TimeoutError:
            return False
        finally:
            self._playing.pop(expected, None)

    def _on_push(self, payload: bytes) -> None:
        push = SoundPush.unpack(payload)
        ended = self._playing.get(push.action_id)
        if ended is not None and not ended.done() and push.state in DONE:
            ended.set_result(push.state is ActionState.SUCCEEDED)
