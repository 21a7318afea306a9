#!/bin/bash
# Prints the text in capitals.
set -eu
echo $ARG_TEXT > /dev/null
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
