# mypy: ignore-errors
"""Lamps, sounds and the battery."""

from robomaster import led, robot
from talk import HOW, Latest, report, robot_at

with robot_at() as rover:
    lamps = rover.led
    result = lamps.set_led(comp=led.COMP_ALL, r=10, g=20, b=30, effect=led.EFFECT_ON)
    report("all on", result=result)
    lamps.set_led(comp=led.COMP_BOTTOM_LEFT, r=255, g=0, b=0, effect=led.EFFECT_ON)
    report("left on")
    lamps.set_led(comp=led.COMP_BOTTOM_ALL, r=0, g=255, b=0, effect=led.EFFECT_FLASH, freq=5)
    report("flashing")
    lamps.set_led(comp=led.COMP_ALL, r=0, g=0, b=0, effect=led.EFFECT_OFF)
    report("all off")
    lamps.set_gimbal_led(comp=led.COMP_TOP_ALL, r=255, g=25, b=50, led_list=[0, 2, 4, 6], effect=led.EFFECT_ON)
    report("gimbal lamps")
    lamps.set_led(comp=led.COMP_TOP_ALL, r=0, g=0, b=255, effect=led.EFFECT_SCROLLING)
    report("scrolling")
    lamps.set_led(comp=led.COMP_BOTTOM_ALL, r=0, g=0, b=255, effect=led.EFFECT_BREATH)
    report("breathing")
    done = rover.play_sound(robot.SOUND_ID_ATTACK).wait_for_completed(timeout=10)
    report("sound", done=done)
    done = rover.play_audio(HOW["wave"]).wait_for_completed(timeout=10)
    report("audio", done=done)
    charge = Latest()
    rover.battery.sub_battery_info(5, charge)
    charge.next()
    report("battery", percent=charge.value)
    rover.battery.unsub_battery_info()
