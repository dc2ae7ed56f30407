# mypy: ignore-errors
"""The gimbal and its angles."""

from talk import Latest, report, robot_at

with robot_at() as rover:
    gimbal, angle = rover.gimbal, Latest()
    gimbal.sub_angle(20, angle)
    angle.wait()
    moves = (
        ("moved to", lambda: gimbal.moveto(pitch=10, yaw=-30, pitch_speed=120, yaw_speed=120)),
        ("moved", lambda: gimbal.move(pitch=-15, yaw=20, pitch_speed=120, yaw_speed=120)),
        ("recentred", lambda: gimbal.recenter(pitch_speed=120, yaw_speed=120)),
    )
    for name, start in moves:
        done = start().wait_for_completed(timeout=10)
        report(name, done=done, angle=angle.next())
    gimbal.drive_speed(pitch_speed=0, yaw_speed=40)
    report("turning")
    gimbal.drive_speed(pitch_speed=0, yaw_speed=0)
    gimbal.suspend()
    report("suspended")
    gimbal.resume()
    report("resumed")
    gimbal.unsub_angle()
