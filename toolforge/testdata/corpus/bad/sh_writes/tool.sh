#!/bin/bash
# Prints the text in capitals.
set -eu
printf %s "$ARG_TEXT" > kept.txt
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
