"""The file server of the emulated robot: a sound is stored by FTP before it is played by its number.

DJI's programs never log in. They read the greeting, say TYPE I, PASV and STOR, and that must do, so whoever connects
is taken as logged in. Nothing touches the disk: a sound goes to the rover's memory, anything else is refused.
"""

import asyncio
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import aioftp

from common.errors import LinkError
from protos.robomaster.ids import FTP_PORT

AUDIO_FOLDER = PurePosixPath("/python")
AUDIO_NAME = re.compile(r"sdk_audio_(\d)\.wav")
AUDIO_MAX_BYTES = 16 * 2**20  # nearly three minutes of 48 kHz, 16 bit, one channel
CONNECTIONS_MAX = 8  # each DJI program holds one, silently, for as long as it runs
COMMANDS = ("abor", "cwd", "epsv", "pass", "pasv", "pwd", "quit", "stor", "syst", "type", "user")
GONE = "gone"  # our word for a line that never came

StoreAudio = Callable[[int, bytes], None]


class FtpService:
    """Takes sounds on port 21 and hands each to `store_audio(number, content)`."""

    def __init__(self, store_audio: StoreAudio, ip: str, port: int = FTP_PORT) -> None:
        self._store_audio = store_audio
        self._ip = ip
        self.port = port  # 0: any free one, which is here once `ready`
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled. Raises LinkError when the port is taken, or is one for root only."""
        server = _OpenServer(
            [aioftp.User(base_path="/")],
            path_io_factory=partial(_AudioShelf, self._store_audio),
            maximum_connections=CONNECTIONS_MAX,
            welcome_message="ready",
        )
        try:
            await server.start(self._ip, self.port)
        except OSError as error:
            raise LinkError(
                f"file server: cannot use {self._ip}:{self.port} ({error.strerror or error}). End what holds the port, "
                "give the emulated robot another address, or allow low ports to all: "
                "sudo sysctl net.ipv4.ip_unprivileged_port_start=21"
            ) from error
        self.port = server.server_port
        self.ready.set()
        try:
            await server.serve_forever()
        finally:
            self.ready.clear()
            await server.close()


class _OpenServer(aioftp.Server):
    """aioftp's server without its login, and without the commands that nobody needs here."""

    def __init__(self, users: list[aioftp.User], **settings: Any) -> None:
        super().__init__(users, **settings)
        known: dict[str, Any] = vars(self)["commands_mapping"]
        known[GONE] = self._gone
        for name in known.keys() - {*COMMANDS, GONE}:
            del known[name]

    async def greeting(self, connection: aioftp.Connection, rest: str | PurePosixPath) -> bool:
        """The greeting stands for USER and PASS as well."""
        _, user, _ = await self.user_manager.get_user("anonymous")
        connection.user = user
        connection.logged = True
        connection.current_directory = AUDIO_FOLDER
        return await super().greeting(connection, rest)

    async def parse_command(self, *args: Any, **kwargs: Any) -> tuple[str, str]:
        try:
            return await super().parse_command(*args, **kwargs)
        except (ConnectionError, ValueError):  # hung up without QUIT, as DJI's package does; or sent no text
            return GONE, ""

    async def stor(self, connection: aioftp.Connection, rest: str | PurePosixPath, mode: str = "wb") -> bool:
        path = connection.current_directory / rest  # refused here: aioftp leaks the data connection if `_open` refuses
        if path.parent != AUDIO_FOLDER or not AUDIO_NAME.fullmatch(path.name):
            connection.response("553", f"only {AUDIO_FOLDER}/sdk_audio_0.wav to sdk_audio_9.wav can be stored")
            return True
        return bool(await super().stor(connection, rest, mode))

    async def _gone(self, connection: aioftp.Connection, rest: str | PurePosixPath) -> bool:
        return False


class _AudioShelf(aioftp.MemoryPathIO):
    """One folder, into which only sounds can be put."""

    def __init__(self, store_audio: StoreAudio, **state: Any) -> None:
        super().__init__(**state)
        self._store_audio = store_audio

    async def is_dir(self, path: PurePosixPath) -> bool:
        return path == AUDIO_FOLDER

    async def _open(self, path: PurePosixPath, mode: Any = "rb") -> io.BytesIO:
        named = AUDIO_NAME.fullmatch(path.name)
        assert named is not None
        return _Sound(int(named[1]))

    async def write(self, file: io.BytesIO, data: Any) -> int:
        if file.tell() + len(data) > AUDIO_MAX_BYTES:
            file.truncate(0)
            file.seek(0)
            raise aioftp.PathIOError
        return file.write(data)

    async def close(self, file: io.BytesIO) -> None:
        if isinstance(file, _Sound) and file.tell():
            self._store_audio(file.number, file.getvalue())


class _Sound(io.BytesIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
