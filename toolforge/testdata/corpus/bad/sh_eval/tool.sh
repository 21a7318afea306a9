#!/bin/bash
# Prints the text in capitals.
set -eu
eval "text=$ARG_TEXT"
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
