# mypy: ignore-errors
"""The calls of the LIQUID EDGE demonstrator's robot, in their order and at their pace."""

import time

from robomaster import led, robot
from talk import Latest, report, robot_at

with robot_at() as rover:
    rover.set_robot_mode(mode=robot.CHASSIS_LEAD)
    version = rover.get_version()
    hits = Latest()
    rover.armor.set_hit_sensitivity(comp="all", sensitivity=1)
    rover.armor.set_hit_sensitivity(comp="all", sensitivity=0)
    rover.armor.sub_hit_event(hits)
    rover.led.set_gimbal_led(comp=led.COMP_TOP_ALL, r=0, g=0, b=0, led_list=[0, 1, 2, 3], effect=led.EFFECT_OFF)
    rover.led.set_led(comp=led.COMP_BOTTOM_ALL, r=255, g=255, b=255, effect=led.EFFECT_ON)
    position, velocity = Latest(), Latest()
    rover.chassis.sub_position(freq=10, callback=position)
    rover.chassis.sub_velocity(freq=10, callback=velocity)
    position.wait()
    velocity.wait()
    report("ready", version=version, mode=rover.get_robot_mode())
    for colour, effect, freq in (
        ((0, 255, 0), led.EFFECT_FLASH, 1),
        ((255, 140, 0), led.EFFECT_FLASH, 5),
        ((0, 0, 255), led.EFFECT_BREATH, 1),
        ((255, 0, 255), led.EFFECT_SCROLLING, 1),
        ((0, 255, 0), led.EFFECT_ON, 1),
    ):
        r, g, b = colour
        rover.led.set_led(comp=led.COMP_BOTTOM_ALL, r=r, g=g, b=b, effect=effect, freq=freq)
        report("light")
    for sound in (robot.SOUND_ID_1A, robot.SOUND_ID_1F):
        rover.play_sound(sound).wait_for_completed()
    report("sounds")
    for _ in range(60):
        rover.chassis.drive_speed(x=0.5, y=0, z=20, timeout=0)
        time.sleep(1 / 40)
    moving = velocity.next()
    report("driving", velocity=moving)
    for _ in range(20):
        rover.chassis.drive_speed(x=0, y=0, z=0, timeout=0)
        time.sleep(1 / 40)
    rover.chassis.drive_wheels(0, 0, 0, 0)
    report("stands", position=position.next())
    rover.chassis.drive_speed(x=0.7, y=0, z=0, timeout=0)
    hits.wait(15)
    rover.chassis.drive_wheels(0, 0, 0, 0)
    report("hit", hit=hits.value)
    rover.armor.unsub_hit_event()
    rover.chassis.unsub_position()
    rover.chassis.unsub_velocity()
    rover.led.set_led(comp=led.COMP_BOTTOM_ALL, r=0, g=0, b=0, effect=led.EFFECT_OFF)
    report("leaving")
