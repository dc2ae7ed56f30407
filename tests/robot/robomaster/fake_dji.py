"""Small stand-in for DJI's package `robomaster` 0.1.1.68: the calls that our adapter makes, with their arguments."""

import socket
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

Told = Callable[..., None]


class FakeConnection:
    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.60.1", 0))
        self.target_addr = self._sock.getsockname()  # to itself


class FakeClient:
    def __init__(self) -> None:
        self._conn = FakeConnection()


class FakeChassis:
    def __init__(self, robot: "FakeRobot") -> None:
        self._robot = robot
        self.speeds: list[tuple[float, float, float]] = []
        self.callbacks: dict[str, Told] = {}
        self.rates: dict[str, int] = {}

    def drive_speed(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, timeout: float | None = None) -> bool:
        assert not timeout  # its timer is no safety
        assert threading.current_thread() is not threading.main_thread()
        self.speeds.append((x, y, z))
        if self._robot.stuck.is_set():
            self._robot.released.wait(5)
        return False  # as it always does

    def drive_wheels(self, *_: Any, **__: Any) -> bool:
        raise AssertionError("waits up to three seconds")

    def sub_position(self, cs: int = 0, freq: int = 5, callback: Told | None = None, *args: Any, **kw: Any) -> bool:
        assert cs == 1
        return self._keep("position", freq, callback)

    def sub_attitude(self, freq: int = 5, callback: Told | None = None, *args: Any, **kw: Any) -> bool:
        return self._keep("attitude", freq, callback)

    def sub_velocity(self, freq: int = 5, callback: Told | None = None, *args: Any, **kw: Any) -> bool:
        return self._keep("velocity", freq, callback)

    def sub_imu(self, freq: int = 5, callback: Told | None = None, *args: Any, **kw: Any) -> bool:
        return self._keep("imu", freq, callback)

    def _keep(self, name: str, freq: int, callback: Told | None) -> bool:
        assert callback is not None
        self.callbacks[name], self.rates[name] = callback, freq
        return True


class FakeArmor:
    callback: Told | None = None

    def sub_hit_event(self, callback: Told | None = None, *args: Any, **kw: Any) -> bool:
        self.callback = callback
        return True


class FakeLed:
    def __init__(self) -> None:
        self.shown: list[tuple[str, tuple[int, int, int], str, float]] = []

    def set_led(
        self, comp: str = "all", r: int = 0, g: int = 0, b: int = 0, effect: str = "on", freq: float = 1
    ) -> bool:
        assert any(effect is each for each in ("on", "off", "flash", "breath", "scrolling"))  # by identity, as it does
        self.shown.append((comp, (r, g, b), effect, freq))
        return True


class FakeAction:
    def __init__(self) -> None:
        self.is_completed = False

    def wait_for_completed(self, timeout: float | None = None) -> bool:
        self.is_completed = True
        return True


class FakeRobot:
    """One of them at a time; `made` has all that were ever made."""

    made: "list[FakeRobot]" = []  # noqa: RUF012 - emptied by the fixture
    refuses = False

    def __init__(self) -> None:
        self.stuck, self.released = threading.Event(), threading.Event()
        self.client = FakeClient()
        self.chassis = FakeChassis(self)
        self.armor, self.led = FakeArmor(), FakeLed()
        self.sounds: list[int] = []
        self.asked: tuple[str, str, str | None] | None = None
        self.mode = "free"
        self.closed = False
        self._action: FakeAction | None = None
        FakeRobot.made.append(self)

    def initialize(self, conn_type: str = "ap", proto_type: str = "udp", sn: str | None = None) -> bool:
        if FakeRobot.refuses:
            raise OSError("no route to the robot")
        assert any(conn_type is each for each in ("ap", "sta", "rndis"))
        self.asked = (conn_type, proto_type, sn)
        return True

    def set_robot_mode(self, mode: str = "gimbal_lead") -> bool:
        self.mode = mode
        return True

    def play_sound(self, sound_id: int, times: int = 1) -> FakeAction:
        if self._action is not None and not self._action.is_completed:
            raise AssertionError("Robot is already performing an action: it hangs after that")
        self.sounds.append(sound_id)
        self._action = FakeAction()
        return self._action

    def close(self) -> None:
        self.closed = True
        self.client._conn._sock.close()


def fake_package() -> ModuleType:
    module = ModuleType("robomaster.robot")
    module.Robot = FakeRobot  # type: ignore[attr-defined]
    return module
