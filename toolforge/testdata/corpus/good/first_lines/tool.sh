#!/usr/bin/env bash
# Prints the first ARG_COUNT lines of the file ARG_PATH.
set -euo pipefail

if [[ ! -f "$ARG_PATH" ]]; then
  printf 'no such file: %s\n' "$ARG_PATH" >&2
  exit 1
fi
sed -n "1,${ARG_COUNT}p" -- "$ARG_PATH"
