#!/usr/bin/env bash
# Runs a Windows program under wine, without a display, in a Windows folder of its own beside the cross compiler.
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
stub=$(dirname "$1")/bcryptprimitives.dll
export WINEPREFIX=${WINEPREFIX:-$tools/../target/crossarch/wine} DISPLAY='' WINEDLLOVERRIDES='mscoree=;mshtml=' WINEDEBUG=-all
PATH=$PATH:/usr/lib/wine # where Debian's wine64 is
[ -e "$stub" ] || x86_64-w64-mingw32-gcc -shared -O1 -o "$stub" "$tools/bcryptprimitives.c" -ladvapi32
[ -e "$WINEPREFIX/system.reg" ] || { mkdir -p "$WINEPREFIX" && wine64 wineboot -i >&2; }
exec wine64 "$@"
