# Writes the lines that bash runs to $LATHE_TRACE.
PS4='+lathe:${BASH_SOURCE[0]##*/}:$LINENO:'
exec {BASH_XTRACEFD}>>"$LATHE_TRACE"
set -x
