"""A Kalman filter for one number that moves: position and speed, in plain floats.

numpy costs about a microsecond an operation on matrices this small; one `Axis` for each coordinate of a box needs none.
"""

import math


class Axis:
    """Position and speed of one coordinate, with their covariance."""

    __slots__ = ("p", "pp", "pv", "v", "vv")

    def __init__(self, p: float, var: float, speed_var: float) -> None:
        self.p = p
        self.v = 0.0
        self.pp = var
        self.pv = 0.0
        self.vv = speed_var

    def copy(self) -> "Axis":
        twin = Axis(self.p, self.pp, self.vv)
        twin.v, twin.pv = self.v, self.pv
        return twin

    def predict(self, dt_s: float, wander: float, damping_s: float = math.inf) -> None:
        """`wander`: variance the speed gains in one second. `damping_s`: time in which the speed falls to 1/e."""
        if dt_s <= 0:
            return
        if math.isinf(damping_s):
            keep, reach = 1.0, dt_s
        else:
            keep = math.exp(-dt_s / damping_s)
            reach = damping_s * (1 - keep)
        self.p += reach * self.v
        self.v *= keep
        self.pp += reach * (2 * self.pv + reach * self.vv) + wander * dt_s**3 / 3
        self.pv = keep * (self.pv + reach * self.vv) + wander * dt_s**2 / 2
        self.vv = keep * keep * self.vv + wander * dt_s

    def update(self, z: float, noise_var: float) -> None:
        """Take in one measurement of the position."""
        s = self.pp + noise_var
        gain_p, gain_v = self.pp / s, self.pv / s
        error = z - self.p
        self.p += gain_p * error
        self.v += gain_v * error
        self.vv -= gain_v * self.pv
        self.pv *= 1 - gain_p
        self.pp *= 1 - gain_p
