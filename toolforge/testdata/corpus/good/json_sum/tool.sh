#!/bin/bash
# Adds up a field of records that come as JSON on standard input, and says how
# many records have a number in it.
set -eu
jq --arg field "$ARG_FIELD" '[.records[] | .[$field]? | numbers] | {sum: (add // 0), count: length}'
