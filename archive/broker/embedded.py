"""`python -m archive.broker.embedded PORT [LOGINS]`: a broker in Python on loopback, for where Mosquitto is missing.

What amqtt does not do, a client has to live with: MQTT 5 is refused, nothing is on disk, a message that a client does
not acknowledge within 5 s or before it hangs up is dropped, and a message of any size is taken.
"""

import asyncio
import hmac
import json
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class Login(BaseAuthPlugin):
    """Lets those in who know a password; everybody, when there is none.

    Not amqtt's own plugin for anonymous clients: what comes in while one of them is away, that one drops.
    """

    @dataclass
    class Config:
        logins: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool:
        logins: dict[str, str] = self.config.logins
        if not logins:
            return True
        expected = logins.get(session.username or "")
        return expected is not None and hmac.compare_digest(expected.encode(), (session.password or "").encode())


class PlainBroker(Broker):
    """Two faults of amqtt 0.12 mended, each in the method that has it."""

    async def _client_message_loop(self, client_session: Session, handler: BrokerProtocolHandler) -> None:
        """A client that is back before its old connection was taken down counts as connected all the same."""
        self._mark_connected(client_session)
        await super()._client_message_loop(client_session, handler)

    async def _handle_disconnect(
        self, client_session: Session, handler: BrokerProtocolHandler, disconnect_waiter: asyncio.Future[Any]
    ) -> None:
        await super()._handle_disconnect(client_session, handler, disconnect_waiter)
        session, newer = self._sessions.get(client_session.client_id, (None, None))
        if session is client_session and newer is not handler:
            self._mark_connected(client_session)

    async def _publish_session_retained_messages(self, session: Session) -> None:
        """What waited for a client that is back, as messages like others.

        amqtt marks them as retained, which they are not, and reads nothing from the client until it has acknowledged.
        """
        handler = self._get_handler(session)
        while handler is not None and not session.retained_messages.empty():
            waited = session.retained_messages.get_nowait()
            sending = handler.mqtt_publish(waited.topic, waited.data, waited.qos, retain=False)
            self._tasks_queue.append(asyncio.ensure_future(sending))

    def _mark_connected(self, session: Session) -> None:
        if not session.transitions.is_connected():
            session.transitions.connect()


async def serve(port: int, logins: dict[str, str]) -> None:
    """Until cancelled."""
    broker = PlainBroker(
        BrokerConfig(
            listeners={"default": ListenerConfig(bind=f"127.0.0.1:{port}")},
            plugins={"archive.broker.embedded.Login": {"logins": logins}},
        )
    )
    try:
        await broker.start()
    except BrokerError as error:
        raise SystemExit(str(error)) from error
    print("embedded broker is ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)  # it logs clients that hang up as errors with tracebacks
    logins = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")) if len(sys.argv) > 2 else {}
    asyncio.run(serve(int(sys.argv[1]), logins))


if __name__ == "__main__":
    main()
