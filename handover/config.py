"""Settings of the handover: which servers, how they are measured, when to move."""

from typing import Annotated, Literal

from pydantic import Field

from common.settings import Strict
from common.tls import TlsConfig
from handover.values import ServerKind


class LatencyPolicyConfig(Strict):
    """Move to the server whose results are predicted to come clearly sooner, for a while, and not back at once."""

    kind: Literal["latency"] = "latency"
    hysteresis_s: float = Field(default=0.008, ge=0, le=1)
    """How much sooner, at least. Higher: fewer moves."""
    hysteresis_share: float = Field(default=0.2, ge=0, lt=1)
    """The same as a share of the active server's own time; the larger of the two counts."""
    time_to_trigger_s: float = Field(default=0.4, ge=0, le=10)
    """For how long the other one has to be better without a break. At 3 to 6 samples, 0.3 to 0.6 s."""
    min_stay_s: float = Field(default=3.0, ge=0, le=60)
    """No planned move sooner than this after the last one, unless `urgent_s` is passed."""
    no_return_s: float = Field(default=8.0, ge=0, le=120)
    """No planned move back to the server that was just left within this time, unless `urgent_s` is passed."""
    urgent_s: float = Field(default=0.25, gt=0, le=5)
    """Slower than this the active server is of no use for driving: stay and return times no longer hold."""
    urgent_trigger_s: float = Field(default=0.15, ge=0, le=10)
    """Time to trigger of such an urgent move."""


class A3PolicyConfig(Strict):
    """3GPP event A3 on the radio level, with A2 (serving cell bad) as the way out that does not wait."""

    kind: Literal["a3"] = "a3"
    offset_db: float = Field(default=2.0, ge=-20, le=30)
    """A neighbour has to be better by this much on top of the hysteresis."""
    hysteresis_db: float = Field(default=2.0, ge=0, le=15)
    """Higher: fewer moves. 1 to 6 dB are usual."""
    time_to_trigger_s: float = Field(default=0.32, ge=0, le=5.12)
    """A small margin (2 dB) goes with 0.32 to 0.64 s, a large one (6 dB) with less than 0.1 s."""
    min_stay_s: float = Field(default=2.0, ge=0, le=60)
    """No planned move sooner than this after the last one, unless the serving level is bad."""
    bad_below_dbm: float = Field(default=-85.0, ge=-140, le=0)
    """A2: a serving level below this skips time to trigger and stay."""
    filter_k: int = Field(default=4, ge=0, le=19)
    """Smoothing of levels (3GPP filterCoefficient): each sample weighs 1/2^(k/4). 0: none."""


class LiquidEdgePolicyConfig(Strict):
    """As the LIQUID EDGE demonstrator decides: (level + 120) * quality, better by a margin, looked at each second."""

    kind: Literal["liquidedge"] = "liquidedge"
    margin: float = Field(default=400.0, ge=0)
    """In units of (dBm + 120) * quality."""
    interval_s: float = Field(default=1.0, gt=0, le=60)
    """How often it looks."""


class StaticPolicyConfig(Strict):
    """One fixed server; another one only while that one is dead."""

    kind: Literal["static"] = "static"
    server_id: str = ""
    """Empty: the first one known."""


PolicyConfig = Annotated[
    LatencyPolicyConfig | A3PolicyConfig | LiquidEdgePolicyConfig | StaticPolicyConfig, Field(discriminator="kind")
]


class StaticServer(Strict):
    """A server that is known beforehand."""

    address: str = Field(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):\d{1,5}$")
    """host:port"""
    id: str = ""
    """Empty: asked from the server itself."""
    kind: ServerKind = ServerKind.NATIVE
    """`liquidedge`: a server of the LIQUID EDGE demonstrator."""
    tasks: tuple[str, ...] = ()
    """Empty: asked from the server itself; a `liquidedge` server is taken to offer face, person and coco."""
    colour: str = Field(default="#ffffff", pattern=r"^#[0-9a-fA-F]{6}$")
    """Of the robot's light while served from there, until the server says otherwise."""
    zone: str = ""
    """`onboard` is chosen last."""


class QualityConfig(Strict):
    """How a server's predicted time is computed from what was measured."""

    window_s: float = Field(default=3.0, gt=0, le=60)
    """How far back measurements count. Shorter: quicker and more nervous."""
    quantile: float = Field(default=0.9, gt=0, lt=1)
    """The time that this share of frames keeps. Higher: steadier answers are worth more."""
    loss_weight_s: float = Field(default=0.25, ge=0, le=5)
    """Added to the predicted time at 100 % probe loss."""
    full_weight_s: float = Field(default=0.05, ge=0, le=5)
    """Added when a server announces that all its places are taken."""
    overhead_cap_s: float = Field(default=0.04, ge=0, le=1)
    """What frames may take longer than probes foretell before it is held against the active server."""


