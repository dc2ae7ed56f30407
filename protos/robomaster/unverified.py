"""What other people's notes and simulators say of the robot, or what was guessed: none of it checked on a real one.

All of it that code relies on lies here, so that one who has a robot can go through the list.
"""

# --- both protocols ---------------------------------------------------------------------------------------------

WHEEL_RADIUS_M = 0.05
HALF_LENGTHS_M = 0.2
"""Half the wheelbase and half the track together. Two projects use these numbers; 1 rpm makes 5.24 mm/s then."""

SPEED_HOLD_S: float | None = None
"""For how long a speed that is not repeated is driven. None: for ever. Nobody wrote down a limit, and DJI's examples
rely on there being none for seconds."""

POSITION_AND_ATTITUDE_SHARE_A_FRAME = True
"""Position and attitude count from the same moment, when the robot was switched on: x of the position points where yaw
is 0. Odometry puts both together to one pose; speeds along the robot come out of that."""

GYRO_Z_CLOCKWISE_RADPS = 1.0
"""What 1 in the third of the IMU's turn rates is clockwise, in rad/s: the yaw's own direction, as x forward, y right,
z down make it."""

# --- binary -----------------------------------------------------------------------------------------------------

HEARTBEAT_TIMEOUT_S = 3.0
"""After so long without a heartbeat the client counts as gone. A simulator's number; the client sends one a second."""

RET_UNKNOWN_COMMAND = 0xE0
RET_BAD_PARAMETER = 0xE3
RET_WRONG_STATE = 0xE4
"""Return codes of refusals, as people who listened to DJI's drones noted them; a client can only rely on "not 0"."""

SDK_SENSITIVITY_IS_REVERSED = True
"""DJI's documents say that small numbers make the plates feel more; the thresholds that are sent speak against it."""

ESC_LEFT_IS_MIRRORED = True
"""In the ESC subject speeds and angles of the left wheels fall while these roll forward, as in DRIVE_WHEELS, where it
is certain. A simulator does so for the speeds; for the angles it is a guess."""

ESC_STAMPS_PER_S = 600
"""How fast the ESC subject's clock counts, as a simulator has it."""

POSITION_Z_IS_ZERO = True
"""The third number of the position and of the velocities is always 0, as a simulator has it. DJI's documents call it
the turn."""

HIT_TYPE_OF_COLLISION = 0
"""The binary protocol knows `water` 0 and `ir` 1; what a collision is called was never seen. The plates listen to
sound, so it may well be taken for a bead."""

STREAM_SETTLE_S = 0.1
"""DJI's package waits so long between the answer to STREAM and the connection for the video."""

# --- text -------------------------------------------------------------------------------------------------------

VERSION_REPLY = "version {version}"
"""Its samples ask and print; nobody wrote down what comes back."""

ALREADY_IN_SDK_MODE = "Already in SDK mode"
"""The answer to a second `command`, from a bug report."""

FAIL = "fail"
"""The answer where a device is missing or refuses, from a bug report."""

BUSY = FAIL
"""The answer to `command` while another client has the robot. Nobody wrote down what a second client sees."""

FORMAT_ERROR = "command format error"
PARSE_ERROR = "command parse error"
"""Answers to arguments and to words that are not understood, from a bug report; which of both when is a guess."""

REPLY_BLANK = False
"""Some robots put a blank before the `;` of a reply. Readers take both."""

MOVE_REPLIES_AT_END = True
"""`ok` to a move comes when it has ended, unless it says `wait_for_complete false`: concluded from the one page of
DJI's that shows these words."""

RECENTER_REPLIES_AT_ONCE = True
"""`gimbal recenter` has no `wait_for_complete`, so its `ok` is taken not to wait."""

TEXT_BLINK_S = (0.5, 0.5)
TEXT_PULSE_S = (1.0, 1.0)
TEXT_SCROLL_S = (0.03, 0.04)
"""On and off, or brighter and darker, of effects that the text protocol has no times for: those of DJI's package."""

# --- how the robot behaves --------------------------------------------------------------------------------------

POWER_ON_MODE = "free"
"""Who leads before a program says so. DJI's package sets `free` when it connects; the text protocol's default is not
written down."""

FREE_GIMBAL_STAYS_IN_ROOM = True
"""In mode `free` the gimbal keeps its direction over ground while the chassis turns under it, as it does in videos of
the robot; false: it goes with the chassis."""

STUCK_S = 2.0
"""A move that gets no nearer for so long has failed. That the robot gives up at all is a guess."""

FELT_MPS_PER_STEP = 0.05
"""A plate of sensitivity s (1..10, 10 feels the most) tells of touches from (11 - s) times this speed on: no scale is
written down, and the real plates listen to sound."""

SENSITIVITY_DEFAULT = 5  # of the plates; documented for text, taken over for binary

# --- an S1 that was opened up -----------------------------------------------------------------------------------

S1_ZERO_SUBJECTS = ("battery", "imu", "esc", "attitude", "position")
"""Subjects that push zeros. From one person's robot, which was at rest: position may do better, velocity does."""

S1_REFUSES_STREAM = True
"""The SDK's camera stream was refused on that robot."""

# --- video ------------------------------------------------------------------------------------------------------

CAMERA_HFOV_DEG = 105.0
"""Of the EP's camera across. DJI's specification says 120 degrees, taken to be the diagonal of a 16:9 picture through
a lens that keeps angles in proportion: 120 * 16 / 18.36. To be measured, and set as `camera.hfov_deg`."""

VIDEO_LATENCY_S = 0.1
"""From a picture's exposure to its first byte here, over Wi-Fi. A guess from what other H.264 cameras of that time
need (exposure and read-out 33 ms, coding 33 ms, air 10 to 50 ms). Better too long than too short: old pictures stop
the robot, pictures that only seem fresh do not."""
