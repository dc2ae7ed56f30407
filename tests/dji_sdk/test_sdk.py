"""DJI's package against emulated robots on 127.0.60.x; connected as `sta`, with the robot's address in its settings."""

import math
import wave
from pathlib import Path

import pytest

from sim.lamps import BOTTOM, DARK, TOP, Lamp
from sim.robomaster.values import LedEffect, Mode
from tests.dji_sdk.emulated import stage, until
from tests.dji_sdk.interpreter import SdkPython


@pytest.mark.parametrize(("protocol", "ip"), [("udp", "127.0.60.1"), ("tcp", "127.0.60.2")])
async def test_it_says_who_it_is_and_takes_every_mode(script, protocol: str, ip: str) -> None:
    async with stage(ip) as seen, script("hello.py", robot_ip=ip, protocol=protocol) as sdk:
        said = await sdk.reports("hello")
        assert said["version"] == "01.01.1000"
        assert said["sn"] == "3JKDH2T0060000"
        assert said["modes"] == [[True, "free"], [True, "gimbal_lead"], [True, "chassis_lead"]]
        assert said["chassis"]
        assert said["ip"] == ip
        assert seen.rover.mode is Mode.CHASSIS_LEAD
        await sdk.go()
        await sdk.ends()
        await until(lambda: seen.rover.owner is None)
        assert sdk.complaints == ""


@pytest.mark.parametrize(("protocol", "ip", "freq"), [("udp", "127.0.60.3", 50), ("tcp", "127.0.60.4", 10)])
async def test_it_moves_and_drives_and_hears_how_it_goes(script, protocol: str, ip: str, freq: int) -> None:
    async with stage(ip) as seen, script("drive.py", robot_ip=ip, protocol=protocol, freq=freq) as sdk:
        said = await sdk.reports("subscribed")
        assert said["results"] == [True] * 7
        assert said["position"] == pytest.approx([0, 0, 0], abs=0.01)
        assert said["imu"][2] == pytest.approx(-1, abs=0.05)
        assert said["status"][0] == 1
        await sdk.go()

        said = await sdk.reports("forward")
        assert said["done"] is True
        assert seen.place() == pytest.approx((0.5, 0, 0), abs=0.03)
        assert said["position"][:2] == pytest.approx([0.5, 0], abs=0.04)
        await sdk.go()
        said = await sdk.reports("right")
        assert seen.place() == pytest.approx((0.5, -0.3, 0), abs=0.04)
        assert said["position"][:2] == pytest.approx([0.5, 0.3], abs=0.05)
        await sdk.go()
        said = await sdk.reports("turned")  # a move counts counter-clockwise, the attitude clockwise
        assert seen.place()[2] == pytest.approx(math.pi / 2, abs=0.04)
        assert said["attitude"][0] == pytest.approx(-90, abs=3)
        await sdk.go()

        await sdk.reports("driving")
        x, y, _ = seen.place()
        await until(lambda: seen.place()[1] > y + 0.2)  # it goes where it looks now, to the left
        assert seen.chassis.met_mps == pytest.approx((0.0, 0.3), abs=0.03)
        assert seen.place()[0] == pytest.approx(x, abs=0.05)
        await sdk.go()
        said = await sdk.reports("measured")
        assert said["velocity"][3:5] == pytest.approx([0.3, 0], abs=0.05)  # in its own axes
        assert said["velocity"][:2] == pytest.approx([0, -0.3], abs=0.05)  # in those of power-on, y to the right
        rpm = 0.3 / 0.00524
        assert said["esc"][0] == pytest.approx([rpm, -rpm, -rpm, rpm], abs=15)
        await sdk.go()
        await sdk.reports("stopped")
        await until(seen.is_still)
        await sdk.go()

        said = await sdk.reports("wheels")
        assert said["result"] is True
        y = seen.place()[1]
        await until(lambda: seen.place()[1] > y + 0.2)
        await sdk.go()
        said = await sdk.reports("measured")
        assert said["esc"][0] == pytest.approx([60, -60, -60, 60], abs=15)
        assert said["status"][0] == 0
        await sdk.go()
        await sdk.reports("stopped")
        await until(seen.is_still)
        await sdk.go()

        await sdk.reports("turning")
        await until(lambda: seen.chassis.odometry(seen.world.time_s).turn_radps > 1.4)  # -90 is counter-clockwise
        await sdk.go()
        said = await sdk.reports("unsubscribed")
        assert said["results"] == [True] * 7
        assert min(said["counts"].values()) > 10
        await sdk.go()
        await sdk.ends()
        await until(seen.is_still)  # `close` stops it, though it was told to turn for ever


