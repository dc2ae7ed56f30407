"""Who may import whom, and how light the robot stays."""

import subprocess
import sys

import pytest


def test_packages_import_downwards_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


HEAVY = ("mujoco", "fastapi", "uvicorn", "skimage", "matplotlib", "scipy", "pandas", "onnxruntime", "ai_edge_litert")


@pytest.mark.parametrize("module", ["robot.agent", "robot.cli", "robot.core", "handover.session"])
def test_importing_the_robot_stays_light(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
