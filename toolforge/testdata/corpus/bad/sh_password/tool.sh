#!/bin/bash
# Prints the text in capitals.
set -eu
api_key=hunter2hunter2
export api_key
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
