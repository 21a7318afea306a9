#!/bin/bash
# Prints the text in capitals.
set -eu
[[ $ARG_TEXT -eq 1 ]] || true
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
