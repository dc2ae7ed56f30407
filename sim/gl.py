"""Find an OpenGL that can draw without a display, and say what to install where there is none.

MuJoCo picks its OpenGL when it is imported, from MUJOCO_GL; so the simulator imports MuJoCo through this file. Physics
works without OpenGL; only drawing asks for it.
"""

import ctypes
import os
import sys
from types import ModuleType

from common.errors import DeviceError

ADVICE = "Run: apt-get install -y libegl1 libgl1 libopengl0 libgl1-mesa-dri  (as root)."
_OFF = ("disable", "disabled", "off", "false", "0")


def load_mujoco() -> ModuleType:
    """Import MuJoCo with a way to draw where there is one. Raises DeviceError when the package is missing."""
    if "mujoco" not in sys.modules and "MUJOCO_GL" not in os.environ and sys.platform == "linux":
        # A window system is of no use here (pictures are never shown by OpenGL), and EGL also works beside one.
        os.environ["MUJOCO_GL"] = "egl" if _has_egl() else "disable"
    try:
        import mujoco
    except ImportError as error:
        raise DeviceError(
            "MuJoCo, which the simulator runs on, is missing. Run: pip install 'tagalong[sim]'"
        ) from error
    return mujoco


def missing() -> str | None:
    """Why nothing can be drawn here and what to do about it; None when drawing should work. Draws nothing itself."""
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    if chosen in _OFF and not _has_egl():
        return f"OpenGL without a display (EGL) is missing. {ADVICE}"
    if chosen in _OFF:
        return f"MUJOCO_GL is {chosen!r}, so nothing is drawn. Unset it."
    if chosen == "egl" and not _has_egl():
        return f"MUJOCO_GL is 'egl', but libEGL.so.1 is missing. {ADVICE}"
    return None


def require() -> None:
    """Raises DeviceError with what to install where nothing can be drawn."""
    load_mujoco()
    why = missing()
    if why:
        raise DeviceError(f"The simulator's camera cannot draw: {why}")


def _has_egl() -> bool:
    try:
        ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    return True
