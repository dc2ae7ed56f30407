# mypy: ignore-errors
"""Who are you, and who leads?"""

from talk import report, robot_at

with robot_at() as rover:
    modes = []
    for mode in ("free", "gimbal_lead", "chassis_lead"):
        modes.append((rover.set_robot_mode(mode), rover.get_robot_mode()))
    report(
        "hello",
        version=rover.get_version(),
        sn=rover.get_sn(),
        modes=modes,
        chassis=rover.chassis.get_version(),
        ip=rover.ip,
    )
