"""How far the boxes of this camera and its detectors are off, learnt while tracking."""

from robot.tracker_object import Noise, Sighting, TrackedObject, scale_of
from robot.values import CameraModel

# At first twice the variance of what a good detector gives: too much costs little, too little splits a person in two.
_START: Noise = (2.0, 2.0)
_START_SAMPLES = 10  # what the start counts as
_SHARE = 0.02  # of each later sample
_LEAST, _MOST, _OUTLIER = 0.2, 10.0, 20.0


class BoxNoise:
    """Variances of place and size, as multiples of what `scale_of` assumes; each label has a detector of its own."""

    def __init__(self, camera: CameraModel) -> None:
        self._camera = camera
        self._samples: dict[str, int] = {}
        self._values: dict[str, Noise] = {}

    def of(self, label: str) -> Noise:
        return self._values.get(label, _START)

    def learn(self, each: TrackedObject, seen: Sighting) -> None:
        """From a box before its object takes it in: what it is off by beyond what the object did not know itself."""
        assumed = scale_of(each.label, each.w.p, each.h.p, self._camera)
        dx, dy, dw, dh = each.offsets(seen)
        place = ((dx * dx - each.cx.pp) / assumed.noise_x + (dy * dy - each.cy.pp) / assumed.noise_y) / 2
        size = ((dw * dw - each.w.pp) / assumed.noise_w + (dh * dh - each.h.pp) / assumed.noise_h) / 2
        samples = self._samples[each.label] = self._samples.get(each.label, 0) + 1
        share = max(_SHARE, 1 / (_START_SAMPLES + samples))
        old = self.of(each.label)
        self._values[each.label] = (_mixed(old[0], place, share), _mixed(old[1], size, share))


def _mixed(old: float, sample: float, share: float) -> float:
    return max(_LEAST, min(_MOST, old + share * (min(sample, _OUTLIER) - old)))
