# mypy: ignore-errors
"""For the scripts under DJI's package: connect as the first argument says, report as a line of JSON, wait to go on."""

import contextlib
import json
import os
import sys
import threading

from robomaster import config, robot

HOW = json.loads(sys.argv[1])


def connect(**how):
    how = dict(HOW, **how)
    config.ROBOT_IP_STR = how.get("robot_ip")
    if "wifi_ip" in how:
        config.ROBOT_DEFAULT_WIFI_ADDR = (how["wifi_ip"], config.ROBOT_DEVICE_PORT)
    if "rndis_ip" in how:
        config.ROBOT_DEFAULT_RNDIS_ADDR = (how["rndis_ip"], config.ROBOT_DEVICE_PORT)
    rover = robot.Robot()
    # The package compares this word by identity.
    connection = sys.intern(how.get("connection", "sta"))
    if not rover.initialize(connection, how.get("protocol", "udp"), how.get("sn")):
        report("refused")
        os._exit(3)
    return rover


def report(what, **values):
    print(json.dumps(dict(values, report=what)), flush=True)
    sys.stdin.readline()


class Latest:
    """The last value that a subscription brought."""

    def __init__(self):
        self.value = None
        self.count = 0
        self._came = threading.Event()

    def __call__(self, value, *_):
        self.value = value
        self.count += 1
        self._came.set()

    def wait(self, timeout_s=5.0):
        if not self._came.wait(timeout_s):
            raise RuntimeError("a subscription brings nothing")
        return self.value

    def next(self, timeout_s=5.0):
        """One that is measured from now on: the first to come may be on its way already.

        Also to be waited for before unsubscribing, which fails in the package where only one value has come.
        """
        for _ in range(2):
            self._came.clear()
            self.wait(timeout_s)
        return self.value


@contextlib.contextmanager
def robot_at(**how):
    rover = connect(**how)
    try:
        yield rover
    finally:
        rover.close()
