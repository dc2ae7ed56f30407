# mypy: ignore-errors
"""Connects as it is told, and goes a little forward."""

from talk import report, robot_at

with robot_at() as rover:
    done = rover.chassis.move(x=0.2, xy_speed=0.7).wait_for_completed(timeout=10)
    report("moved", done=done, ip=rover.ip, sn=rover.get_sn())
