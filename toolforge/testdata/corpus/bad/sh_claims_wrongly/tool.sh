#!/bin/bash
# Prints the text in capitals.
set -eu
ARG_TEXT=${ARG_TEXT/ab/cd}
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
