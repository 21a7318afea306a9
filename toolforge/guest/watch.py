"""Runs a program and records whether it looked at files, started programs or
opened connections.

usage: watch.py RECORD PROGRAM.py ARGUMENTS...
Appends the words file, program and host to RECORD. The interpreter's own
files, the tool's and those in a temporary folder do not count.
"""

import os
import runpy
import sys

FILES = {"open", "os.listdir", "os.scandir", "os.walk", "glob.glob", "os.remove", "os.rename", "os.mkdir", "shutil.copyfile", "sqlite3.connect"}
PROGRAMS = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"}
HOSTS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}
OURS = tuple(os.path.realpath(p) for p in ("../tool", "../gate"))
SYSTEM = ("/usr/", "/lib", "/proc/", "/dev/", "/etc/")


def main():
    record = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    here, seen = os.getcwd(), set()

    def hook(event, arguments):
        kind = "program" if event in PROGRAMS else "host" if event in HOSTS else "file" if event in FILES else ""
        if kind == "file":
            where = arguments[0] if arguments and arguments[0] is not None else "."
            if isinstance(where, int):
                return
            path = os.path.normpath(os.path.join(here, os.fsdecode(where)))
            if path.startswith(OURS) or path.startswith(SYSTEM) or path.startswith("/tmp/") and not path.startswith(here):
                return
        if kind and kind not in seen:
            seen.add(kind)
            os.write(record, kind.encode() + b"\n")

    program, sys.argv = sys.argv[2], sys.argv[2:]
    sys.addaudithook(hook)
    runpy.run_path(program, run_name="__main__")


main()
