"""Health, reflection, metrics, TLS, announcing: what is around the services."""

import asyncio
import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from zeroconf import DNSQuestionType, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from common.errors import ConfigError
from common.tls import TlsConfig, open_channel
from edge_server.announce import SERVICE_TYPE
from edge_server.server import EdgeServer, write_ready_file
from protos.tagalong.v1 import offload_pb2 as pb
from protos.tagalong.v1 import offload_pb2_grpc
from tests.edge_server.support import (
    TWO_BOXES,
    Blobs,
    Track,
    address_of,
    channel_to,
    config_of,
    serving,
    track_to,
    until,
)

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
ON_LOOPBACK = {"enabled": True, "interfaces": ["127.0.0.1"]}


async def health(channel: grpc.aio.Channel, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


@contextlib.asynccontextmanager
async def connected(server: EdgeServer) -> AsyncIterator[tuple[grpc.aio.Channel, Track]]:
    async with channel_to(address_of(server)) as channel, track_to(server) as track:
        yield channel, track


async def is_health(channel: grpc.aio.Channel, service: str, state: int) -> bool:
    return await health(channel, service) == state


async def test_health_is_told_for_each_service_and_follows_a_hung_engine() -> None:
    person, face = Blobs("person"), Blobs("face")
    config = config_of(limits={"hung_s": 0.1})
    async with serving(config, person, face) as server, connected(server) as (channel, track):
        names = ("", "tagalong.v1.Offload", "ObjectDetection", "FaceDetection", "YoloDetection")
        assert [await health(channel, name) for name in names] == [SERVING] * 5
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health(channel, "Nonsense")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        face.gate.clear()
        await track.open("face")
        await track.send(1, TWO_BOXES)
        assert (await track.result()).outcome == pb.OUTCOME_REJECTED
        await until(lambda: is_health(channel, "FaceDetection", NOT_SERVING))
        assert await health(channel, "YoloDetection") == SERVING
        assert await health(channel, "") == SERVING
        face.gate.set()
        await until(lambda: is_health(channel, "FaceDetection", SERVING))


async def test_health_says_not_serving_while_stopping() -> None:
    async with serving(config_of(), Blobs()) as server, connected(server) as (channel, track):
        await track.open("person")  # keeps the server waiting
        server.stop()
        assert (await track.reply()).WhichOneof("kind") == "go_away"
        assert await health(channel, "tagalong.v1.Offload") == NOT_SERVING
        assert await health(channel, "") == NOT_SERVING


async def test_reflection_lists_the_services_and_describes_them() -> None:
    async with serving(config_of(), Blobs("person"), Blobs("face")) as server, connected(server) as (channel, _):
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = {service.name for service in (await call.read()).list_services_response.service}
        assert listed >= {"tagalong.v1.Offload", "ObjectDetection", "FaceDetection", "YoloDetection"}
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol="tagalong.v1.Offload"))
        (raw,) = (await call.read()).file_descriptor_response.file_descriptor_proto
        assert "Track" in {method.name for method in FileDescriptorProto.FromString(raw).service[0].method}
        await call.done_writing()


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_metrics_count_frames_and_healthz_tells_what_is_wrong() -> None:
    port = free_port()
    engine = Blobs()
    config = config_of(metrics_port=port, limits={"hung_s": 1.0})
    async with serving(config, engine) as server, track_to(server) as track:
        await track.open("person")
        await track.send(1, TWO_BOXES)
        await track.result()
        await track.send(2, b"text")
        await track.result()
        status, text = await asyncio.to_thread(fetch, port, "/metrics")
        assert status == 200
        assert 'tagalong_edge_frames_total{outcome="result"} 1.0' in text
        assert 'tagalong_edge_frames_total{outcome="invalid"} 1.0' in text
        assert "tagalong_edge_inference_seconds_count 1.0" in text
        assert "tagalong_edge_open_streams 1.0" in text
        assert await asyncio.to_thread(fetch, port, "/healthz") == (200, "ok\n")
        engine.gate.clear()
        await track.send(3, TWO_BOXES)
        await track.result()
        assert await asyncio.to_thread(fetch, port, "/healthz") == (503, "hung: person\n")
        engine.gate.set()


async def test_a_port_in_use_is_told_with_the_flag_that_helps() -> None:
    async with serving(config_of(), Blobs("face")) as server:
        for config, flag in (
            (config_of(port=server.ports.port), "--port"),
            (config_of(liquidedge={"object_port": server.ports.object_port, "face_port": 0}), "--object-port"),
        ):
            with pytest.raises(ConfigError, match=flag):
                async with serving(config, Blobs("face")):
                    pass


