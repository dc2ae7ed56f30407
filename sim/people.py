"""People walk paths: where each one is at a time, as a pure function made once from path and seed."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.place import XY
from sim.scenario import Person

Floats = NDArray[np.float64]

GRID_S = 0.02  # the walk is worked out at this step and interpolated in between
ACCEL_MPS2 = 1.0  # people reach walking pace in about a second
ARC_STEP_RAD = math.radians(6.0)


@dataclass(frozen=True, slots=True)
class Walk:
    """A person's whole way. `at` is pure; times before 0 and after the end stand still."""

    person_id: str
    appears_s: float
    leaves_s: float
    _xs: tuple[float, ...]  # on the grid; plain numbers, as one lookup in an array costs ten of these
    _ys: tuple[float, ...]

    def at(self, time_s: float) -> XY:
        place = min(max(time_s / GRID_S, 0.0), len(self._xs) - 1.0)
        low = min(int(place), len(self._xs) - 2)
        part = place - low
        x0, x1, y0, y1 = self._xs[low], self._xs[low + 1], self._ys[low], self._ys[low + 1]
        return x0 + part * (x1 - x0), y0 + part * (y1 - y0)

    def present(self, time_s: float) -> bool:
        return self.appears_s <= time_s < self.leaves_s


def walk(person: Person, length_s: float, rng: np.random.Generator) -> Walk:
    """Work out a person's way. The seed makes everyone a little (2 %) faster or slower, each leg by itself."""
    corners = [np.array(point.at, np.float64) for point in person.path]
    speeds = [point.speed_mps * float(rng.normal(1.0, 0.02)) for point in person.path[:-1]]
    pauses = [point.pause_s * float(rng.normal(1.0, 0.05)) for point in person.path]
    line, leg_of, marks = _rounded(corners, person.corner_radius_m, [point.pause_s > 0 for point in person.path])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    stops = {float(along[mark]): pauses[number] for number, mark in marks.items()}
    distance = _timetable(along, leg_of, speeds, stops, person.appears_s, length_s)
    xs, ys = (tuple(np.interp(distance, along, line[:, axis]).tolist()) for axis in (0, 1))
    leaves_s = math.inf if person.leaves_s is None else person.leaves_s
    return Walk(person.id, person.appears_s, leaves_s, xs, ys)


def _rounded(corners: list[Floats], radius_m: float, stands: list[bool]) -> tuple[Floats, list[int], dict[int, int]]:
    """The path with round corners: points, the leg each point starts, and for each waypoint with a pause its point."""
    points: list[Floats] = [corners[0]]
    legs = [0]
    marks = {0: 0} if stands[0] else {}
    for number in range(1, len(corners) - 1):
        before, here, after = corners[number - 1], corners[number], corners[number + 1]
        arc = _fillet(before, here, after, radius_m)
        if stands[number]:
            marks[number] = len(points) + len(arc) // 2
        points.extend(arc)
        legs.extend([number - 1] * (len(arc) // 2) + [number] * (len(arc) - len(arc) // 2))
    if len(corners) > 1:
        points.append(corners[-1])
        legs.append(len(corners) - 2)
    return np.array(points), legs, marks


def _fillet(before: Floats, here: Floats, after: Floats, radius_m: float) -> list[Floats]:
    """An arc that touches both legs; no more than 45 % of the shorter leg is cut away."""
    back, ahead = before - here, after - here
    short = min(np.linalg.norm(back), np.linalg.norm(ahead))
    back, ahead = back / np.linalg.norm(back), ahead / np.linalg.norm(ahead)
    half = math.acos(float(np.clip(back @ ahead, -1.0, 1.0))) / 2  # half the angle between the legs
    if half > math.radians(89) or half < math.radians(1) or radius_m == 0:
        return [here]
    cut = min(radius_m / math.tan(half), 0.45 * float(short))
    radius = cut * math.tan(half)
    bisector = back + ahead
    centre = here + bisector / np.linalg.norm(bisector) * (radius / math.sin(half))
    first, last = here + back * cut - centre, here + ahead * cut - centre
    turn = math.remainder(math.atan2(last[1], last[0]) - math.atan2(first[1], first[0]), 2 * math.pi)
    count = max(2, math.ceil(abs(turn) / ARC_STEP_RAD))
    start = math.atan2(first[1], first[0])
    return [
        centre + radius * np.array([math.cos(start + turn * k / count), math.sin(start + turn * k / count)])
        for k in range(count + 1)
    ]


def _timetable(
    along: Floats, leg_of: list[int], speeds: list[float], stops: dict[float, float], start_s: float, length_s: float
) -> Floats:
    """Distance walked at each step of the grid: speeds up, slows down before stops, waits there."""
    end_m = float(along[-1])
    waiting = sorted(stops.items())
    out = np.zeros(int((length_s + 1) / GRID_S) + 2)
    done_m, speed, wait_s = 0.0, 0.0, start_s
    for step in range(len(out)):
        out[step] = done_m
        if waiting and done_m >= waiting[0][0] - 1e-6:
            wait_s, speed = wait_s + waiting.pop(0)[1], 0.0
        if wait_s > 0:
            wait_s -= GRID_S
            continue
        if done_m >= end_m or not speeds:
            continue
        leg = leg_of[int(np.searchsorted(along, done_m, side="right")) - 1]
        next_stop_m = waiting[0][0] if waiting else end_m
        left_m = max(next_stop_m - done_m, 0.0)
        wanted = min(speeds[leg], math.sqrt(2 * ACCEL_MPS2 * left_m) + 0.02)
        speed += min(max(wanted - speed, -2 * ACCEL_MPS2 * GRID_S), ACCEL_MPS2 * GRID_S)
        done_m = min(done_m + max(speed, 0.01) * GRID_S, next_stop_m)
    return out
