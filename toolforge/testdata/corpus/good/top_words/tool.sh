#!/bin/bash
# Prints the words of a text by how often they occur, each with its count.
set -eu
most=${ARG_MOST:-10}

# The count and the word, without the blanks that uniq writes before them.
printf '%s\n' "$ARG_TEXT" | tr -cs '[:alnum:]' '\n' | grep -v '^$' | sort | uniq -c | sort -k1,1nr -k2 |
  awk '{print $1 " " $2}' | head -n "$most"
