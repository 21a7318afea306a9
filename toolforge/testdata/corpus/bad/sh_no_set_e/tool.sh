#!/bin/bash
# Prints the text in capitals.
printf '%s\n' "$ARG_TEXT" | tr '[:lower:]' '[:upper:]'
