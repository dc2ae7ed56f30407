"""Payloads of the binary protocol as frozen values, for both ends: requests, answers, pushes.

Every class has `pack() -> bytes` and `unpack(bytes)`, which raises BadMessageError. Axes are the wire's own: x forward,
y to the right, yaw clockwise, pitch up; the turn of a move is counter-clockwise. Lengths are metres, angles degrees.
Wheels count positive when they roll forward, whichever side they are on.
"""

from protos.robomaster.payloads.actions import ActionAck, Control, PlaySound, SoundPush, StartAction
from protos.robomaster.payloads.chassis import (
    DriveSpeed,
    DriveWheels,
    GetMode,
    ModeAck,
    Move,
    MovePush,
    SetMode,
    StickOverlay,
    WorkMode,
)
from protos.robomaster.payloads.gimbal import (
    GimbalMove,
    GimbalOrder,
    GimbalPush,
    GimbalRecenter,
    GimbalSpeed,
)
from protos.robomaster.payloads.lights import (
    ArmorSensitivity,
    BlasterFire,
    BlasterLed,
    HitEvent,
    IrEvent,
    SetLed,
)
from protos.robomaster.payloads.link import (
    Empty,
    GetSerial,
    GetVersion,
    Handshake,
    HandshakeAck,
    ModuleVersionAck,
    NodeAdd,
    NodeAddAck,
    NodeReset,
    ReturnCode,
    SdkMode,
    SerialAck,
    StaInfo,
    SubjectPush,
    Subscribe,
    SubscribeAck,
    Unsubscribe,
    VersionAck,
)
from protos.robomaster.payloads.modules import (
    ArmMove,
    ArmPositionAck,
    ArmPush,
    GripperControl,
    Photo,
    Pwm,
    SensorAck,
    SensorRead,
    ServoAngleAck,
    ServoGet,
    ServoMode,
    ServoMove,
    ServoPush,
    ServoSpeed,
    StreamControl,
    UartReceived,
    UartSend,
    UartSet,
    VisionColor,
    VisionEnable,
    VisionStatusAck,
    WhiteBalance,
    Zoom,
)
from protos.robomaster.payloads.subjects import (
    SUBJECTS,
    Arm,
    Attitude,
    Battery,
    Esc,
    Gimbal,
    Gripper,
    Imu,
    Mode,
    Pinboard,
    Position,
    Sbus,
    Servo,
    Status,
    Tof,
    Velocity,
)

__all__ = [
    "SUBJECTS", "ActionAck", "Arm", "ArmMove", "ArmPositionAck", "ArmPush", "ArmorSensitivity", "Attitude",
    "Battery", "BlasterFire", "BlasterLed", "Control", "DriveSpeed", "DriveWheels", "Empty", "Esc", "GetMode",
    "GetSerial", "GetVersion", "Gimbal", "GimbalMove", "GimbalOrder", "GimbalPush", "GimbalRecenter", "GimbalSpeed",
    "Gripper", "GripperControl", "Handshake", "HandshakeAck", "HitEvent", "Imu", "IrEvent", "Mode", "ModeAck",
    "ModuleVersionAck", "Move", "MovePush", "NodeAdd", "NodeAddAck", "NodeReset", "Photo", "Pinboard", "PlaySound",
    "Position", "Pwm", "ReturnCode", "Sbus", "SdkMode", "SensorAck", "SensorRead", "SerialAck", "Servo",
    "ServoAngleAck", "ServoGet", "ServoMode", "ServoMove", "ServoPush", "ServoSpeed", "SetLed", "SetMode",
    "SoundPush", "StaInfo", "StartAction", "Status", "StickOverlay", "StreamControl", "SubjectPush", "Subscribe",
    "SubscribeAck", "Tof", "UartReceived", "UartSend", "UartSet", "Unsubscribe", "Velocity", "VersionAck",
    "VisionColor", "VisionEnable", "VisionStatusAck", "WhiteBalance", "WorkMode", "Zoom",
]  # fmt: skip
