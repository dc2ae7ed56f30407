"""Pulling models: out of a wheel made here, through the real pip, and from file:// addresses."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import ModelError
from edge_server.models.manifest import MANIFEST, MEDIAPIPE, Address, ByHand, Model, Wheel, WheelMember
from edge_server.models.pull import pull
from edge_server.models.store import State

WHEEL = Wheel("tagalong-test-models", "1.0", "3.11", "cp", "manylinux_2_28_x86_64")
CONTENT = b"weights " * 1000


def wheel_model(name: str, content: bytes = CONTENT, member: str = "") -> Model:
    source = WheelMember(WHEEL, member or f"nets/{name}.bin")
    return Model(name, f"{name}.bin", hashlib.sha256(content).hexdigest(), len(content), "MIT", source, "a test")


def address_model(file: Path, content: bytes = CONTENT) -> Model:
    return replace(wheel_model(file.stem, content), source=Address(file.as_uri()))


@pytest.fixture
def index(tmp_path) -> list[str]:
    """A folder with one wheel in it, as options of pip. No network is asked."""
    folder = tmp_path / "index"
    folder.mkdir()
    name = "tagalong_test_models-1.0"
    with zipfile.ZipFile(folder / f"{name}-cp311-cp311-manylinux_2_28_x86_64.whl", "w") as wheel:
        wheel.writestr("nets/a.bin", CONTENT)
        wheel.writestr("nets/b.bin", CONTENT)
        wheel.writestr(
            f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: tagalong-test-models\nVersion: 1.0\n"
        )
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_28_x86_64\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    return ["--no-index", "--find-links", str(folder)]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_members_of_one_wheel_come_with_one_download(index, tmp_path) -> None:
    said: list[str] = []
    models = [wheel_model("a"), wheel_model("b")]
    outcome = pull(models, tmp_path / "to", lambda what, done, total: said.append(what), index)
    assert outcome == {"a": State.READY, "b": State.READY}
    assert files(tmp_path / "to") == ["a.bin", "b.bin"]
    assert (tmp_path / "to" / "a.bin").read_bytes() == CONTENT
    assert said.count("downloading tagalong-test-models==1.0") == 1


def test_what_is_there_already_is_not_fetched_again(tmp_path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    assert pull([wheel_model("a")], tmp_path, pip_options=["--no-index"]) == {"a": State.READY}


def test_a_wrong_file_is_replaced(index, tmp_path) -> None:
    (tmp_path / "a.bin").write_bytes(b"half")
    assert pull([wheel_model("a")], tmp_path, pip_options=index) == {"a": State.READY}
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_content_with_another_hash_is_refused_and_nothing_is_kept(index, tmp_path) -> None:
    wrong = replace(wheel_model("a"), sha256="0" * 64)
    outcome = pull([wrong, wheel_model("b")], tmp_path / "to", pip_options=index)
    assert isinstance(outcome["a"], ModelError)
    assert "SHA-256" in str(outcome["a"])
    assert outcome["b"] is State.READY
    assert files(tmp_path / "to") == ["b.bin"]


def test_a_member_that_the_wheel_lacks_is_named(index, tmp_path) -> None:
    outcome = pull([wheel_model("a", member="nets/c.bin")], tmp_path / "to", pip_options=index)
    assert "has no nets/c.bin" in str(outcome["a"])


def test_a_wheel_that_no_index_has_is_named_with_what_pip_says(tmp_path) -> None:
    outcome = pull([wheel_model("a"), wheel_model("b")], tmp_path / "to", pip_options=["--no-index"])
    assert str(outcome["a"]) == str(outcome["b"])
    assert "tagalong-test-models==1.0 cannot be downloaded: No matching distribution" in str(outcome["a"])


def test_a_damaged_wheel_is_refused(index, tmp_path) -> None:
    (wheel,) = Path(index[-1]).glob("*.whl")
    data = bytearray(wheel.read_bytes())
    data[60:90] = b"x" * 30  # inside the first member
    wheel.write_bytes(data)
    outcome = pull([wheel_model("a")], tmp_path / "to", pip_options=index)
    assert isinstance(outcome["a"], ModelError)
    assert files(tmp_path / "to") == []


def test_a_file_comes_from_an_address(tmp_path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(CONTENT)
    assert pull([address_model(source)], tmp_path / "to") == {"a": State.READY}
    assert (tmp_path / "to" / "a.bin").stat().st_mode & 0o444 == 0o444


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (CONTENT + b"more", "more than 8000 bytes"),
        (CONTENT[:-1], "7999 bytes instead of 8000"),
        (b"x" * 8000, "SHA-256"),
    ],
)
def test_an_address_with_other_content_is_refused(sent, expected, tmp_path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(sent)
    outcome = pull([address_model(source)], tmp_path / "to")
    assert expected in str(outcome["a"])
    assert files(tmp_path / "to") == []


def test_an_address_that_does_not_answer_says_what_to_do(tmp_path) -> None:
    outcome = pull([address_model(tmp_path / "nowhere.bin")], tmp_path / "to")
    assert f"put nowhere.bin into {tmp_path / 'to'} yourself" in str(outcome["nowhere"])


def test_other_schemes_are_refused(tmp_path) -> None:
    model = replace(wheel_model("a"), source=Address("http://127.0.0.1/a.bin"))
    assert "neither https:// nor file://" in str(pull([model], tmp_path)["a"])


def test_a_model_to_fetch_by_hand_says_from_where_to_where(tmp_path) -> None:
    model = replace(wheel_model("a"), source=ByHand("the attic"))
    message = str(pull([model], tmp_path)["a"])
    assert "put a.bin (from the attic)" in message
    assert str(tmp_path) in message


def test_a_folder_that_cannot_be_made_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="--dest"):
        pull([wheel_model("a")], tmp_path / "file" / "models")


def test_the_manifest_is_sound() -> None:
    assert len({model.file for model in MANIFEST.values()}) == len(MANIFEST)
    for model in MANIFEST.values():
        assert len(bytes.fromhex(model.sha256)) == 32
        assert model.size > 0
        assert model.licence
        if isinstance(model.source, Address):
            assert model.source.url.startswith("https://")
    defaults = [model for model in MANIFEST.values() if model.default]
    assert {"blazepose", "blazepose-landmarks", "blazeface"} <= {model.name for model in defaults}
    wheels = {model.source.wheel for model in defaults if isinstance(model.source, WheelMember)}
    assert wheels == {MEDIAPIPE}  # one download brings the default set
