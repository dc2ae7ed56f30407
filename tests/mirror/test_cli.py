"""`tagalong mirror` as people type it."""

import pytest

from mirror.cli import welcome
from mirror.config import MirrorConfig
from tagalong.cli import main


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[object, str, str]:
    monkeypatch.setattr("sys.argv", ["tagalong", "mirror", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_help_teaches(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(capsys, monkeypatch, "--help")
    assert code == 0
    assert "tagalong mirror --no-local --node gpu1:50050" in out
    assert "The browser warns once" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--plain-http", "--host", "0.0.0.0"), "Use it with host 127.0.0.1 only"),
        (("--node", "gpu1"), "handover.servers.0.address"),
        (("--config", "/nowhere.yaml"), "/nowhere.yaml: cannot be read"),
        (("--no-local", "--no-discovery", "--folder", "/dev/null/x"), "cannot be written"),
    ],
)
def test_a_wrong_start_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = run(capsys, monkeypatch, *arguments)
    assert code == 2
    assert words in err
    assert err.startswith("tagalong mirror: ")


def test_it_says_where_to_look_and_what_the_browser_will_say() -> None:
    lines = "\n".join(welcome(MirrorConfig(), 8443, "AB:CD"))
    assert "https://localhost:8443" in lines
    assert "AB:CD" in lines
    assert "warn once" in lines
    plain = "\n".join(welcome(MirrorConfig(host="127.0.0.1", plain_http=True), 8080, ""))
    assert "http://127.0.0.1:8080" in plain
    assert "warn" not in plain
