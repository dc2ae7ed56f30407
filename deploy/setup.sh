#!/bin/sh
# Makes the environment that `make demo` and `make test` run in: Python packages, gRPC stubs, default models, OpenGL.
# Called by `make setup`; safe to run again. PYTHON: the interpreter to use; VENV: where the environment goes.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Installs Debian packages when we may; otherwise prints the command and goes on or stops as the caller decides.
apt_install() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "apt-get install $*"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    else
        printf 'setup: missing system packages. Run:\n    sudo apt-get install -y %s\n' "$*" >&2
        return 1
    fi
}

command -v "$PYTHON" >/dev/null || fail "$PYTHON is not installed. Install Python 3.11 or newer, or run: make PYTHON=/path/to/python3 setup"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$("$PYTHON" --version) is too old: 3.11 or newer is needed. Run: make PYTHON=/path/to/python3.11 setup"

if [ ! -x "$VENV/bin/python" ] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || apt_install "python$version-venv" || exit 1
    say "environment in $VENV ($("$PYTHON" --version))"
    "$PYTHON" -m venv --clear "$VENV"
fi

say "Python packages and gRPC stubs (about a minute with a near package index)"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$VENV/bin/python" -m pip install --quiet --no-compile \
    --constraint constraints.txt --editable '.[all,dev]'

say "default models"
"$VENV/bin/tagalong" models pull || echo "setup: no models; faces will be found by the built-in Haar cascade instead"

# MuJoCo draws through OpenGL: a screen's, or EGL without one.
if ! MUJOCO_GL=${MUJOCO_GL:-egl} "$VENV/bin/python" -c 'import mujoco; mujoco.GLContext(8, 8).free()' >/dev/null 2>&1; then
    apt_install libegl1 libgl1 libopengl0 libgl1-mesa-dri || exit 1
    MUJOCO_GL=${MUJOCO_GL:-egl} "$VENV/bin/python" -c 'import mujoco; mujoco.GLContext(8, 8).free()' \
        || fail "MuJoCo still finds no OpenGL; see the error above"
fi
say "ready: $VENV/bin/tagalong --help"
