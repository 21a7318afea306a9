#!/bin/bash
# Prints the text in capitals.
set -eu
printf a | sed -e "s/a/$ARG_TEXT/" > /dev/null || true
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
