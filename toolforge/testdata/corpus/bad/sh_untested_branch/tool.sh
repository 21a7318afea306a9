#!/bin/bash
# Prints the text in capitals.
set -eu
if [ "$ARG_TEXT" = never ]; then
  echo 1
  echo 2
  echo 3
  echo 4
  echo 5
fi
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
