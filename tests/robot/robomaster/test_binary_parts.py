"""Lamps, sounds, hits, video, who it is: by the binary protocol, seen in the emulated robot."""

import asyncio
from functools import partial

import pytest

from common.errors import ConfigError, DeviceError
from protos.robomaster.ids import NOTES, Command, Host
from protos.robomaster.payloads import DriveWheels, Unsubscribe
from robot.config import RobotConfig
from robot.robomaster.binary_build import binary_rover_of
from robot.robomaster.binary_session import FIRST_MESSAGE
from robot.robomaster.config import RobomasterBinaryConfig, RobomasterCameraConfig
from robot.values import ArmourSide, DriveCommand, Effect, Light, Sound
from sim.robomaster.identity import Identity
from sim.robomaster.rover import Rover
from sim.robomaster.values import Hit, HitKind, HitSide, Led, LedEffect
from tests.robot.robomaster.binary_emulated import drive_until, driving, odometry_of, speed_of, stand, until

BLUE = (10, 20, 200)
TOP, BOTTOM = (Led.TOP_LEFT, Led.TOP_RIGHT), (Led.BOTTOM_FRONT, Led.BOTTOM_BACK, Led.BOTTOM_LEFT, Led.BOTTOM_RIGHT)


async def test_lamps_show_every_effect_at_its_rate() -> None:
    async with driving("127.0.50.10") as (robot, rover):

        async def shown(light: Light, led: Led, effect: LedEffect):
            await rover.lights.show(light)
            await until(
                lambda: (robot.emulator.rover.leds[led].effect, robot.emulator.rover.leds[led].rgb) == (effect, BLUE)
            )
            return robot.emulator.rover.leds[led]

        for led in (*TOP, *BOTTOM):
            steady = await shown(Light(Effect.STEADY, BLUE), led, LedEffect.SOLID)
            assert steady.colour_at(0.7) == BLUE
            flash = await shown(Light(Effect.FLASH, BLUE, 5.0), led, LedEffect.BLINK)
            assert (flash.on_s, flash.off_s) == pytest.approx((0.1, 0.1))
            breath = await shown(Light(Effect.BREATHE, BLUE, 0.25), led, LedEffect.PULSE)
            assert (breath.on_s, breath.off_s) == pytest.approx((2.0, 2.0))
        ring = await shown(Light(Effect.SCROLL, BLUE, 1.0), Led.TOP_LEFT, LedEffect.SCROLLING)
        assert (ring.on_s + ring.off_s) * 8 == pytest.approx(1.0, abs=0.02)
        assert robot.emulator.rover.leds[Led.BOTTOM_FRONT].effect is LedEffect.PULSE  # those cannot scroll
        await rover.lights.show(Light(Effect.OFF))
        await until(lambda: all(state.colour_at(0.1) == (0, 0, 0) for state in robot.emulator.rover.leds.values()))


async def test_each_sound_of_the_robot_is_a_note_and_nothing_waits_for_its_end() -> None:
    async with driving("127.0.50.11") as (robot, rover):
        await rover.speaker.play(Sound.SEARCH)
        await until(lambda: robot.emulator.rover.sounds_played == [NOTES["NOTE_1F"]])
        await rover.speaker.play(Sound.FOLLOW)
        await until(lambda: robot.emulator.rover.sounds_played[1:] == [NOTES["NOTE_1A"]])


async def test_hits_tell_their_side_also_the_gimbals_plates() -> None:
    async with driving("127.0.50.12") as (robot, rover):
        for felt, side in (
            (HitSide.BACK, ArmourSide.BACK),
            (HitSide.FRONT, ArmourSide.FRONT),
            (HitSide.LEFT, ArmourSide.LEFT),
            (HitSide.GIMBAL_RIGHT, ArmourSide.RIGHT),
        ):
            robot.emulator.rover.hit(Hit(felt, HitKind.BEAD, 1.0))
            async with asyncio.timeout(3):
                assert await rover.armour.next_hit() is side


