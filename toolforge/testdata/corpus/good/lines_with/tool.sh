#!/bin/bash
# Prints the lines of a file that hold a word, each with its number. A file
# without such a line gives nothing.
set -eu

case $ARG_PATH in
/* | ../* | */../* | */..)
  echo "path must lie in the workspace" >&2
  exit 2
  ;;
esac
if [ ! -f "$ARG_PATH" ]; then
  echo "there is no file $ARG_PATH" >&2
  exit 1
fi
found=0
grep -n -F -e "$ARG_WORD" -- "$ARG_PATH" || found=$?
if [ "$found" -gt 1 ]; then
  exit "$found"
fi
