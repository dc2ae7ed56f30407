"""Run by test_usual_addresses.py in a network namespace: 192.168.2.1 and 192.168.42.2 are addresses of this machine."""

import pytest

from tests.dji_sdk.emulated import stage, until


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize(("connection", "ip"), [("ap", "192.168.2.1"), ("rndis", "192.168.42.2")])
async def test_a_robot_answers_at_its_usual_address(script, connection: str, ip: str, protocol: str) -> None:
    async with stage(ip) as seen, script("forward.py", connection=connection, protocol=protocol) as sdk:
        said = await sdk.reports("moved")
        assert said == {"report": "moved", "done": True, "ip": ip, "sn": "3JKDH2T0060000"}
        assert seen.place() == pytest.approx((0.2, 0, 0), abs=0.03)
        await sdk.go()
        await sdk.ends()
        await until(lambda: seen.rover.owner is None)


async def test_a_robot_in_somebodys_network_is_found_without_anything_known(script) -> None:
    async with stage("127.0.60.1") as seen, script("forward.py", connection="sta") as sdk:
        said = await sdk.reports("moved")
        assert said["ip"] == "127.0.60.1"
        assert seen.place() == pytest.approx((0.2, 0, 0), abs=0.03)
        await sdk.go()
        await sdk.ends()


async def test_of_two_robots_each_is_found_by_its_serial_number(script) -> None:
    one, two = "127.0.60.1", "127.0.60.2"
    serials = ["3JKDH2T00100AA", "3JKDH2T00100BB"]
    each = [{"sn": serials[1]}, {"sn": serials[0]}]
    async with stage(one, two, serials=serials) as seen, script("pair.py", each=each) as sdk:
        said = await sdk.reports("moved")
        assert said["sns"] == serials[::-1]
        assert seen.place(1) == pytest.approx((0.4, 1, 0), abs=0.03)
        assert seen.place(0) == pytest.approx((-0.3, 0, 0), abs=0.03)
        await sdk.go()
        await sdk.ends()