async def test_the_ready_file_has_the_ports(tmp_path: Path) -> None:
    async with serving(config_of(), Blobs("face")) as server:
        write_ready_file(tmp_path / "ready.json", server)
        content = json.loads((tmp_path / "ready.json").read_text())
        assert content["id"] == "edge-under-test"
        assert content["port"] == server.ports.port
        assert content["face_port"] == server.ports.face_port
        assert "yolo_port" not in content
        with pytest.raises(ConfigError, match="--ready-file"):
            write_ready_file(tmp_path / "missing" / "ready.json", server)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-made certificate for "edge" and its key."""
    files = tmp_path / "edge.crt", tmp_path / "edge.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=edge", "-addext", "subjectAltName=DNS:edge", "-out", str(files[0])]
    try:
        subprocess.run([*command, "-keyout", str(files[1])], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl cannot make a certificate here: {error}")
    return files


async def test_tls_and_mutual_tls_hold_on_every_port(certificate: tuple[Path, Path]) -> None:
    file, key = certificate
    tls = {"certificate": file, "key": key, "authority": file}
    config = config_of(tls=tls)
    with_key = TlsConfig(certificate=file, key=key, authority=file, server_name="edge")
    without = TlsConfig(authority=file, server_name="edge")
    async with serving(config, Blobs("face")) as server:
        for port in (server.ports.port, server.ports.face_port):
            address = f"127.0.0.1:{port}"
            async with open_channel(address, with_key) as channel:
                about = await offload_pb2_grpc.OffloadStub(channel).Describe(pb.DescribeRequest())
                assert about.server_id == "edge-under-test"
            for other in (without, TlsConfig()):
                async with open_channel(address, other, (("grpc.use_local_subchannel_pool", 1),)) as channel:
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await offload_pb2_grpc.OffloadStub(channel).Describe(pb.DescribeRequest(), timeout=5)
                    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def look_up(zeroconf: AsyncZeroconf, name: str) -> AsyncServiceInfo | None:
    """Asks by multicast: an answer by unicast may reach another process on this machine's port 5353."""
    for _ in range(5):  # a responder repeats nothing it said within the last second
        info = AsyncServiceInfo(SERVICE_TYPE, f"{name}.{SERVICE_TYPE}")
        if await info.async_request(zeroconf.zeroconf, 2000, question_type=DNSQuestionType.QM):
            return info
    return None


def loopback() -> AsyncZeroconf:
    return AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)


async def test_the_announcement_says_everything_a_robot_needs_but_the_load(certificate: tuple[Path, Path]) -> None:
    file, key = certificate
    config = config_of(
        id="announced-1", announce=ON_LOOPBACK, zone="hall", colour="#0a0b0c", tls={"certificate": file, "key": key}
    )
    zeroconf = loopback()
    try:
        async with serving(config, Blobs("person"), Blobs("face")) as server:
            info = await look_up(zeroconf, "announced-1")
            assert info is not None
            assert info.parsed_addresses() == ["127.0.0.1"]
            assert info.port == server.ports.port
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read_text())).hexdigest()
            assert info.decoded_properties == {
                "id": "announced-1",
                "version": server.version,
                "tasks": "person,face",
                "colour": "#0a0b0c",
                "capacity": "8",
                "zone": "hall",
                "group": "",
                "tls": digest,
            }
    finally:
        await zeroconf.async_close()


async def test_another_address_can_be_announced() -> None:
    config = config_of(id="announced-2", announce={**ON_LOOPBACK, "address": "127.0.0.9:4242", "group": "lab"})
    zeroconf = loopback()
    try:
        async with serving(config, Blobs()):
            info = await look_up(zeroconf, "announced-2@lab")
            assert info is not None
            assert (info.parsed_addresses(), info.port) == (["127.0.0.9"], 4242)
    finally:
        await zeroconf.async_close()


async def test_a_second_server_with_the_same_id_does_not_start() -> None:
    config = config_of(id="twin", announce=ON_LOOPBACK)
    async with serving(config, Blobs()):
        await asyncio.sleep(2)  # a responder repeats nothing it said within the last second (RFC 6762, 6)
        with pytest.raises(ConfigError, match=r"'twin'.*--id"):
            async with serving(config, Blobs()):
                pass


async def test_engines_are_closed_at_the_end() -> None:
    engine = Blobs()
    async with serving(config_of(), engine):
        pass
    await until(lambda: engine.closed)
