"""What `tagalong sim --robomaster` says of a robot."""

from sim.robomaster.diary import Diary
from sim.robomaster.standalone import serial_number_of, with_rovers
from sim.robomaster.values import Mode
from tests.sim.robomaster.rover_in_world import Bench, room


def test_the_diary_tells_each_thing_once() -> None:
    bench = Bench(room(person=(-4, 4), world={"walls": [{"line": [[1.5, -2], [1.5, 2]]}]}))
    diary, told = Diary(bench.rover), list[str]()

    def go_on(for_s: float) -> None:
        for _ in range(round(for_s / 0.1)):
            bench.run(0.1)
            told.extend(diary.look(bench.world.time_s))

    me = object()
    bench.rover.claim(me)
    bench.rover.set_mode(Mode.CHASSIS_LEAD)
    bench.rover.move(0.5, speed_mps=0.5)
    go_on(3.0)
    bench.rover.drive_speed(0.6, 0.0, 0.0)
    go_on(3.0)
    bench.rover.release(me)
    go_on(0.5)
    assert [line.split(" at ")[0] for line in told] == [
        "a program has connected",
        "mode chassis_lead",
        "moves",
        "move done",
        "drives",
        "hit on the front (0.6 m/s)",
        "stands",
        "the program has gone; all stops",
    ]


def test_a_move_that_fails_is_told_with_the_reason() -> None:
    bench = Bench()
    diary = Diary(bench.rover)
    bench.rover.move(2.0)
    bench.run(0.5)
    diary.look(bench.world.time_s)
    bench.rover.stop()
    assert diary.look(bench.world.time_s) == ["move failed: stopped"]


def test_more_robots_than_the_scenario_has_places_for_stand_apart() -> None:
    starts = with_rovers(room(more_rovers=[{"at": [2.0, 2.0]}]), 6).rovers
    assert starts[1].at == (2.0, 2.0)
    assert len({start.at for start in starts}) == 6
    assert len({serial_number_of(number) for number in range(6)}) == 6
    assert all(len(serial_number_of(number)) == 14 for number in range(6))
