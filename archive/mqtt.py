"""One connection to a broker: aiomqtt, and what it leaves out.

aiomqtt acknowledges a message as soon as it has come, and takes a publish that the broker refused for one that it took.
Neither will do where nothing may be lost, so this class reaches below it, in this file only.
"""

import asyncio
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt import client as paho
from paho.mqtt.properties import Properties

from archive.broker_config import BrokerConfig
from archive.mqtt_parts import OVERHEAD_BYTES, connect_properties, password_of, publish_properties, tls_context
from common.errors import LinkError

LOGIN_REFUSED = (4, 5, 134, 135)  # MQTT 3.1.1: bad user or password, not authorised; MQTT 5: the same
FINAL = (144, 149, 153)  # MQTT 5: topic name invalid, packet too large, payload format invalid
NOBODY = 16  # MQTT 5: no matching subscribers
GOODBYE_S = 2.0


class BrokerError(LinkError):
    """The broker cannot be reached, went away, or says no; it may be otherwise later."""


class RefusedError(LinkError):
    """The broker does not take this message. `is_final`: nor will it ever."""

    def __init__(self, topic: str, reason: str, is_final: bool) -> None:
        super().__init__(f"the broker refuses a message to {topic}: {reason}")
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, as it came."""

    topic: str
    payload: bytes = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)  # MQTT 5 user properties; the first of each name
    reply_to: str = ""  # MQTT 5 response topic
    reply_id: bytes = b""  # MQTT 5 correlation data
    mid: int = 0
    qos: int = 0


class Mqtt(aiomqtt.Client):
    """Use as `async with`. Messages that come are in `mail`, and acknowledged by `acknowledge` only."""

    def __init__(
        self,
        config: BrokerConfig,
        client_id: str,
        setting: str = "broker",
        is_persistent: bool = False,
        receive_maximum: int = 100,
        max_payload: int = 0,
        max_waiting: int = 0,
    ) -> None:
        """`is_persistent`: the broker keeps subscriptions and messages while this client is away, for a week.

        `receive_maximum`: messages of QoS 1 or 2 that the broker may send ahead of `acknowledge` (MQTT 5).
        `max_payload`: with MQTT 5 the broker does not send larger ones; 0: no limit. `max_waiting`: of QoS 0 messages
        that nobody took; more are dropped and counted in `overflowed`. `setting` is for messages to people. Raises
        ConfigError for files that cannot be read.
        """
        five = config.protocol == "5"
        super().__init__(
            config.host,
            config.port,
            username=config.username,
            password=password_of(config, setting),
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else not is_persistent,
            clean_start=not is_persistent if five else paho.MQTT_CLEAN_START_FIRST_ONLY,
            keepalive=config.keepalive_s,
            properties=connect_properties(is_persistent, receive_maximum, max_payload) if five else None,
            tls_context=tls_context(config, setting) if config.is_tls else None,
            timeout=10,
            max_inflight_messages=65_535,  # how many are under way is for the caller to bound
        )
        self._config, self._setting = config, setting
        self._client.manual_ack_set(True)
        self._max_waiting = max_waiting
        self._sent: dict[int, asyncio.Future[Any]] = {}
        # Bounded: QoS 1 by what the broker sends ahead (`receive_maximum`), QoS 0 by `max_waiting`.
        self.mail: asyncio.Queue[Mail] = asyncio.Queue()
        self.overflowed = 0
        self._max_packet = 0  # of the broker; paho does not look at it, and would be thrown out again and again

    async def __aenter__(self) -> "Mqtt":
        """Raises BrokerError, with what to do about it."""
        try:
            return await super().__aenter__()
        except BaseException as error:
            self._hang_up()
            if isinstance(error, MqttConnectError):
                raise BrokerError(self._why_not(error)) from error
            if isinstance(error, aiomqtt.MqttError | ssl.SSLError):
                raise BrokerError(
                    f"{self._setting}.url: nobody to talk to at {self._config.url} ({error}). {self._advice(error)}"
                ) from error
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Says goodbye to who listens. Whoever does not is left, and hides no error that came before."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                await super().__aexit__(kind, error, trace)
        except (aiomqtt.MqttError, TimeoutError):
            pass
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        """paho keeps the socket, and aiomqtt a task for it, when a broker does not answer."""
        self._client._sock_close()
        for each in (self._connected, self._disconnected):
            if each.done() and not each.cancelled():
                each.exception()  # read; asyncio complains of errors that nobody has read

    def _advice(self, error: Exception) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"Check {self._setting}.tls.authority, and that the broker's certificate is for {self._config.host}"
        if self._config.is_tls:
            return (
                "Does a broker speak TLS there? If it asks its clients for a certificate, "
                f"give {self._setting}.tls.certificate and {self._setting}.tls.key"
            )
        return "Is a broker running there?"

    def _why_not(self, error: MqttConnectError) -> str:
        code = getattr(error.rc, "value", error.rc)
        if code in LOGIN_REFUSED:
            who = f"user {self._config.username!r}" if self._config.username else "a client without a user name"
            return (
                f"{self._config.url} refuses the login of {who} ({error}). "
                f"Check {self._setting}.username and {self._setting}.password"
            )
        if code in (1, 132):
            return f"{self._config.url} does not speak this MQTT ({error}). Set {self._setting}.protocol to '3.1.1'"
        return f"{self._config.url} refuses the connection: {error}"

    async def subscribe_to(self, filter: str, qos: int) -> None:
        """Raises BrokerError when the broker does not allow it."""
        try:
            granted = await self.subscribe(filter, qos=qos)
        except aiomqtt.MqttError as error:
            raise BrokerError(f"{self._config.url}: {error}") from error
        for each in granted:
            if (each if isinstance(each, int) else each.value) >= 128:
                raise BrokerError(
                    f"{self._config.url} does not let {self._config.username or 'this client'} subscribe to {filter} "
                    f"({each}). Check the broker's access list and {self._setting}.username"
                )

    async def send(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        fields: Mapping[str, str] | None = None,
        content_type: str = "",
        reply_to: str = "",
        reply_id: bytes = b"",
    ) -> bool:
        """Until the broker has it (QoS 1, 2) or it is on its way (QoS 0). Fields need MQTT 5 and stay behind without.

        False when the broker says that nobody subscribes there, so that it has thrown the message away (MQTT 5).
        Raises RefusedError, or BrokerError when the connection breaks first.
        """
        if self._max_packet and len(payload) + OVERHEAD_BYTES > self._max_packet:
            size = f"{len(payload)} bytes, and it takes packets of {self._max_packet} bytes at most"
            raise RefusedError(topic, size, is_final=True)
        properties = (
            publish_properties(fields or {}, content_type, reply_to, reply_id) if self._config.protocol == "5" else None
        )
        try:
            info = self._client.publish(topic, payload, qos, False, properties)
        except (ValueError, struct.error) as error:  # a topic, field or payload that MQTT cannot hold
            raise RefusedError(topic, str(error), is_final=True) from error
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise BrokerError(f"{self._config.url}: {paho.error_string(info.rc)}")
        if qos == 0:
            return True
        answer = self._sent[info.mid] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((answer, self._disconnected), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise BrokerError(f"{self._config.url}: the connection broke before the broker had a message")
            code = answer.result()
        finally:
            self._sent.pop(info.mid, None)
        if code.is_failure:
            raise RefusedError(topic, str(code), is_final=code.value in FINAL)
        return bool(code.value != NOBODY)

    @property
    def backlog(self) -> int:
        """Packets that wait for the socket."""
        return len(self._client._out_packet)

    def acknowledge(self, mail: Mail) -> None:
        """It is safe here. In the order in which messages came."""
        self._client.ack(mail.mid, mail.qos)

    async def next_mail(self, at_most: int) -> list[Mail]:
        """What has come, at least one message. Raises BrokerError when the connection is gone."""
        if self.mail.empty():
            waiting = asyncio.ensure_future(self.mail.get())
            try:
                await asyncio.wait((waiting, self._disconnected), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not waiting.done():
                    waiting.cancel()
            if not waiting.done():
                self.check()
                raise BrokerError(f"{self._config.url} has closed the connection")
            first = [waiting.result()]
        else:
            first = []
        while len(first) < at_most and not self.mail.empty():
            first.append(self.mail.get_nowait())
        return first

    def check(self) -> None:
        """Raises BrokerError when the connection is gone."""
        if self._disconnected.done():
            error = self._disconnected.exception()
            raise BrokerError(f"{self._config.url} is gone ({error or 'closed'})") from error

    async def gone(self) -> None:
        """Waits for the end of the connection and raises BrokerError."""
        await asyncio.wait((self._disconnected,))
        self.check()

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        if message.retain:  # what somebody left behind long ago is no news
            client.ack(message.mid, message.qos)
            return
        if self._max_waiting and message.qos == 0 and self.mail.qsize() >= self._max_waiting:
            self.overflowed += 1
            return
        properties = getattr(message, "properties", None)
        pairs = getattr(properties, "UserProperty", ())
        self.mail.put_nowait(
            Mail(
                message.topic,
                bytes(message.payload),
                dict(reversed(pairs)),
                getattr(properties, "ResponseTopic", ""),
                getattr(properties, "CorrelationData", b""),
                message.mid,
                message.qos,
            )
        )

    def _on_connect(
        self, client: paho.Client, userdata: Any, flags: Any, reason_code: Any, properties: Properties | None = None
    ) -> None:
        self._max_packet = getattr(properties, "MaximumPacketSize", 0)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: paho.Client, userdata: Any, flags: Any, reason_code: Any, properties: Properties | None = None
    ) -> None:
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if not self._connected.done():  # aiomqtt would wait for an answer until its time-out
            self._connected.set_exception(aiomqtt.MqttError("it hung up before it had answered"))

    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        answer = self._sent.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reason_code)
