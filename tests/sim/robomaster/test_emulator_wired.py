"""Whole runs in real time whose agent drives its rover over the network."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import DeviceError
from sim import gl
from sim.plan import make_plan
from sim.realtime import RealTime
from sim.wire_kinds import Driver
from tests.closed_loop.runs import changed

WALK = [{"at": [2.5, 0.0], "speed_mps": 0.5, "pause_s": 1.0}, {"at": [11.0, 0.0]}]
PERSON = {"id": "ada", "is_target": True, "path": WALK}


@pytest.mark.parametrize("driver", [Driver.TEXT, Driver.BINARY])
async def test_the_agent_follows_over_the_wire(driver: Driver, tmp_path: Path) -> None:
    with contextlib.suppress(DeviceError):
        gl.require()
    if gl.missing():
        pytest.skip(str(gl.missing()))
    scenario = changed("outage", length_s=6.0, people=[PERSON], faults=[])
    run = RealTime(make_plan(scenario, oracle=True, driver=driver), tmp_path)
    start = run.world.pose()
    report = (await run.run()).report(scenario.name, 1, lockstep=False)
    assert "follow" in [entry["state"] for entry in report["states"]]
    assert run.world.pose().x_m - start.x_m > 0.5
    assert report["safety"]["max_moving_age_ms"] <= 300
    assert report["safety"]["collisions"] == 0


CUT = """
import subprocess, sys
from sim.robomaster.carrier import Carrier
def ip(words): subprocess.run(["ip", *words.split()], check=True)
ip("link add wire type veth peer name other")
ip("address add 192.168.2.1/24 dev wire")
ip("link set wire up"); ip("link set other up")
carrier = Carrier("192.168.2.1")
assert carrier.interface == b"wire"
assert carrier.is_up()
ip("link set other down")
assert not carrier.is_up()
ip("link set other up")
assert carrier.is_up()
ip("link delete wire")
assert not carrier.is_up()
print("seen")
"""


def test_a_network_without_a_carrier_is_noticed() -> None:
    unshare = ["unshare", "-rn", sys.executable, "-c", CUT]
    try:
        done = subprocess.run(unshare, capture_output=True, text=True, timeout=30, env=os.environ, check=False)
    except FileNotFoundError:
        pytest.skip("unshare (util-linux) is not installed")
    if "Operation not permitted" in done.stderr or "No such file or directory: 'ip'" in done.stderr:
        pytest.skip(f"no network namespaces here: {done.stderr.splitlines()[-1]}")
    assert done.stdout == "seen\n", done.stderr
