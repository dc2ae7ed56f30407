"""The file server as DJI's programs use it: no login, one upload."""

import asyncio
import ftplib
import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from common.errors import LinkError
from sim.robomaster.ftp import AUDIO_MAX_BYTES, FtpService

IP = "127.0.20.1"
SOUND = b"RIFF" + bytes(range(256)) * 700


class Shelf:
    """The service, and what it was given."""

    def __init__(self) -> None:
        self.sounds: dict[int, bytes] = {}
        self.service = FtpService(self.store, IP, port=0)

    def store(self, number: int, content: bytes) -> None:
        self.sounds[number] = content

    def login_less(self) -> ftplib.FTP:
        ftp = ftplib.FTP()
        self.greeting = ftp.connect(IP, self.service.port, timeout=5)
        return ftp


@pytest_asyncio.fixture
async def shelf() -> AsyncIterator[Shelf]:
    shelf = Shelf()
    running = asyncio.create_task(shelf.service.run())
    await asyncio.wait_for(shelf.service.ready.wait(), 5)
    yield shelf
    running.cancel()
    await asyncio.wait([running])


async def test_a_port_that_is_taken_is_said_with_what_to_do(shelf: Shelf) -> None:
    with pytest.raises(LinkError, match="another address"):
        await FtpService(shelf.store, IP, shelf.service.port).run()


def upload(ftp: ftplib.FTP, name: str, content: bytes = SOUND) -> str:
    return ftp.storbinary(f"STOR {name}", io.BytesIO(content), 1024)


def error_of(ftp: ftplib.FTP, name: str, content: bytes = SOUND) -> str:
    try:
        return upload(ftp, name, content)
    except (ftplib.Error, OSError) as error:
        return str(error)


async def test_a_sound_is_stored_without_a_login_and_the_next_one_over_the_same_connection(shelf: Shelf) -> None:
    def program() -> list[str]:
        with shelf.login_less() as ftp:
            return [upload(ftp, "/python/sdk_audio_3.wav"), upload(ftp, "/python/sdk_audio_4.wav", b"short")]

    replies = await asyncio.to_thread(program)
    assert shelf.greeting.startswith("220")
    assert [reply[:3] for reply in replies] == ["226", "226"]
    assert shelf.sounds == {3: SOUND, 4: b"short"}


async def test_a_program_that_does_log_in_is_welcome_too(shelf: Shelf) -> None:
    def program() -> str:
        with shelf.login_less() as ftp:
            ftp.login()
            return upload(ftp, "/python/sdk_audio_0.wav")

    assert (await asyncio.to_thread(program)).startswith("226")
    assert shelf.sounds == {0: SOUND}


async def test_other_names_other_commands_and_too_much_are_refused_and_nothing_is_kept(shelf: Shelf) -> None:
    def program() -> list[str]:
        with shelf.login_less() as ftp:
            errors = [
                error_of(ftp, name) for name in ("/python/other.wav", "/etc/sdk_audio_1.wav", "../sdk_audio_1.wav")
            ]
            errors.append(error_of(ftp, "/python/sdk_audio_1.wav", bytes(AUDIO_MAX_BYTES + 1)))
        with shelf.login_less() as ftp:
            for command in (
                "MKD /python/x",
                "DELE /python/sdk_audio_1.wav",
                "RETR /python/sdk_audio_1.wav",
                "nonsense",
            ):
                try:
                    errors.append(ftp.sendcmd(command))
                except ftplib.Error as error:
                    errors.append(str(error))
            assert upload(ftp, "/python/sdk_audio_2.wav").startswith("226")  # it lives on
        return errors

    errors = await asyncio.to_thread(program)
    assert not [error for error in errors if error.startswith("2")], errors
    assert [error[:3] for error in errors[-4:]] == ["502"] * 4
    assert shelf.sounds == {2: SOUND}


async def test_hanging_up_without_a_word_or_sending_no_text_is_no_fault(shelf: Shelf, caplog) -> None:
    async def hang_up(last_words: bytes) -> None:
        reader, writer = await asyncio.open_connection(IP, shelf.service.port)
        assert (await reader.readline()).startswith(b"220")
        writer.write(last_words)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    for last_words in (b"", b"TYPE", b"\xff\xfe\r\n", b"x" * 200_000 + b"\r\n"):
        await hang_up(last_words)
    ftp = await asyncio.to_thread(shelf.login_less)
    await asyncio.to_thread(ftp.quit)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
