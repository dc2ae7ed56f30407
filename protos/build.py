"""Generates the gRPC stubs beside their `.proto` files: `python protos/build.py`, and at every build of the package."""

from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def generate() -> list[Path]:
    """Run protoc over every `.proto` below this folder.

    Returns the files made. Raises SystemExit with protoc's status when a file does not compile.
    """
    from grpc_tools import _proto, protoc

    root = HERE.parent
    sources = sorted(HERE.rglob("*.proto"))
    well_known = Path(next(iter(_proto.__path__)))
    status = protoc.main(
        [
            "protoc",
            f"-I{root}",
            f"-I{well_known}",
            f"--python_out={root}",
            f"--pyi_out={root}",
            f"--grpc_python_out={root}",
            *(str(source.relative_to(root)) for source in sources),
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc failed with status {status}; its messages are above")
    return sorted(HERE.rglob("*_pb2*.py*"))


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, outside a build
    pass
else:

    class StubsHook(BuildHookInterface[Any]):
        """Makes the stubs before a wheel (also an editable one) is put together."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            generate()


if __name__ == "__main__":
    for path in generate():
        print(path.relative_to(HERE.parent))
