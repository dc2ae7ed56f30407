"""How good one server is: the predicted time from sending a frame to its result.

The active server is judged by its frames' own round trips. The others get probes as large as a frame; their predicted
time is the probe's round trip plus the service time that the server expects. The two differ by what only real frames
meet (decoding beside others, the tail of inference). That overhead is learnt where both are known, on the active
server, and added to the others' prediction, so that like is compared with like: without it every idle server looks
faster than the one at work, and the robot wanders.
"""

import math
from collections import deque

from handover.config import QualityConfig
from protos.messages import Load

MIN_FRAMES = 5  # below this the frames' own round trips are too few for a high quantile
MAX_SAMPLES = 128  # 3 s at 40 frames/s; bounds memory and the time of a sort
SERVICE_ALPHA = 0.3
OVERHEAD_TAU_S = 4.0


class Window:
    """Samples of the last seconds and their quantiles."""

    __slots__ = ("_length_s", "_samples", "_sorted")

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)
        self._sorted: list[float] | None = []

    def add(self, now_s: float, value: float) -> None:
        self._samples.append((now_s, value))
        self._sorted = None

    @property
    def is_filled(self) -> bool:
        return bool(self._samples)

    def count(self, now_s: float) -> int:
        self._forget(now_s)
        return len(self._samples)

    def quantile(self, now_s: float, share: float) -> float:
        """The smallest sample that at least this share of samples does not exceed; nan without samples."""
        self._forget(now_s)
        if self._sorted is None:
            self._sorted = sorted(value for _, value in self._samples)
        if not self._sorted:
            return math.nan
        return self._sorted[max(0, math.ceil(share * len(self._sorted)) - 1)]

    def mean(self, now_s: float) -> float:
        """0 without samples."""
        self._forget(now_s)
        return sum(value for _, value in self._samples) / len(self._samples) if self._samples else 0.0

    def clear(self) -> None:
        self._samples.clear()
        self._sorted = []

    def _forget(self, now_s: float) -> None:
        oldest_s = now_s - self._length_s
        samples = self._samples
        while samples and samples[0][0] < oldest_s:
            samples.popleft()
            self._sorted = None


class Overhead:
    """What frames take longer than probes foretell, learnt on whichever server is active."""

    __slots__ = ("_cap_s", "_last_s", "value_s")

    def __init__(self, cap_s: float) -> None:
        self._cap_s = cap_s
        self._last_s: float | None = None
        self.value_s = 0.0

    def learn(self, now_s: float, seen_s: float) -> None:
        """`seen_s`: by frames minus by probes, on the active server."""
        if not math.isfinite(seen_s):
            return
        seen_s = min(max(seen_s, 0.0), self._cap_s)
        if self._last_s is None:
            self.value_s = seen_s
        else:
            self.value_s += (1 - math.exp(-(now_s - self._last_s) / OVERHEAD_TAU_S)) * (seen_s - self.value_s)
        self._last_s = now_s


class UsualService:
    """How long servers take for a frame, by what their answers say."""

    __slots__ = ("value_s",)

    def __init__(self) -> None:
        self.value_s = 0.0  # not known yet

    def saw(self, total_s: float) -> None:
        if total_s > 0:
            self.value_s += SERVICE_ALPHA * (total_s - self.value_s) if self.value_s else total_s


class Quality:
    """Everything measured of one server."""

    __slots__ = ("_config", "_frames", "_loss", "_probes", "level_dbm", "load", "quality", "service_s")

    def __init__(self, config: QualityConfig) -> None:
        self._config = config
        self._frames = Window(config.window_s)
        self._probes = Window(config.window_s)
        self._loss = Window(2 * config.window_s)  # probes are few: look further back
        self.service_s = 0.0  # expected; 0: not known
        self.load = Load()
        self.level_dbm = math.nan
        self.quality = math.nan

    def frame(self, now_s: float, rtt_s: float) -> None:
        self._frames.add(now_s, rtt_s)

    def probe(self, now_s: float, rtt_s: float, service_s: float, load: Load) -> None:
        self._probes.add(now_s, rtt_s)
        self._loss.add(now_s, 0.0)
        if math.isfinite(service_s) and service_s > 0:
            known = self.service_s
            self.service_s = known + SERVICE_ALPHA * (service_s - known) if known else service_s
        self.load = load

    def probe_lost(self, now_s: float, timeout_s: float) -> None:
        self._probes.add(now_s, timeout_s)  # at least that long
        self._loss.add(now_s, 1.0)

    def radio(self, level_dbm: float, quality: float) -> None:
        self.level_dbm = level_dbm
        self.quality = quality

    def forget(self) -> None:
        """After a failure: what was measured before says nothing about what comes back."""
        self._frames.clear()
        self._probes.clear()
        self.service_s = 0.0

    @property
    def has_probes(self) -> bool:
        return self._probes.is_filled

    def loss(self, now_s: float) -> float:
        return self._loss.mean(now_s)

    def rtt_p50_s(self, now_s: float) -> float:
        """Of frames where there are enough, else of probes."""
        window = self._frames if self._frames.count(now_s) >= MIN_FRAMES else self._probes
        return window.quantile(now_s, 0.5)

    def by_frames_s(self, now_s: float) -> float:
        """nan while there are too few."""
        if self._frames.count(now_s) < MIN_FRAMES:
            return math.nan
        return self._frames.quantile(now_s, self._config.quantile)

    def by_probes_s(self, now_s: float, usual_service_s: float) -> float:
        """nan while there are none. `usual_service_s` stands in for a server that does not know its own yet."""
        return self._probes.quantile(now_s, self._config.quantile) + (self.service_s or usual_service_s)

    def cost_s(self, now_s: float, is_active: bool, overhead_s: float, usual_service_s: float) -> float:
        """Predicted time from sending a frame to its result, with surcharges for loss and fullness; inf if unknown."""
        cost_s = self.by_frames_s(now_s) if is_active else math.nan
        if math.isnan(cost_s):
            cost_s = self.by_probes_s(now_s, usual_service_s) + overhead_s
        if math.isnan(cost_s):
            return math.inf
        cost_s += self._config.loss_weight_s * self.loss(now_s)
        if not is_active and 0 < self.load.capacity < self.load.streams:
            cost_s += self._config.full_weight_s
        return cost_s