async def test_it_turns_the_gimbal(script) -> None:
    ip = "127.0.60.5"
    async with stage(ip) as seen, script("head.py", robot_ip=ip) as sdk:

        def look() -> tuple[float, float]:
            """Pitch and yaw of the world's camera, yaw to the left."""
            yaw, pitch = seen.chassis.look_rad
            return math.degrees(pitch), math.degrees(yaw)

        for report, pitch, yaw in (("moved to", 10, -30), ("moved", -5, -10), ("recentred", 0, 0)):
            said = await sdk.reports(report)
            assert said["done"] is True
            assert look() == pytest.approx((pitch, -yaw), abs=1)
            assert said["angle"][:2] == pytest.approx([pitch, yaw], abs=1)
            await sdk.go()
        await sdk.reports("turning")
        await until(lambda: look()[1] < -15)
        await sdk.go()
        await sdk.reports("suspended")
        await until(lambda: seen.rover.gimbal_suspended)
        await sdk.go()
        await sdk.reports("resumed")
        await until(lambda: not seen.rover.gimbal_suspended)
        await sdk.go()
        await sdk.ends()


def tone(file: Path) -> Path:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(bytes(2 * 48000 // 5))
    return file


async def test_its_lamps_shine_its_sounds_play_and_its_battery_answers(script, tmp_path: Path) -> None:
    ip, file = "127.0.60.6", tone(tmp_path / "tone.wav")
    async with stage(ip) as seen, script("lamps.py", robot_ip=ip, wave=str(file)) as sdk:
        said = await sdk.reports("all on")
        assert said["result"] is True
        assert set(seen.colours().values()) == {(10, 20, 30)}
        await sdk.go()
        await sdk.reports("left on")
        assert seen.colours()[Lamp.BOTTOM_LEFT] == (255, 0, 0)
        assert seen.colours()[Lamp.BOTTOM_RIGHT] == (10, 20, 30)
        await sdk.go()
        await sdk.reports("flashing")
        for _ in range(2):
            await until(lambda: seen.colours()[Lamp.BOTTOM_FRONT] == (0, 255, 0))
            await until(lambda: seen.colours()[Lamp.BOTTOM_FRONT] == DARK)
        await sdk.go()
        await sdk.reports("all off")
        assert set(seen.colours().values()) == {DARK}
        await sdk.go()
        await sdk.reports("gimbal lamps")
        assert {seen.colours()[lamp] for lamp in TOP} == {(255, 25, 50)}
        assert {seen.colours()[lamp] for lamp in BOTTOM} == {DARK}
        assert {seen.rover.leds[lamp].mask for lamp in TOP} == {0b0101_0101}
        await sdk.go()
        await sdk.reports("scrolling")
        assert {seen.rover.leds[lamp].effect for lamp in TOP} == {LedEffect.SCROLLING}
        await sdk.go()
        await sdk.reports("breathing")
        await until(lambda: 50 < seen.colours()[Lamp.BOTTOM_BACK][2] < 200)
        await sdk.go()

        assert (await sdk.reports("sound"))["done"] is True
        assert seen.rover.sounds_played == [0x101]
        await sdk.go()
        assert (await sdk.reports("audio"))["done"] is True
        assert seen.rover.audio[1] == file.read_bytes()
        assert seen.rover.sounds_played == [0x101, 0xE1]
        await sdk.go()
        assert (await sdk.reports("battery"))["percent"] == seen.rover.battery().percent
        await sdk.go()
        await sdk.ends()


async def test_its_plates_feel_when_it_runs_into_somebody(script) -> None:
    ip = "127.0.60.7"
    async with stage(ip, person=(1.2, 0.0)) as seen, script("bump.py", robot_ip=ip) as sdk:
        said = await sdk.reports("hit")
        assert said["hit"][0] == 2  # the front one
        assert seen.world.truth().collisions >= 1
        assert seen.place()[0] > 0.3
        await sdk.go()
        await sdk.ends()


async def test_its_video_shows_the_world(script, sdk_python: SdkPython) -> None:
    if not sdk_python.has_video:
        pytest.skip("DJI's decoder is compiled for Python 3.8, which is not here")
    ip = "127.0.60.8"
    async with stage(ip, pictures=True) as seen, script("watch.py", robot_ip=ip) as sdk:
        for resolution, shape in (("360p", [360, 640, 3]), ("720p", [720, 1280, 3])):
            said = await sdk.reports(resolution)
            assert said["started"] is True
            assert said["shape"] == shape
            wanted = (await seen.eyes[0].picture(640, 360)).reshape(-1, 3).mean(axis=0)
            assert said["mean"] == pytest.approx(wanted.tolist(), abs=15)
            assert said["spread"] > 10
            await sdk.go()
            assert (await sdk.reports("stopped"))["stopped"] is True
            await until(lambda: not seen.emulators[0].video.is_on)
            await sdk.go()
        await sdk.ends()


async def test_two_robots_move_each_on_its_own(script) -> None:
    one, two = "127.0.60.9", "127.0.60.10"
    each = [{"robot_ip": one}, {"robot_ip": two}]
    async with stage(one, two) as seen, script("pair.py", each=each) as sdk:
        said = await sdk.reports("moved")
        assert said["done"] == [True, True]
        assert said["sns"] == ["3JKDH2T0060000", "3JKDH2T0060001"]
        assert seen.place(0) == pytest.approx((0.4, 0, 0), abs=0.03)
        assert seen.place(1) == pytest.approx((-0.3, 1, 0), abs=0.03)
        await sdk.go()
        await sdk.ends()


async def test_the_liquid_edge_demonstrator_runs_to_its_end(script) -> None:
    ip = "127.0.60.11"
    how = {"connection": "rndis", "rndis_ip": ip}
    async with stage(ip, person=(1.8, -0.8)) as seen, script("liquid_edge.py", **how) as sdk:
        said = await sdk.reports("ready")
        assert (said["version"], said["mode"]) == ("01.01.1000", "chassis_lead")
        assert {seen.colours()[lamp] for lamp in BOTTOM} == {(255, 255, 255)}
        assert {seen.colours()[lamp] for lamp in TOP} == {DARK}
        await sdk.go()
        effects = [LedEffect.BLINK, LedEffect.BLINK, LedEffect.PULSE, LedEffect.SCROLLING, LedEffect.SOLID]
        for effect in effects:
            await sdk.reports("light")
            assert seen.rover.leds[Lamp.BOTTOM_BACK].effect is effect
            await sdk.go()
        assert {seen.colours()[lamp] for lamp in BOTTOM} == {(0, 255, 0)}
        await sdk.reports("sounds")
        assert seen.rover.sounds_played == [0x110, 0x10C]
        await sdk.go()
        said = await sdk.reports("driving")
        assert said["velocity"][3] == pytest.approx(0.5, abs=0.06)
        x, y, heading = seen.place()
        assert x > 0.5
        assert y < -0.05  # clockwise is to the right
        assert heading < -0.3
        await sdk.go()
        said = await sdk.reports("stands")
        assert seen.is_still()
        x, y, _ = seen.place()
        assert said["position"][:2] == pytest.approx([x, -y], abs=0.1)
        await sdk.go()
        said = await sdk.reports("hit")
        await until(seen.is_still)
        await sdk.go()
        await sdk.reports("leaving")
        assert {seen.colours()[lamp] for lamp in BOTTOM} == {DARK}
        await sdk.go()
        await sdk.ends()
        await until(lambda: seen.rover.owner is None)


async def test_its_frames_are_still_the_golden_ones(script) -> None:
    golden = Path(__file__).parents[1] / "protos/robomaster/golden_frames.json"
    async with script("frames.py") as sdk:
        assert await sdk.output() == golden.read_text()
