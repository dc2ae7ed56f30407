"""Leaving nothing of a picture behind: what can be overwritten is, and memory that is given back is overwritten too."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

_M_PERTURB = -6  # malloc.h of glibc


def overwrite_freed() -> bool:
    """From now on the C library overwrites what this process frees; False where it cannot (not glibc).

    Python cannot overwrite `bytes`, and libraries copy pixels as they like: this reaches all of them.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_PERTURB, 0x5A))
    except (OSError, AttributeError):
        return False


def settle() -> None:
    """What is there now stays: `let_go` need not look at it again."""
    gc.collect()
    gc.freeze()


def let_go() -> None:
    """Free now what only circles of references still hold, such as the calls that carried a picture."""
    gc.collect()


def wipe(*values: Any) -> None:
    """Overwrite the pixels and bytes in these values, in place: arrays, byte arrays, dataclasses, mappings, lists."""
    for value in values:
        if isinstance(value, bytearray):
            value[:] = bytes(len(value))
        elif isinstance(value, np.ndarray):
            with contextlib.suppress(ValueError):  # a view of `bytes`, which cannot be written
                value.setflags(write=True)
                value.fill(0)
        elif is_dataclass(value) and not isinstance(value, type):
            wipe(*(getattr(value, field.name) for field in fields(value)))
        elif isinstance(value, Mapping):
            wipe(*value.values())
        elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
            wipe(*value)
