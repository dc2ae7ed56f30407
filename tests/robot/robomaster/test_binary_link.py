"""Questions and answers over a wire that does what the test says."""

import asyncio

import pytest

from protos.robomaster.frame import Decoder, Frame
from protos.robomaster.ids import Command, Host
from robot.robomaster.binary_errors import RoverGone
from robot.robomaster.binary_link import MOST_PENDING, Link
from robot.robomaster.binary_wire import Wire


class PaperWire(Wire):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(lambda frames: None, lambda why: None)
        self.sent: list[Frame] = []
        self.waiting = 0

    @property
    def backlog_bytes(self) -> int:
        return self.waiting

    def send(self, data: bytes) -> None:
        self.sent += Decoder().feed(data)


def link_over(wire: PaperWire) -> Link:
    link = Link(asyncio.get_running_loop().time)
    link.use(wire)
    return link


async def test_answer_goes_to_the_question_with_its_number() -> None:
    wire = PaperWire()
    link = link_over(wire)
    first = asyncio.ensure_future(link.ask(Host.SERVICE, Command.GET_MODE))
    second = asyncio.ensure_future(link.ask(Host.SERVICE, Command.GET_MODE))
    await asyncio.sleep(0)
    assert [frame.wants_ack for frame in wire.sent] == [2, 2]
    link.on_frames([wire.sent[1].ack(b"\0\2"), wire.sent[0].ack(b"\0\1")])
    assert (await first, await second) == (b"\0\1", b"\0\2")
    link.on_frames([wire.sent[0].ack(b"\0\1")])  # a second answer is nobody's
    assert link.counts.late == 1


async def test_question_is_asked_again_then_given_up_and_leaves_nothing_behind() -> None:
    wire = PaperWire()
    link = link_over(wire)
    with pytest.raises(RoverGone, match=r"no answer to GET_MODE within 1\.0 s"):
        await link.ask(Host.SERVICE, Command.GET_MODE, tries=2)
    assert len({frame.seq for frame in wire.sent}) == 2
    assert not link._pending


async def test_end_of_the_connection_ends_all_questions_at_once() -> None:
    link = link_over(PaperWire())
    asked = [asyncio.ensure_future(link.ask(Host.SERVICE, Command.GET_MODE)) for _ in range(3)]
    await asyncio.sleep(0)
    link.on_lost("cable pulled")
    for each in asked:
        with pytest.raises(RoverGone, match="cable pulled"):
            await each


async def test_questions_without_answers_are_bounded() -> None:
    link = link_over(PaperWire())
    asked = [asyncio.ensure_future(link.ask(Host.SERVICE, Command.GET_MODE)) for _ in range(MOST_PENDING)]
    await asyncio.sleep(0)
    with pytest.raises(RoverGone, match="questions are unanswered"):
        await link.ask(Host.SERVICE, Command.GET_MODE)
    link.close()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_stuck_wire_gets_no_more_orders() -> None:
    wire = PaperWire()
    link = link_over(wire)
    wire.waiting = 5000
    assert not link.tell(Host.CHASSIS, Command.DRIVE_SPEED, b"\0" * 12)
    assert (wire.sent, link.counts.unsent) == ([], 1)
    wire.waiting = 0
    assert link.tell(Host.CHASSIS, Command.DRIVE_SPEED, b"\0" * 12)
    assert wire.sent[0].wants_ack == 0
