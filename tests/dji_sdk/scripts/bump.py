# mypy: ignore-errors
"""Drives on until a plate feels something."""

from talk import Latest, report, robot_at

with robot_at() as rover:
    hit = Latest()
    rover.armor.set_hit_sensitivity("all", 1)
    rover.armor.sub_hit_event(hit)
    rover.chassis.drive_speed(x=0.6, y=0, z=0)
    hit.wait(15)
    rover.chassis.drive_speed(x=0, y=0, z=0)
    report("hit", hit=hit.value)
    rover.armor.unsub_hit_event()
