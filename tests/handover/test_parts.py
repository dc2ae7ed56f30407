"""The small parts: registry, quality, suspicion, clock, waits, settings, announcements, radio levels."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import InterfaceChoice

from common.errors import ConfigError, DeviceError
from common.settings import check
from handover.clock import LEAP_S, SteadyClock
from handover.config import HandoverConfig, QualityConfig, StaticServer, SuspicionConfig
from handover.discovery import static
from handover.discovery.zeroconf_browser import interfaces_of, server_of
from handover.quality import Overhead, Quality, Window
from handover.radio.proc_wireless import ProcWireless, parse
from handover.registry import Registry
from handover.suspicion import HedgeBudget, RoundTrip
from handover.values import Server, Source
from handover.waits import GrowingWait
from protos.messages import Load

A = Server("a", "10.0.0.1:1", ("person",))


def dead(_: str) -> bool:
    return False


def alive(_: str) -> bool:
    return True


# ---- registry ----


def test_a_server_seen_twice_is_one_server_and_no_news() -> None:
    registry = Registry()
    assert registry.seen(Source.ZEROCONF, A, dead).server == A
    assert registry.seen(Source.ZEROCONF, A, dead).server is None
    assert registry.seen(Source.STATIC, A, dead).server is None


def test_sources_complete_each_other_and_wipe_nothing_out() -> None:
    registry = Registry()
    registry.seen(Source.ZEROCONF, replace(A, zone="hall", colour_rgb=(1, 2, 3)), dead)
    merged = registry.seen(Source.STATIC, replace(A, tasks=(), capacity=4), dead).server
    assert merged == replace(A, zone="hall", colour_rgb=(1, 2, 3), capacity=4)


def test_a_server_is_an_orphan_only_when_no_source_knows_it() -> None:
    registry = Registry()
    registry.seen(Source.ZEROCONF, A, dead)
    registry.seen(Source.STATIC, A, dead)
    assert not registry.gone(Source.ZEROCONF, "a")
    assert registry.gone(Source.STATIC, "a")
    assert registry.is_orphan("a")
    registry.drop("a")
    assert "a" not in registry


def test_a_second_address_replaces_a_dead_server_and_never_a_living_one() -> None:
    elsewhere = replace(A, address="10.0.0.2:1")
    registry = Registry()
    registry.seen(Source.ZEROCONF, A, dead)
    kept = registry.seen(Source.ZEROCONF, elsewhere, alive)
    assert kept.server is None
    assert "two servers call themselves 'a'" in kept.warning
    assert registry.seen(Source.ZEROCONF, elsewhere, alive).warning == ""  # once is enough
    moved = registry.seen(Source.ZEROCONF, elsewhere, dead)
    assert moved.replaced
    assert moved.server == elsewhere


def test_an_address_without_a_name_joins_the_server_that_has_one() -> None:
    nameless = Server(A.address, A.address)
    for first, second in ((nameless, A), (A, nameless)):
        registry = Registry()
        registry.seen(Source.STATIC if first is nameless else Source.ZEROCONF, first, dead)
        registry.seen(Source.STATIC if second is nameless else Source.ZEROCONF, second, dead)
        assert registry.resolve(A.address) == "a"
        assert A.address not in registry
        assert not registry.gone(Source.ZEROCONF, "a")
        assert registry.gone(Source.STATIC, A.address)


def test_a_name_that_is_learnt_merges_with_the_server_known_elsewhere() -> None:
    registry = Registry()
    registry.seen(Source.ZEROCONF, A, dead)
    registry.seen(Source.STATIC, Server("localhost:1", "localhost:1"), dead)
    change = registry.learn("localhost:1", "a")
    assert change.server is None
    assert "taken as one server" in change.warning
    assert not registry.gone(Source.ZEROCONF, "a")


# ---- quality ----


def test_the_quantile_is_one_of_the_samples_of_the_last_seconds() -> None:
    window = Window(3.0)
    for step in range(100):
        window.add(step * 0.1, float(step))
    assert window.quantile(9.9, 0.9) == 96.0  # of the 31 newest, 69 to 99
    assert window.quantile(9.9, 0.0) == 69.0
    assert math.isnan(window.quantile(100.0, 0.5))


def test_an_idle_server_is_judged_by_probe_service_and_overhead() -> None:
    quality = Quality(QualityConfig())
    assert quality.cost_s(0.0, False, 0.0, 0.0) == math.inf
    quality.probe(0.0, 0.010, 0.020, Load())
    assert quality.cost_s(0.1, False, 0.005, 0.5) == pytest.approx(0.035)


def test_a_server_that_does_not_know_its_service_time_is_taken_to_be_as_slow_as_others() -> None:
    quality = Quality(QualityConfig())
    quality.probe(0.0, 0.010, 0.0, Load())
    assert quality.cost_s(0.1, False, 0.0, 0.030) == pytest.approx(0.040)


def test_the_active_server_is_judged_by_its_frames() -> None:
    quality = Quality(QualityConfig())
    quality.probe(0.0, 0.010, 0.020, Load())
    for step in range(10):
        quality.frame(step * 0.05, 0.060)
    assert quality.cost_s(0.5, True, 0.0, 0.0) == pytest.approx(0.060)
    assert quality.cost_s(0.5, False, 0.0, 0.0) == pytest.approx(0.030)


def test_lost_probes_and_a_full_house_cost_something() -> None:
    quality = Quality(QualityConfig(loss_weight_s=0.2, full_weight_s=0.05))
    quality.probe(0.0, 0.010, 0.010, Load(streams=5, capacity=4))
    assert quality.cost_s(0.0, False, 0.0, 0.0) == pytest.approx(0.020 + 0.05)
    quality.probe_lost(0.5, 0.5)
    assert quality.loss(0.5) == 0.5
    assert quality.cost_s(0.5, False, 0.0, 0.0) == pytest.approx(0.51 + 0.2 * 0.5 + 0.05)


def test_overhead_is_learnt_slowly_and_within_its_cap() -> None:
    overhead = Overhead(cap_s=0.04)
    overhead.learn(0.0, math.nan)
    assert overhead.value_s == 0.0
    overhead.learn(0.0, 0.010)
    overhead.learn(0.05, 1.0)
    assert 0.010 < overhead.value_s < 0.012
    overhead.learn(100.0, 1.0)
    assert overhead.value_s == pytest.approx(0.04)


# ---- suspicion, budget, waits ----


def test_the_timeout_follows_the_round_trips_between_floor_and_ceiling() -> None:
    trip = RoundTrip(SuspicionConfig(floor_s=0.1, ceiling_s=0.4))
    assert trip.timeout_s == 0.4  # nothing known: patient
    for _ in range(50):
        trip.add(0.030)
    assert trip.timeout_s == 0.1
    for step in range(50):
        trip.add(0.100 if step % 2 else 0.180)
    assert 0.2 < trip.timeout_s < 0.4
    assert trip.late_s < trip.timeout_s < trip.failover_s
    for _ in range(50):
        trip.add(2.0)
    assert trip.timeout_s == 0.4


@given(st.lists(st.floats(0.0, 10.0), max_size=60))
def test_the_steps_of_suspicion_stay_in_order(rtts: list[float]) -> None:
    trip = RoundTrip(SuspicionConfig())
    for rtt_s in rtts:
        trip.add(rtt_s)
        assert 0.05 <= trip.late_s <= trip.timeout_s <= 0.4
        assert trip.timeout_s <= trip.failover_s


@given(st.lists(st.booleans(), max_size=500), st.floats(0.0, 1.0))
def test_no_more_than_the_budget_is_spent(wants: list[bool], share: float) -> None:
    budget = HedgeBudget(share)
    spent = 0
    for frames, want in enumerate(wants, start=1):
        budget.earn()
        spent += want and budget.spend()
        assert spent <= share * frames + 1e-6


def test_penalties_double_up_to_a_cap_and_are_forgiven_with_time() -> None:
    wait = GrowingWait(first_s=2.0, cap_s=10.0, forgive_s=30.0)
    assert wait.is_over(0.0)
    assert [wait.fail(0.0) for _ in range(5)] == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert not wait.is_over(9.9)
    assert wait.failures(39.9) == 5  # the wait itself forgives nothing
    assert wait.failures(10.0 + 4 * 30.0) == 1
    assert wait.fail(1000.0) == 1002.0
    wait.reset()
    assert wait.is_over(1000.0)


# ---- clock ----


ANY_CLOCK_S = st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf])  # 30 years, either way


@given(st.lists(ANY_CLOCK_S, max_size=60))
def test_steady_time_never_goes_back_and_never_leaps(times: list[float]) -> None:
    clock = SteadyClock()
    last_s = -math.inf
    for time_s in times:
        now_s = clock.advance(time_s)
        assert now_s >= last_s
        if last_s > -math.inf:
            assert now_s - last_s <= LEAP_S + 1e-6
        last_s = now_s


def test_after_a_step_times_are_told_on_the_clock_as_it_runs_now() -> None:
    clock = SteadyClock()
    clock.advance(100.0)
    assert clock.advance(40.0) == 100.0
    assert clock.advance(41.5) == 101.5
    assert clock.outside(101.5) == 41.5


# ---- settings and announcements ----


@pytest.mark.parametrize("address", ["127.0.0.1:50060", "edge-a.lan:1", "[fe80::1]:50060"])
def test_static_addresses_are_host_and_port(address: str) -> None:
    assert static.server_of(StaticServer(address=address)).server_id == address


@pytest.mark.parametrize("address", ["127.0.0.1", "50060", "host:port", "", "a:b:1"])
def test_a_wrong_address_stops_the_start_and_is_named(address: str) -> None:
    with pytest.raises(ConfigError, match=r"servers\.0\.address"):
        check(HandoverConfig, {"servers": [{"address": address}]}, "robot.yaml")


def test_the_kind_of_policy_is_a_field_of_the_file() -> None:
    config = check(HandoverConfig, {"policy": {"kind": "a3", "offset_db": 3}}, "robot.yaml")
    assert config.policy.kind == "a3"
    with pytest.raises(ConfigError, match="offset_db"):
        check(HandoverConfig, {"policy": {"kind": "latency", "offset_db": 3}}, "robot.yaml")


def test_an_announcement_becomes_a_server() -> None:
    properties = {
        "id": "a",
        "tasks": "person,face",
        "colour": "#ff8000",
        "capacity": "4",
        "zone": "hall",
        "tls": "ab:cd",
    }
    server = server_of("name._tagalong._tcp.local.", 50060, ["10.0.0.1"], properties)
    assert server == Server(
        "a",
        "10.0.0.1:50060",
        ("person", "face"),
        colour_rgb=(255, 128, 0),
        zone="hall",
        capacity=4,
        tls_fingerprint="ab:cd",
    )


def test_wrong_values_in_an_announcement_are_left_out() -> None:
    server = server_of(
        "shed._tagalong._tcp.local.", 1, ["fe80::1"], {"colour": "red", "capacity": "lots", "tasks": None}
    )
    assert server == Server("shed", "[fe80::1]:1")
    assert server_of("shed._tagalong._tcp.local.", 0, ["10.0.0.1"], {}) is None
    assert server_of("shed._tagalong._tcp.local.", 1, [], {}) is None


def test_interfaces_come_from_the_settings_then_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGALONG_INTERFACES", "127.0.0.1, 10.0.0.5")
    assert interfaces_of(["192.168.0.2"]) == ["192.168.0.2"]
    assert interfaces_of([]) == ["127.0.0.1", "10.0.0.5"]
    monkeypatch.delenv("TAGALONG_INTERFACES")
    assert interfaces_of([]) is InterfaceChoice.All


# ---- radio ----

WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   56.  -54.  -256        0      0      0      0     10        0
wlan1: 0000   35.  200.  -256        0      0      0      0     10        0
 broken: 0000   x.   y.
 short: 0000
"""


def test_levels_are_read_from_the_kernels_table() -> None:
    readings = parse(WIRELESS)
    assert list(readings) == ["wlan0", "wlan1"]
    assert [reading.level_dbm for reading in readings.values()] == [-54.0, -56.0]
    assert [reading.quality for reading in readings.values()] == pytest.approx([80.0, 50.0])
    assert parse("") == {}


def test_no_wireless_table_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no wireless interface"):
        ProcWireless(tmp_path / "wireless").read()
