"""Numbers of the RoboMaster protocols: ports, addresses, commands, subjects, lamps, sounds."""

from enum import Enum, IntEnum, IntFlag

# The robot listens on these unless said otherwise.
VIDEO_PORT = 40921  # TCP, H.264
AUDIO_PORT = 40922  # TCP, Opus
TEXT_PORT = 40923  # TCP, commands
TEXT_PUSH_PORT = 40924  # UDP, on the client
TEXT_EVENT_PORT = 40925  # TCP
TEXT_BROADCAST_PORT = 40926  # UDP, on the client: `robot ip A.B.C.D`
SERIAL_BROADCAST_PORT = 40927  # UDP, on the client: serial number and a NUL
STA_INFO_PORT = 45678  # UDP, on the client: `StaInfo`
BINARY_PORT = 20020  # UDP or TCP
HANDSHAKE_PORT = 30030  # UDP
CLIENT_PORTS = range(10100, 10501)  # one of them, named in the handshake
FTP_PORT = 21

AP_IP = "192.168.2.1"  # of the robot in its own Wi-Fi
RNDIS_IP = "192.168.42.2"  # of the robot on a USB cable
RNDIS_CLIENT_IP = "192.168.42.3"

SERIAL_NUMBER_LENGTH = 14


def address(host: int, index: int = 0) -> int:
    """Five bits of host, three of which one of its kind."""
    return index << 5 | host


class Host(IntEnum):
    """Who sends or receives a frame."""

    SDK = 0xC9  # the client
    SERVICE = 0x09
    VERSION = 0x28
    CHASSIS = 0xC3
    GIMBAL = 0x04
    CAMERA = 0x01
    BLASTER = 0x17
    LED = 0x18
    ARMOR = 0x38
    VISION = 0xF1
    GRIPPER = 0x3B
    ARM = 0x5B
    BATTERY = 0x0B
    SERVO = 0x19  # + 32 a servo
    SERVOS = 0xA3  # all of them, each named in the request
    SENSOR = 0x16  # + 32 a board
    TOF = 0x32


