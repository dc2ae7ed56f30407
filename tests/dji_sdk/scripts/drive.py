# mypy: ignore-errors
"""All ways to drive, and all that the chassis tells."""

from talk import HOW, Latest, report, robot_at

with robot_at() as rover:
    chassis = rover.chassis
    freq = HOW.get("freq", 20)
    told = {name: Latest() for name in ("position", "velocity", "attitude", "imu", "esc", "status", "mode")}
    subscribed = [chassis.sub_position(1, freq, told["position"])]
    for name in list(told)[1:]:
        subscribed.append(getattr(chassis, "sub_" + name)(freq, told[name]))
    first = {name: latest.wait() for name, latest in told.items()}
    report("subscribed", results=subscribed, **first)
    moves = (
        ("forward", {"x": 0.5, "xy_speed": 0.7}),
        ("right", {"y": 0.3, "xy_speed": 0.7}),
        ("turned", {"z": 90, "z_speed": 120}),
    )
    for name, move in moves:
        action = chassis.move(**move)
        done = action.wait_for_completed(timeout=15)
        report(name, done=done, state=action.state, position=told["position"].next(), attitude=told["attitude"].next())
    chassis.drive_speed(x=0.3, y=0, z=0)
    report("driving")
    report("measured", velocity=told["velocity"].next(), esc=told["esc"].next())
    chassis.drive_speed(x=0, y=0, z=0)
    report("stopped")
    result = chassis.drive_wheels(w1=60, w2=60, w3=60, w4=60)
    report("wheels", result=result)
    report("measured", esc=told["esc"].next(), status=told["status"].next())
    result = chassis.drive_wheels(w1=0, w2=0, w3=0, w4=0)
    report("stopped", result=result)
    chassis.drive_speed(x=0, y=0, z=-90)
    report("turning", attitude=told["attitude"].next(), imu=told["imu"].next())
    unsubscribed = [getattr(chassis, "unsub_" + name)() for name in told]
    report("unsubscribed", results=unsubscribed, counts={name: latest.count for name, latest in told.items()})
