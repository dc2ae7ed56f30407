"""What goes out over TCP, and in which order."""

import asyncio

from sim.robomaster.binary.pacing import FIRST_PART_BYTES, WAITING_MAX, Pacer


def frame(number: int) -> bytes:
    return bytes([number]) * 20


class Wire:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.pacer = Pacer(self.parts.append, asyncio.get_running_loop())

    async def drained(self, size: int) -> bytes:
        async with asyncio.timeout(5):
            while sum(map(len, self.parts)) < size:  # noqa: ASYNC110 the pacer tells nobody
                await asyncio.sleep(0.001)
        return b"".join(self.parts)


async def test_each_frame_goes_alone_and_the_last_of_a_burst_in_two_parts() -> None:
    wire = Wire()
    for number in (1, 2, 3):
        wire.pacer.put(frame(number))
    await wire.drained(60)
    # The first found nothing behind it, so it was the last of a burst of one.
    assert wire.parts == [
        frame(1)[:FIRST_PART_BYTES], frame(1)[FIRST_PART_BYTES:], frame(2),
        frame(3)[:FIRST_PART_BYTES], frame(3)[FIRST_PART_BYTES:],
    ]  # fmt: skip


async def test_answers_overtake_samples_and_only_the_newest_sample_of_a_stream_goes_out() -> None:
    wire = Wire()
    wire.pacer.put(frame(0))
    for number in (1, 2, 3):
        wire.pacer.put(frame(number), stream=7)
    wire.pacer.put(frame(4), stream=8)
    wire.pacer.put(frame(5))
    assert await wire.drained(80) == frame(0) + frame(5) + frame(3) + frame(4)


async def test_a_client_that_does_not_read_costs_bounded_memory_and_goes_on_later() -> None:
    wire = Wire()
    wire.pacer.hold()
    for number in range(WAITING_MAX + 10):
        wire.pacer.put(frame(number % 256))
    assert wire.parts == []
    wire.pacer.go_on()
    assert (await wire.drained(20 * WAITING_MAX))[:20] == frame(10)
    wire.pacer.put(frame(1))
    wire.pacer.close()
