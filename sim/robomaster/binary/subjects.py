"""What each subject looks like now, as it goes over the wire."""

from collections.abc import Callable, Mapping
from dataclasses import astuple

from protos.robomaster import payloads
from protos.robomaster.ids import RobotMode, Subject
from protos.robomaster.payloads.subjects import SubjectData
from protos.robomaster.unverified import S1_ZERO_SUBJECTS
from sim.robomaster.identity import Profile
from sim.robomaster.rover import Rover
from sim.robomaster.values import Mode

MODES = {RobotMode.FREE: Mode.FREE, RobotMode.GIMBAL_LEAD: Mode.GIMBAL_LEAD, RobotMode.CHASSIS_LEAD: Mode.CHASSIS_LEAD}
NUMBER_OF_MODE = {mode: number for number, mode in MODES.items()}
GRIPPER_ON_WIRE = (2, 0, 1)  # of closed, between, open
SERVOS_THERE = 0b111


def sample(rover: Rover, subject: Subject) -> bytes:
    """Exactly as long as DJI's package takes it, which dies of any other length."""
    data = _SOURCES[subject](rover).pack()
    is_zero = rover.identity.profile is Profile.S1 and subject.name.lower() in S1_ZERO_SUBJECTS
    return bytes(len(data)) if is_zero else data


def _position(rover: Rover) -> SubjectData:
    here = rover.position()
    return payloads.Position(here.x_m, here.y_m)


def _velocity(rover: Rover) -> SubjectData:
    is_ = rover.velocity()
    return payloads.Velocity(
        world_x_mps=is_.world_x_mps, world_y_mps=is_.world_y_mps, body_x_mps=is_.body_x_mps, body_y_mps=is_.body_y_mps
    )


def _esc(rover: Rover) -> SubjectData:
    esc = rover.esc()
    return payloads.Esc(esc.speed_rpm, esc.angle_deg, (esc.stamp,) * 4, esc.state)


def _battery(rover: Rover) -> SubjectData:
    battery = rover.battery()
    return payloads.Battery(battery.voltage_v, battery.temperature_c, battery.current_a, battery.percent)


def _gimbal(rover: Rover) -> SubjectData:
    angles = rover.gimbal()
    return payloads.Gimbal(angles.yaw_ground_deg, angles.pitch_ground_deg, angles.yaw_deg, angles.pitch_deg)


def _servo(rover: Rover) -> SubjectData:
    angles = [round((angle + 180) * 10) for angle in rover.modules.servo_deg.values()]
    speeds = [round(speed) for speed in rover.modules.servo_degps.values()]
    return payloads.Servo(SERVOS_THERE, (*speeds, 0), (*angles, 0))


def _arm(rover: Rover) -> SubjectData:
    x_mm, y_mm = (round(value) & 0xFFFF_FFFF for value in rover.modules.arm_mm)
    return payloads.Arm(x_mm=x_mm, y_mm=y_mm)


def _tof(rover: Rover) -> SubjectData:
    distances = rover.modules.distance_mm
    return payloads.Tof(ids=tuple(distances), distances_mm=tuple(distances.values()))


def _pinboard(rover: Rover) -> SubjectData:
    ports = [(board, port) for board in range(1, 7) for port in (1, 2)]
    modules = rover.modules
    io, adc = ([values.get(port, 0) for port in ports] for values in (modules.io_level, modules.adc))
    return payloads.Pinboard(tuple(io), tuple(adc))


_SOURCES: Mapping[Subject, Callable[[Rover], SubjectData]] = {
    Subject.POSITION: _position,
    Subject.VELOCITY: _velocity,
    Subject.ATTITUDE: lambda rover: payloads.Attitude(*astuple(rover.attitude())),
    Subject.IMU: lambda rover: payloads.Imu(*astuple(rover.imu())),
    Subject.ESC: _esc,
    Subject.STATUS: lambda rover: payloads.Status(*rover.status().flags()),
    Subject.MODE: lambda rover: payloads.Mode(sdk=NUMBER_OF_MODE[rover.mode]),
    Subject.BATTERY: _battery,
    Subject.GIMBAL: _gimbal,
    Subject.SBUS: lambda _: payloads.Sbus(),
    Subject.SERVO: _servo,
    Subject.ARM: _arm,
    Subject.GRIPPER: lambda rover: payloads.Gripper(GRIPPER_ON_WIRE[rover.modules.gripper]),
    Subject.TOF: _tof,
    Subject.PINBOARD: _pinboard,
}