async def test_video_is_switched_on_and_off() -> None:
    async with driving("127.0.50.13") as (robot, rover):
        assert await rover.video.start_video("360p") == "127.0.50.13"
        assert robot.emulator.video.is_on
        await rover.video.stop_video()
        await until(lambda: not robot.emulator.video.is_on)


async def test_robot_tells_who_it_is_and_its_battery() -> None:
    async with driving("127.0.50.14", Identity("3JKDH2T00159G8", "01.01.0740")) as (_, rover):
        assert rover.identity is not None
        assert (rover.identity.serial_number, rover.identity.firmware) == ("3JKDH2T00159G8", "01.01.0740")
        await until(lambda: (rover.battery_percent or 0) > 0)


async def test_opened_s1_is_driven_with_its_place_reckoned_from_commands() -> None:
    async with driving("127.0.50.15", Identity.s1(), profile="s1") as (robot, rover):
        await drive_until(rover, DriveCommand(0.6, 0.0, 0.5), lambda: robot.where().x_m > 0.4)
        await stand(robot, rover)
        await until(lambda: odometry_of(rover).forward_mps == 0)
        reckoned, true = odometry_of(rover).pose, robot.where()
        assert (reckoned.x_m, reckoned.y_m) == pytest.approx((true.x_m, true.y_m), abs=0.1)
        assert reckoned.heading_rad == pytest.approx(true.heading_rad, abs=0.15)
        with pytest.raises(DeviceError, match="refuses its video"):
            await rover.video.start_video("720p")


def test_camera_of_an_s1_is_refused_before_anything_runs() -> None:
    parts = binary_rover_of(RobotConfig(), RobomasterBinaryConfig(profile="s1"))
    with pytest.raises(ConfigError, match="an opened S1 refuses to send its video"):
        parts.camera(RobomasterCameraConfig())


async def test_liquid_edge_robot_client_s_calls_run_to_their_end_and_show_in_the_world() -> None:
    """Its sequence: mode, sensitivity, lamps, speeds, wheels to zero, pushes, a note to its end, version, goodbye."""
    async with driving("127.0.50.16", connection="rndis") as (robot, rover):
        seen, link = robot.emulator.rover, rover.link
        assert link is not None
        assert seen.mode == "chassis_lead"
        await rover.set_hit_sensitivity(1)
        await rover.set_hit_sensitivity(0)
        assert seen.sensitivity == 10  # its scale runs the other way, from 1 to 10
        for light in (
            Light(Effect.STEADY, BLUE),
            Light(Effect.FLASH, BLUE, 1.0),
            Light(Effect.FLASH, BLUE, 5.0),
            Light(Effect.BREATHE, BLUE),
            Light(Effect.SCROLL, BLUE),
            Light(Effect.OFF),
        ):
            await rover.lights.show(light)
            wanted = LedEffect.OFF if light.effect is Effect.OFF else None
            await until(partial(_shows, seen, wanted))
        await drive_until(rover, DriveCommand(0.5, 0.0, -0.4), lambda: robot.where().x_m > 0.2)
        assert robot.where().heading_rad < 0
        assert await link.order(Host.CHASSIS, Command.DRIVE_WHEELS, DriveWheels().pack()) == 0
        await stand(robot, rover)
        assert odometry_of(rover).pose.x_m == pytest.approx(robot.where().x_m, abs=0.03)
        assert await rover.speaker.play_through(link, NOTES["NOTE_1A"])
        assert seen.sounds_played == [NOTES["NOTE_1A"]]
        assert rover.identity is not None
        assert rover.identity.firmware >= "01.01.0500"
        for number in range(FIRST_MESSAGE, FIRST_MESSAGE + 5):
            assert await link.order(Host.SERVICE, Command.UNSUBSCRIBE, Unsubscribe(msg_id=number).pack()) == 0
    assert seen.owner is None
    assert speed_of(robot) == pytest.approx(0.0, abs=0.01)


def _shows(seen: Rover, wanted: LedEffect | None) -> bool:
    return wanted in (None, seen.leds[Led.TOP_LEFT].effect)