class Command(Enum):
    """(cmdset, cmdid). The comment names the usual receiver where there is one."""

    MODULE_VERSION = (0x00, 0x01)  # any
    VERSION = (0x00, 0x4F)  # VERSION
    SERIAL = (0x00, 0x51)  # VERSION
    PHOTO = (0x02, 0x01)  # CAMERA
    WHITE_BALANCE = (0x02, 0x2C)  # CAMERA
    ZOOM = (0x02, 0x34)  # CAMERA
    GET_ZOOM = (0x02, 0x35)  # CAMERA
    GIMBAL_SPEED = (0x04, 0x0C)  # GIMBAL, no ack
    GIMBAL_POWER = (0x04, 0x0D)  # GIMBAL, no ack
    GIMBAL_WORK_MODE = (0x04, 0x4C)  # GIMBAL
    VISION_ENABLE = (0x0A, 0xA3)  # VISION
    VISION_PUSH = (0x0A, 0xA4)
    VISION_STATUS = (0x0A, 0xA5)  # VISION
    VISION_COLOR = (0x0A, 0xAB)  # VISION
    GRIPPER = (0x33, 0x11)  # CHASSIS
    ARM_POSITION = (0x33, 0x14)
    SERVO_ANGLE = (0x33, 0x15)  # SERVOS
    SERVO_MODE = (0x33, 0x16)  # SERVOS
    SERVO_SPEED = (0x33, 0x17)  # SERVOS
    HIT_EVENT = (0x3F, 0x02)  # push
    ARMOR_SENSITIVITY = (0x3F, 0x07)  # ARMOR
    IR_EVENT = (0x3F, 0x10)  # push
    CHASSIS_WORK_MODE = (0x3F, 0x19)  # CHASSIS
    DRIVE_WHEELS = (0x3F, 0x20)  # CHASSIS
    DRIVE_SPEED = (0x3F, 0x21)  # CHASSIS, no ack
    MOVE = (0x3F, 0x25)  # CHASSIS
    STICK_OVERLAY = (0x3F, 0x28)  # CHASSIS
    MOVE_PUSH = (0x3F, 0x2A)
    PWM_FREQUENCY = (0x3F, 0x2B)  # CHASSIS
    SET_LED = (0x3F, 0x33)  # SERVICE
    PWM_VALUE = (0x3F, 0x3C)  # CHASSIS
    SET_MODE = (0x3F, 0x46)  # SERVICE
    GET_MODE = (0x3F, 0x47)  # SERVICE
    BLASTER_FIRE = (0x3F, 0x51)  # BLASTER
    BLASTER_LED = (0x3F, 0x55)  # BLASTER, no ack
    GIMBAL_MOVE = (0x3F, 0xB0)  # GIMBAL
    GIMBAL_PUSH = (0x3F, 0xB1)
    GIMBAL_RECENTER = (0x3F, 0xB2)  # GIMBAL
    PLAY_SOUND = (0x3F, 0xB3)  # SERVICE
    SOUND_PUSH = (0x3F, 0xB4)
    ARM_MOVE = (0x3F, 0xB5)  # CHASSIS
    ARM_PUSH = (0x3F, 0xB6)
    SERVO_MOVE = (0x3F, 0xB7)  # CHASSIS
    SERVO_PUSH = (0x3F, 0xB8)
    UART_SET = (0x3F, 0xC0)  # CHASSIS
    UART_DATA = (0x3F, 0xC1)  # CHASSIS; both ways
    SDK_MODE = (0x3F, 0xD1)  # SERVICE
    STREAM = (0x3F, 0xD2)  # CAMERA
    HANDSHAKE = (0x3F, 0xD4)  # SERVICE, to HANDSHAKE_PORT
    HEARTBEAT = (0x3F, 0xD5)  # SERVICE
    GAME_EVENT = (0x3F, 0xD6)  # push
    UWB_EVENT = (0x3F, 0xDB)  # push
    AI_EVENT = (0x3F, 0xEA)  # push
    SENSOR_READ = (0x3F, 0xF0)  # SENSOR
    NODE_ADD = (0x48, 0x01)  # SERVICE
    NODE_RESET = (0x48, 0x02)  # SERVICE
    SUBSCRIBE = (0x48, 0x03)  # SERVICE
    UNSUBSCRIBE = (0x48, 0x04)  # SERVICE
    SUBJECT_PUSH = (0x48, 0x08)

    @property
    def cmdset(self) -> int:
        return self.value[0]

    @property
    def cmdid(self) -> int:
        return self.value[1]


COMMANDS: dict[tuple[int, int], Command] = {command.value: command for command in Command}
NODE = Host.SDK  # subscriptions are named by the client's address


class Subject(IntEnum):
    """What can be subscribed to, by the number that asks for it."""

    POSITION = 0x00020009_EEB7CECE
    VELOCITY = 0x00020009_49A4009C
    ATTITUDE = 0x00020009_6B986306
    IMU = 0x00020009_A7985B8D
    ESC = 0x00020009_C14CB7C5
    STATUS = 0x00020009_4A2C6D55
    MODE = 0x00020009_4FCB1146
    BATTERY = 0x00020009_6862229F
    GIMBAL = 0x00020009_F79B3C97
    SBUS = 0x00020009_88223568
    SERVO = 0x00020009_5F0059E7
    ARM = 0x00020009_26ABD64D
    GRIPPER = 0x00020009_124D156A
    TOF = 0x00020009_86E4C05A
    PINBOARD = 0x00020009_EEBB9FFC


class RobotMode(IntEnum):
    """Who leads when gimbal and chassis turn."""

    FREE = 0
    GIMBAL_LEAD = 1
    CHASSIS_LEAD = 2


class Connection(IntEnum):
    """How client and robot are connected, in the handshake."""

    AP = 0
    STA = 1
    RNDIS = 2


class Transport(IntEnum):
    """What carries the frames, in the handshake."""

    UDP = 0
    TCP = 1


class HandshakeState(IntEnum):
    """What the robot makes of a handshake. DJI's package takes READY only."""

    REFUSED = 0
    BUSY = 1  # another client is connected
    READY = 2


class LedBits(IntFlag):
    """Lamps in SET_LED."""

    BOTTOM_BACK = 0x01
    BOTTOM_FRONT = 0x02
    BOTTOM_LEFT = 0x04
    BOTTOM_RIGHT = 0x08
    TOP_LEFT = 0x10
    TOP_RIGHT = 0x20
    BOTTOM_ALL = 0x0F
    TOP_ALL = 0x30
    ALL = 0x3F


