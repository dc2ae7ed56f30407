"""What else can be plugged into the robot: servos, arm, gripper, sensors. State only: nothing in the world."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Modules:
    """Set by commands, told when asked."""

    servo_deg: dict[int, float] = field(default_factory=lambda: {1: 0.0, 2: 0.0, 3: 0.0})
    servo_degps: dict[int, float] = field(default_factory=lambda: {1: 0.0, 2: 0.0, 3: 0.0})
    arm_mm: tuple[float, float] = (0.0, 0.0)
    gripper: int = 2  # 0 closed, 1 between, 2 open
    distance_mm: dict[int, int] = field(default_factory=lambda: dict.fromkeys((1, 2, 3, 4), 8190))  # nothing in reach
    measures_distance: bool = False
    pwm_percent: dict[int, float] = field(default_factory=lambda: dict.fromkeys(range(1, 7), 7.5))
    pwm_hz: dict[int, float] = field(default_factory=lambda: dict.fromkeys(range(1, 7), 50.0))
    adc: dict[tuple[int, int], int] = field(default_factory=dict)  # (board, port); 0 where nothing is said
    io_level: dict[tuple[int, int], int] = field(default_factory=dict)
    pulse_period_ms: dict[tuple[int, int], int] = field(default_factory=dict)
    beads: int = 1  # that one `fire` shoots
    shots: list[tuple[str, int]] = field(default_factory=list)  # kind and how many, the last 1000

    def fire(self, kind: str, times: int) -> None:
        """`kind`: bead or ir."""
        self.shots = [*self.shots[-999:], (kind, times)]

    def turn_servo(self, number: int, angle_deg: float) -> None:
        self.servo_deg[number], self.servo_degps[number] = angle_deg, 0.0

    def step(self, dt_s: float) -> None:
        for number, speed in self.servo_degps.items():
            self.servo_deg[number] = min(max(self.servo_deg[number] + speed * dt_s, -180.0), 180.0)