class SuspicionConfig(Strict):
    """When missing answers are held against a server, and what is done about it."""

    floor_s: float = Field(default=0.1, gt=0, le=5)
    """Never suspect sooner than this after a frame was sent. 0.1 s: a result from the standby is there within 0.2 s."""
    ceiling_s: float = Field(default=0.4, gt=0, le=10)
    """Never later than this, however slow the server has been."""
    failover_factor: float = Field(default=3.0, ge=1, le=20)
    """Silence of this many timeouts moves the robot away, once another server has shown that it lives."""
    offline_s: float = Field(default=1.0, gt=0, le=60)
    """Silence after which there is no active server any more when no other answers either."""
    hedge_share: float = Field(default=0.1, ge=0, le=1)
    """Share of frames that may go to two servers while nothing is suspected. 0: none."""


class PenaltyConfig(Strict):
    """For how long a server that failed is left alone."""

    first_s: float = Field(default=3.0, ge=0, le=600)
    """After the first failure; doubles with each further one."""
    cap_s: float = Field(default=60.0, ge=0, le=3600)
    """Never longer than this."""
    forgive_s: float = Field(default=30.0, gt=0, le=3600)
    """Each such time without a failure takes one doubling back."""


class RadioConfig(Strict):
    """Radio levels of the robot's own interfaces, for the policies that decide by them."""

    kind: Literal["proc_wireless"] = "proc_wireless"
    interval_s: float = Field(default=0.2, gt=0, le=60)
    """How often levels are read. 3GPP measures every 0.2 s."""
    interfaces: dict[str, tuple[str, ...]] = Field(min_length=1)
    """Which servers are reached over which interface: `wlan0: [edge-a, edge-b]`."""


class HandoverConfig(Strict):
    """Everything about servers: finding, measuring, choosing, moving."""

    policy: PolicyConfig = LatencyPolicyConfig()
    """How the server is chosen."""
    window: int = Field(default=3, ge=1, le=32)
    """Frames under way to one server at a time. More: higher rate on long paths, older results on slow servers."""
    deadline_s: float = Field(default=1.0, gt=0, le=30)
    """A frame without an answer for this long is lost."""
    standbys: int = Field(default=1, ge=0, le=8)
    """Servers kept connected and warm beside the active one."""
    probe_interval_s: float = Field(default=0.5, gt=0, le=60)
    """Between probes of connected servers."""
    idle_probe_interval_s: float = Field(default=1.0, gt=0, le=60)
    """Between probes of the others."""
    probe_timeout_s: float = Field(default=0.5, gt=0, le=10)
    """A probe without an answer for this long is lost."""
    probe_padding: float = Field(default=1.0, ge=0, le=1)
    """Size of a probe as a share of a frame's. Less spares the path, and foretells slow paths less well."""
    reconnect_first_s: float = Field(default=0.25, gt=0, le=60)
    """Wait before connecting again; doubles up to `reconnect_cap_s`."""
    reconnect_cap_s: float = Field(default=4.0, gt=0, le=600)
    """Longest wait before connecting again. Lower: a server that comes back is used sooner."""
    connect_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """Longest wait for a connection and the server's description of itself."""
    strikes: int = Field(default=5, ge=1, le=1000)
    """Impossible answers within 10 s after which a server is dropped."""
    quality: QualityConfig = QualityConfig()
    """How the predicted time is computed."""
    suspicion: SuspicionConfig = SuspicionConfig()
    """When missing answers are held against a server."""
    penalty: PenaltyConfig = PenaltyConfig()
    """For how long a server that failed is left alone."""
    servers: tuple[StaticServer, ...] = ()
    """Servers known beforehand."""
    zeroconf: bool = True
    """Find servers that announce themselves in the local network."""
    interfaces: tuple[str, ...] = ()
    """Addresses of the network interfaces to look on; empty: all. Environment: TAGALONG_INTERFACES, comma separated."""
    group: str = Field(default="", max_length=24)
    """Use only announced servers of this group. Empty: those without one."""
    radio: RadioConfig | None = None
    """Read radio levels; off by default."""
    tls: TlsConfig = TlsConfig()
    """Transport security; the same for all servers."""