class ArmorBits(IntFlag):
    """Plates in ARMOR_SENSITIVITY: left and right lie the other way round than in LedBits."""

    BOTTOM_BACK = 0x01
    BOTTOM_FRONT = 0x02
    BOTTOM_RIGHT = 0x04
    BOTTOM_LEFT = 0x08
    TOP_RIGHT = 0x10
    TOP_LEFT = 0x20
    BOTTOM_ALL = 0x0F
    TOP_ALL = 0x30
    ALL = 0x3F


class VisionBits(IntFlag):
    """Detectors in VISION_ENABLE."""

    NONE = 0
    PERSON = 1 << 1
    GESTURE = 1 << 2
    LINE = 1 << 4
    MARKER = 1 << 5
    ROBOT = 1 << 7


class Effect(IntEnum):
    """How a lamp shines."""

    OFF = 0
    ON = 1
    BREATH = 2
    FLASH = 3
    SCROLLING = 4


class ArmorId(IntEnum):
    """Which plate was hit."""

    BOTTOM_BACK = 1
    BOTTOM_FRONT = 2
    BOTTOM_LEFT = 3
    BOTTOM_RIGHT = 4
    TOP_LEFT = 5
    TOP_RIGHT = 6


class ActionState(IntEnum):
    """In the pushes of an action."""

    RUNNING = 0
    SUCCEEDED = 1
    FAILED = 2
    STARTED = 3


class Accept(IntEnum):
    """In the answer to an action."""

    STARTED = 0
    REJECTED = 1
    DONE = 2


class PushRate(IntEnum):
    """How often an action reports."""

    HZ_1 = 0
    HZ_5 = 1
    HZ_10 = 2

    @property
    def hz(self) -> int:
        return (1, 5, 10)[self]


class Axes(IntEnum):
    """What the angles of GIMBAL_MOVE are counted from. DJI's package uses CURRENT (move) and YCPN (moveto)."""

    NED = 0
    CURRENT = 1
    CAR = 2
    PNED = 3  # pitch from the horizon
    YCPN = 4  # yaw from the chassis, pitch from the horizon
    YCPO = 5  # yaw from the chassis, pitch from where it was


class GimbalPower(IntEnum):
    """Orders of GIMBAL_POWER."""

    SUSPEND = 0x2AB5
    RESUME = 0x7EF2


class PlayMode(IntEnum):
    """What a sound does to the one that plays."""

    STOP = 0
    REPLACE = 1
    MIX = 2
    IGNORE = 3


class Stream(IntEnum):
    """What STREAM switches."""

    SDK = 1
    VIDEO = 2
    AUDIO = 3


class Resolution(IntEnum):
    """Of the video stream."""

    P720 = 0
    P360 = 1
    P540 = 2

    @property
    def size_px(self) -> tuple[int, int]:
        return ((1280, 720), (640, 360), (960, 540))[self]


class GripperOrder(IntEnum):
    """What GRIPPER does."""

    PAUSE = 0
    OPEN = 1
    CLOSE = 2


def _notes() -> dict[str, int]:
    names = [f"{octave}{note}" for octave in (1, 2, 3) for note in _OCTAVE]
    return {f"NOTE_{name}": 0x107 + number for number, name in enumerate(names)}


_OCTAVE = ("C", "C_SHARP", "D", "D_SHARP", "E", "F", "F_SHARP", "G", "G_SHARP", "A", "A_SHARP", "B")
NOTES = _notes()
"""NOTE_1C (0x107) to NOTE_3B (0x12A): what PLAY_SOUND calls the tones of three octaves."""


class Sound(IntEnum):
    """Built-in sounds for PLAY_SOUND; the tones are in NOTES."""

    ATTACK = 0x101
    SHOOT = 0x102
    SCANNING = 0x103
    RECOGNIZED = 0x104
    GIMBAL_MOVE = 0x105
    COUNT_DOWN = 0x106


AUDIO_SOUND_BASE = 0xE0  # + the number of a file stored by FTP, 0 to 9
