"""What happens to an emulated robot, in words: who drives it, how, and what it runs into."""

from sim.robomaster.action import Action
from sim.robomaster.rover import Rover
from sim.robomaster.values import Hit, Mode

SETTLED_S = 0.3  # shorter stops and starts are not told


class Diary:
    """Looks at the robot now and then; tells only what is new."""

    def __init__(self, rover: Rover) -> None:
        self._rover = rover
        self._news: list[str] = []
        self._is_driven = False
        self._mode: Mode = rover.mode
        self._move: Action | None = None
        self._stands, self._changed_s = True, 0.0
        rover.on_hit.append(self._hit)

    def look(self, now_s: float) -> list[str]:
        rover, news = self._rover, self._news
        self._news = []
        is_driven = rover.owner is not None
        if is_driven != self._is_driven:
            news.append("a program has connected" if is_driven else "the program has gone; all stops")
            self._is_driven = is_driven
        if rover.mode is not self._mode:
            news.append(f"mode {rover.mode}")
            self._mode = rover.mode
        news += self._look_at_move(now_s)
        stands = rover.status().static
        if stands == self._stands:
            self._changed_s = now_s
        elif self._move is None and now_s - self._changed_s >= SETTLED_S:
            self._stands = stands
            news.append(f"stands {self._place()}" if stands else "drives")
        return news

    def _look_at_move(self, now_s: float) -> list[str]:
        before, move = self._move, self._rover.moving
        self._move = move
        ended = []
        if before is not None and before is not move:
            ended.append(f"move failed: {before.why}" if before.why else f"move done {self._place()}")
            self._stands, self._changed_s = True, now_s  # which need not be told again
        return [*ended, "moves"] if move is not None and move is not before else ended

    def _place(self) -> str:
        x, y, yaw = (value + 0.0 for value in map(round, self._rover.position(), (2, 2, 0)))  # no -0.00
        return f"at x {x:.2f} m, y {y:.2f} m, yaw {yaw:.0f}°"

    def _hit(self, hit: Hit) -> None:
        if len(self._news) < 20:
            self._news.append(f"hit on the {hit.side.name.lower()} ({hit.strength_mps:.1f} m/s)")
