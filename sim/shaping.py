"""What a radio link does to a stream of bytes, as pure maths: when does a piece that goes in now come out?

Used with the loop's clock by `sim.proxy` and with simulated time in lockstep. Same seed, same calls, same answers.
"""

import math
import random
from dataclasses import dataclass, replace
from typing import Protocol

PACKET_BYTES = 1448  # payload of one TCP segment on Ethernet with timestamps (1500 - 20 - 32)
MIN_RATE_BPS = (
    50_000.0  # slower than this is as good as cut; keeps a piece already on the line from blocking it for hours
)
RTO_S = 0.2  # Linux' smallest retransmission timeout (TCP_RTO_MIN)
MAX_LOSS_ROUNDS = 3  # how often one piece can be lost in a row: bounds the stall at 0.2 + 0.4 + 0.8 s


class LinkLike(Protocol):
    """What the radio model says of one link; other fields are welcome."""

    @property
    def rate_bps(self) -> float: ...
    @property
    def delay_s(self) -> float: ...
    @property
    def jitter_s(self) -> float: ...
    @property
    def loss(self) -> float: ...


@dataclass(frozen=True, slots=True)
class LinkShape:
    """One link, the same in both directions."""

    rate_bps: float = math.inf
    delay_s: float = 0.0  # one way
    jitter_s: float = 0.0  # added to the delay, uniform from 0 to this
    loss: float = 0.0  # share of packets lost; TCP turns it into delay

    @classmethod
    def of(cls, link: LinkLike) -> "LinkShape":
        return cls(link.rate_bps, link.delay_s, link.jitter_s, link.loss)

    def worsened(self, worse: "LinkShape") -> "LinkShape":
        """With a fault on top: delays and losses add up, the lower rate holds."""
        return replace(
            self,
            rate_bps=min(self.rate_bps, worse.rate_bps),
            delay_s=self.delay_s + worse.delay_s,
            jitter_s=self.jitter_s + worse.jitter_s,
            loss=min(self.loss + worse.loss, 1.0),
        )


class Shaper:
    """One direction of one link: first in, first out, at the link's rate, delayed.

    All connections over a link share it: a radio delivers in order, so a lost piece holds up what follows.
    """

    def __init__(self, shape: LinkShape, seed: object = 0) -> None:
        self._shape = shape
        self._random = random.Random(str(seed))  # text: hash() of it is not used, so it is the same in each process
        self._free_s = -math.inf
        self._last_release_s = -math.inf

    @property
    def shape(self) -> LinkShape:
        return self._shape

    @property
    def free_s(self) -> float:
        """When all admitted so far has been put on the line."""
        return self._free_s

    @property
    def grain_bytes(self) -> int:
        """Size of piece to admit at once: about 10 ms of the line, so that a new rate soon holds."""
        if math.isinf(self._shape.rate_bps):
            return 65536
        return min(max(int(self._shape.rate_bps / 8 * 0.01), PACKET_BYTES), 65536)

    def reshape(self, now_s: float, shape: LinkShape) -> None:
        """From now on the link is like this; what waits for the line goes on at the new rate."""
        if self._free_s > now_s and math.isfinite(self._shape.rate_bps):
            left_bits = (self._free_s - now_s) * max(self._shape.rate_bps, MIN_RATE_BPS)
            self._free_s = now_s + left_bits / max(shape.rate_bps, MIN_RATE_BPS)
        self._shape = shape

    def admit(self, now_s: float, nbytes: int) -> float:
        """When the last byte of this piece comes out at the other end; never before an earlier piece."""
        shape = self._shape
        self._free_s = max(now_s, self._free_s) + nbytes * 8 / max(shape.rate_bps, MIN_RATE_BPS)
        late_s = shape.delay_s + self._random.random() * shape.jitter_s + self._loss_delay_s(nbytes)
        self._last_release_s = max(self._last_release_s, self._free_s + late_s)
        return self._last_release_s

    def _loss_delay_s(self, nbytes: int) -> float:
        """What TCP needs to make good a loss in this piece.

        With three or more packets behind the lost one the sender hears of it within a round trip (RFC 5681); a loss
        at the tail waits for the timer, which doubles each time (RFC 6298).
        """
        if self._shape.loss <= 0:
            return 0.0
        packets = max(1, math.ceil(nbytes / PACKET_BYTES))
        late_s = 0.0
        for round_ in range(MAX_LOSS_ROUNDS):
            if self._random.random() >= 1 - (1 - self._shape.loss) ** packets:
                break
            lost_at = self._random.randrange(packets)
            fast = round_ == 0 and packets - lost_at > 3
            late_s += 2 * self._shape.delay_s if fast else RTO_S * 2**round_
            packets = 1  # only the lost one is sent again
        return late_s
