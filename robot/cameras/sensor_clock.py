"""From libcamera's `SensorTimestamp` to the robot's clock.

libcamera documents CLOCK_BOOTTIME. Its V4L2 pipelines, the Raspberry Pi's among them, pass on the kernel's buffer
times, which are CLOCK_MONOTONIC (picamera2's users compare with that: issues 787 and 849). The two differ by the time
that the machine was suspended. Which one it is shows by itself: no picture is taken before the camera was started or
after it has arrived, and none stays on its way for seconds.
"""

SLACK_S = 0.05  # around the camera's start: the sensor may run a little earlier than it says
FUTURE_S = 0.001  # the clocks are read one after the other
OLDEST_S = 5.0  # a picture that came later than this after it was taken slept with the machine


class SensorClock:
    """Knows when the camera was started, on both clocks; rules out a clock as stamps come in."""

    def __init__(self, start_monotonic_s: float, start_boot_s: float) -> None:
        self._start_s = {"boot": start_boot_s, "monotonic": start_monotonic_s}
        self.possible = ["boot", "monotonic"]

    def monotonic_s(self, stamp_ns: int, now_monotonic_s: float, now_boot_s: float) -> float | None:
        """When the picture was taken, on CLOCK_MONOTONIC; None for a stamp that fits neither clock.

        While both fit, it is the older of the two: a picture is never taken for fresher than it is.
        """
        now_s = {"boot": now_boot_s, "monotonic": now_monotonic_s}
        stamp_s = stamp_ns / 1e9
        fitting = [
            clock
            for clock in self.possible
            if max(self._start_s[clock] - SLACK_S, now_s[clock] - OLDEST_S) <= stamp_s <= now_s[clock] + FUTURE_S
        ]
        if not fitting:
            return None
        self.possible = fitting
        age_s = max(now_s[clock] - stamp_s for clock in fitting)
        return now_monotonic_s - max(0.0, age_s)
