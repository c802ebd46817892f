#!/usr/bin/env bash
# Run a command with a display: the one that is there, else a virtual one with a window manager,
# without which windows get neither focus nor their real size.
set -euo pipefail

if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  exec "$@"
fi
exec xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24 +extension GLX" \
  bash -c 'herbstluftwm --locked >/dev/null 2>&1 & manager=$!; "$@"; status=$?; kill "$manager" 2>/dev/null; exit $status' _ "$@"
