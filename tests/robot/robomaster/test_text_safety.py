"""The rover must not move, and the program must not end, whatever comes between it and the text client."""

from robot.values import DriveCommand
from tests.robot.robomaster.emulated import connected, drive_for, text_config, until
from tests.robot.robomaster.fickle_rover import FickleRover

AHEAD = DriveCommand(0.5)
STOP = "chassis speed x 0 y 0 z 0"


async def test_what_was_wanted_before_the_program_was_stopped_is_not_driven_when_it_goes_on() -> None:
    robot = FickleRover()
    async with robot.listening("127.0.40.80"), connected(text_config("127.0.40.80", profile="s1")) as rover:
        await drive_for(rover, AHEAD, 0.2)
        clock = rover.base._clock
        rover.base._clock = lambda: clock() + 5.0  # as if it had been stopped for so long
        before = len(robot.speeds())
        rover.base.pump()
        await until(lambda: len(robot.speeds()) > before, "what it says first")
        assert set(robot.speeds()[before:]) == {STOP}
