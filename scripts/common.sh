# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts share; sourced, never run. Sets `root`, the repository's top folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # read by the scripts that source this file
onednn="$root/.deps/onednn"

# One line that says what comes now, with the seconds since the outermost script started.
export TESSERA_STARTED=${TESSERA_STARTED:-$EPOCHSECONDS}
SECONDS=$((EPOCHSECONDS - TESSERA_STARTED))
heading() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

# fail WHAT FIX: one line on standard error, then the end.
fail() {
  printf 'error: %s; %s\n' "$1" "$2" >&2
  exit 1
}

# The comment block at the top of a script is its help.
print_help() { sed -n '/^# SPDX/d; 2,/^[^#]/{s/^# \{0,1\}//p;}' "$1"; }

# with_log LOG COMMAND...: runs COMMAND with its output in LOG; tells every 10 s that it still runs and what it does, and shows
# the end of LOG when it fails.
with_log() {
  local log=$1 status=0
  shift
  set -m # a process group of its own, so that an interrupt reaches all of it
  "$@" >"$log" 2>&1 </dev/null &
  set +m
  local child=$! began=$SECONDS told=$SECONDS
  # shellcheck disable=SC2064  # the child of now
  trap "kill -- -$child 2>/dev/null; wait $child; exit 130" INT TERM
  while kill -0 "$child" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - told >= 10)); then
      told=$SECONDS
      printf '         %3d s: %.100s\n' "$((SECONDS - began))" "$(tail -n 1 "$log" | tr -d '\r')"
    fi
  done
  wait "$child" || status=$?
  trap - INT TERM
  if ((status != 0)); then
    tail -n 25 "$log" >&2
    printf 'error: status %d from: %s\n' "$status" "$*" >&2
  fi
  return "$status"
}
