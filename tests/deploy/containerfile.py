"""Reading a Containerfile: its instructions, those of the last stage, and what they set."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Containerfile:
    """One file in `deploy/container`."""

    path: Path

    def instructions(self) -> list[tuple[str, str]]:
        """(instruction, its arguments on one line), comments left out."""
        lines = [line for line in self.path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        whole = "\n".join(lines).replace("\\\n", " ")
        pairs = (line.partition(" ") for line in whole.splitlines())
        return [(name, " ".join(rest.split())) for name, _, rest in pairs if name]

    def last_stage(self) -> list[tuple[str, str]]:
        every = self.instructions()
        start = max(i for i, (name, _) in enumerate(every) if name == "FROM")
        return every[start:]

    def values(self, name: str) -> list[str]:
        return [rest for each, rest in self.last_stage() if each == name]

    def environment(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for rest in self.values("ENV") for pair in shlex.split(rest))

    def health_check(self) -> list[str]:
        (rest,) = self.values("HEALTHCHECK")
        command: list[str] = json.loads(rest[rest.index("CMD ") + 4 :])
        return command


EDGE = Containerfile(TOP / "deploy/container/Containerfile")
ARCHIVE = Containerfile(TOP / "deploy/container/Containerfile.archive")
