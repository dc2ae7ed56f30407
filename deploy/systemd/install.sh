#!/bin/sh
# Puts one robot on this Raspberry Pi as a service: user, environment, settings, unit. Safe to run again: it updates the
# program and the unit, and leaves your settings alone. It starts nothing; the last lines say how.
#   sudo deploy/systemd/install.sh [WHAT TO INSTALL; default: the checkout it lies in]
# EXTRAS: what of Tagalong (robot,robomaster,web; with a WS281x strip also pi). PYTHON: the interpreter.
# DESTDIR: put files there instead of /, without user, packages and systemd (to look at, or to build a package).
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
SOURCE=${1:-$(cd "$HERE/../.." && pwd)}
EXTRAS=${EXTRAS:-robot,robomaster,web}
PYTHON=${PYTHON:-/usr/bin/python3}
DESTDIR=${DESTDIR:-}
VENV=$DESTDIR/opt/tagalong
SETTINGS=$DESTDIR/etc/tagalong/robot.yaml
SYSTEM_PACKAGES="python3-venv python3-picamera2 python3-gpiozero python3-lgpio"

say() { printf '==> %s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

[ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ] || fail "needs root. Run: sudo $0"
command -v "$PYTHON" >/dev/null || fail "$PYTHON is not there. Install Python 3.11 or newer, or set PYTHON."
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail "$PYTHON is too old: 3.11 or newer is needed (Raspberry Pi OS Bookworm or newer)."

# The camera's library comes with the system only, and only Raspberry Pi OS has it.
if [ -z "$DESTDIR" ] && command -v apt-get >/dev/null; then
    wanted=
    for package in $SYSTEM_PACKAGES; do
        if dpkg -s "$package" >/dev/null 2>&1; then continue; fi
        if apt-cache show "$package" >/dev/null 2>&1; then wanted="$wanted $package"; else say "no package $package here"; fi
    done
    if [ -n "$wanted" ]; then
        say "apt-get install$wanted"
        # shellcheck disable=SC2086 # a list of words
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >/dev/null
    fi
fi

say "user and groups"
install -D -m 644 "$HERE/sysusers.conf" "$DESTDIR/etc/sysusers.d/tagalong.conf"
[ -n "$DESTDIR" ] || systemd-sysusers tagalong.conf

say "environment in $VENV (some minutes on a Pi)"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv --system-site-packages "$VENV"
if [ -f "$SOURCE/constraints.txt" ]; then set -- --constraint "$SOURCE/constraints.txt"; else set --; fi
PIP_DISABLE_PIP_VERSION_CHECK=1 "$VENV/bin/python" -m pip install --quiet --upgrade "$@" "$SOURCE[$EXTRAS]"
# The system's picamera2 brings a simplejpeg built for NumPy 1 on Bookworm; ours needs NumPy 2, and both must agree.
if "$VENV/bin/python" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("picamera2"))' \
    && ! "$VENV/bin/python" -c 'import picamera2' 2>/dev/null; then
    say "simplejpeg that fits NumPy 2"
    "$VENV/bin/python" -m pip install --quiet --ignore-installed --no-deps simplejpeg
fi
install -D -m 644 "$HERE/../../docs/raspberry-pi.md" "$VENV/share/raspberry-pi.md"

if [ -e "$SETTINGS" ]; then
    say "settings in $SETTINGS are kept"
else
    say "settings in $SETTINGS"
    install -D -m 644 "$HERE/robot.yaml" "$SETTINGS"
fi

say "service tagalong-robot"
install -D -m 644 "$HERE/tagalong-robot.service" "$DESTDIR/etc/systemd/system/tagalong-robot.service"
[ -n "$DESTDIR" ] || systemctl daemon-reload

cat <<END

Next:
    sudo nano /etc/tagalong/robot.yaml
    sudo -u tagalong /opt/tagalong/bin/tagalong robot --config /etc/tagalong/robot.yaml --check
    sudo systemctl enable --now tagalong-robot     # wheels in the air, the first time
    journalctl -fu tagalong-robot
After this script has been run again: sudo systemctl restart tagalong-robot
END
