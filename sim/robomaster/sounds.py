"""The loudspeaker: sounds are actions that take their time; nothing is heard, all of it is kept."""

import math
from dataclasses import dataclass

from sim.robomaster.action import Action, ActionKind
from sim.robomaster.values import ActionRefused, SoundMode

NOTES = range(0x107, 0x12B)
UPLOADED = range(0xE0, 0xEA)  # number n of a stored file is sound 0xE0 + n
NOTE_S, EFFECT_S = 0.4, 1.0
WAV_BYTES_PER_S = 48_000 * 2  # what DJI's package uploads: one channel, 16 bits
KEPT = 1000
MAX_AUDIO_BYTES = 32 << 20  # of one file


@dataclass(slots=True)
class _Playing:
    sound_id: int
    action: Action
    start_s: float
    length_s: float


class Sounds:
    def __init__(self) -> None:
        self.played: list[int] = []  # ids in the order they began, the last 1000
        self.audio: dict[int, bytes] = {}  # number 0..9 and the file that was uploaded
        self._playing: list[_Playing] = []

    @property
    def playing(self) -> tuple[int, ...]:
        return tuple(each.sound_id for each in self._playing)

    def play(self, now_s: float, sound_id: int, times: int, mode: SoundMode) -> Action:
        """Raises ActionRefused where one is playing and is to go on, or an upload that never came."""
        if sound_id in UPLOADED and sound_id - UPLOADED.start not in self.audio:
            raise ActionRefused(f"no audio file {sound_id - UPLOADED.start} was uploaded")
        if self._playing and mode is SoundMode.IGNORE:
            raise ActionRefused("another sound is playing")
        if mode is not SoundMode.MIX:
            self.stop("another sound was played")
        action = Action(ActionKind.SOUND, place=(float(sound_id), 0.0, 0.0))
        self.played = [*self.played[-KEPT + 1 :], sound_id]
        self._playing.append(_Playing(sound_id, action, now_s, self._length_s(sound_id) * max(times, 1)))
        return action

    def store(self, number: int, data: bytes) -> None:
        self.audio[number] = data[:MAX_AUDIO_BYTES]

    def stop(self, why: str) -> None:
        for each in self._playing:
            each.action.fail(why)
        self._playing.clear()

    def step(self, now_s: float) -> None:
        for each in self._playing:
            if now_s - each.start_s >= each.length_s:
                each.action.succeed()
            else:
                each.action.advance(math.floor(100 * (now_s - each.start_s) / each.length_s))
        self._playing = [each for each in self._playing if not each.action.is_over]

    def _length_s(self, sound_id: int) -> float:
        if sound_id in UPLOADED:
            return max(0.1, len(self.audio[sound_id - UPLOADED.start]) / WAV_BYTES_PER_S)
        return NOTE_S if sound_id in NOTES else EFFECT_S
