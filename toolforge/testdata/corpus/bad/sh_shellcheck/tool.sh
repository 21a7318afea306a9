#!/bin/bash
# Prints the text in capitals.
set -eu
first=("$ARG_TEXT" b)
echo "$first" > /dev/null
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
