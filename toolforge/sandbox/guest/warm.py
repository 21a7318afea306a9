"""Waits in a sandbox and forks for each call of a Python program.

usage: warm.py CHANNEL [--read FILE]... [--import MODULE]... [--rehearsal FILE] PROGRAM [ARGUMENT]...

It is the first process of its namespace, and its descriptor CHANNEL is a
socket to the launcher. It reads PROGRAM and each FILE once, compiles them and imports
the modules of the standard library that they name, but executes nothing of
them: that happens only in the child that it forks for a call, so that no call
can leave anything in here. The child is forked before its call comes: it waits
for the call in this process's place, and lets go of the socket before it runs
anything of PROGRAM. A call is a packet with three descriptors, which become 0,
1 and 2 of the child, in which PROGRAM then runs as if it had been started anew.
When the child ends, every other process of the namespace is killed and the
answer says how it ended. Then the scratch folders are emptied; a second answer
says that all is as it was and the next child waits, or why this process must
not be used again.

launcher            this process            child
                         fork  -------------> get ready
  <------------------------ {"ready"} -------
  call + 3 fds ------------------------------> PROGRAM
                         wait  <-------------
                         kill all, reap
  <------- {"status"} -
                         empty /tmp, compare
                         fork  -------------> get ready
  <------------------------ {"ready"} -------

What a call takes is mostly memory: the pages that a child copies because it
writes to them (reference counts too) and those that the kernel takes back at
its end. So this process imports little, gives back what it freed, and a child
goes through what every call does (REHEARSAL, and the file of --rehearsal) while
it still waits; so does this process for what it does at a call's end.
"""

import _ast
import _json
import _signal
import _socket
import array
import builtins
import ctypes
import fcntl
import gc
import os
import resource
import sys
import types

SCRATCH = ("/tmp", "/dev/shm")
# More than this in a scratch folder, and a new sandbox is cheaper.
MOST_ENTRIES, MOST_DEPTH = 2000, 20
# What may be imported before a call: harmless to import, and often wanted.
MODULES = set(
    "__future__ abc argparse array ast base64 bisect calendar cmath codecs collections contextlib copy csv dataclasses datetime decimal "
    "difflib email enum errno fnmatch fractions functools glob gzip hashlib heapq html importlib inspect io itertools json keyword "
    "locale math mimetypes numbers operator os pathlib platform posixpath pprint queue random re secrets shlex shutil "
    "stat statistics string struct subprocess sys tempfile textwrap time tokenize tomllib types typing unicodedata "
    "urllib uuid xml zipfile zlib zoneinfo".split()
)
PR_SET_DUMPABLE, FS_IOC_SETFLAGS, ONLY_AST = 4, 0x40086602, 0x400
# What a call does in any program.
REHEARSAL = compile("import sys; print('', flush=True)", "rehearsal", "exec")

LIBC = ctypes.CDLL(None)


def dumpable(value):
    """Allow, or not, that another process of the same user looks into this
    one, its memory and its descriptors, through /proc."""
    if LIBC.prctl(PR_SET_DUMPABLE, value, 0, 0, 0) != 0:
        raise OSError("prctl")


def channel(fd):
    """Take the launcher's socket to where no program inherits it."""
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, os.dup(fd))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, fd, inheritable=False)
    os.close(null)
    return sock


def prepare(program, read, modules):
    """The compiled sources by path, and their modules imported: those that the
    program imports as it starts, those that the others name anywhere."""
    compiled, names = {}, [*modules]
    for path in [program, *read]:
        with open(path, "rb") as file:
            source = file.read()
        try:
            compiled[path] = compile(source, path, "exec", dont_inherit=True)
            names += imported(compile(source, path, "exec", ONLY_AST, dont_inherit=True), inside=path != program)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            if path == program:
                raise
            continue  # the call says what is wrong with it
    for name in names:
        if name.split(".")[0] in MODULES and name.split(".")[0] in sys.stdlib_module_names:
            try:
                __import__(name)
            except ImportError:
                pass
    return compiled


def imported(tree, inside):
    """The modules that a syntax tree names, wherever in it, or outside of
    functions."""
    names, nodes = [], [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, (_ast.FunctionDef, _ast.AsyncFunctionDef)) and not inside:
            continue
        if isinstance(node, _ast.Import):
            names += [a.name for a in node.names]
        elif isinstance(node, _ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
        for field in node._fields:
            value = getattr(node, field, None)
            nodes += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, _ast.AST)]
    return names


def settings():
    """What a child can change in its parent: a process of the same user may
    set another's limits, priority and processors."""
    return (
        [resource.getrlimit(n) for n in range(resource.RLIM_NLIMITS if hasattr(resource, "RLIM_NLIMITS") else 16)],
        os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0), os.sched_getscheduler(0),
    )


def hear(sock):
    """The descriptors of the next call, which are 3; none when the launcher is
    gone."""
    room = _socket.CMSG_SPACE(3 * array.array("i").itemsize)
    message, ancillary, _, _ = sock.recvmsg(16, room, getattr(_socket, "MSG_CMSG_CLOEXEC", 0))
    fds = array.array("i")
    for _, _, data in ancillary:
        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return fds if message else ()


def call(sock, arguments, code, program, memory, rehearsal):
    """The child: get ready, wait for the call, become the program."""
    status = 1
    try:
        os.setsid()
        dumpable(1)
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        sys.argv = [program, *arguments]
        main = types.ModuleType("__main__")
        main.__file__, main.__builtins__ = program, builtins
        sys.modules["__main__"] = main
        gc.enable()
        rehearse(rehearsal)
        sock.send(b'{"ready": true, "resident": %d}' % memory)
        fds = hear(sock)
        if len(fds) != 3:
            os._exit(1)
        for target, fd in enumerate(fds):
            os.dup2(fd, target)
        sock.detach()
        os.closerange(3, 1 << 20)
        exec(code, main.__dict__)
        status = 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            status = (end.code or 0) & 255
        else:
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass  # closed, or replaced by something else
        os._exit(status)


def rehearse(more):
    """Write to the pages that a call writes to, so that they are copied before
    it comes. What is printed goes nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)
    exec(REHEARSAL, types.ModuleType("__main__").__dict__)
    if more is not None:
        try:
            exec(more, types.ModuleType("rehearsal").__dict__)
        except Exception:
            pass  # the call does without
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def ended(status, usage):
    """What the launcher is told of a call that is over."""
    return b'{"status": %d, "cpu": %f, "rss": %d}' % (status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def rehearse_end():
    """Write to the pages that this process writes to at a call's end: they are
    shared with the child. The child is not waited for here, since its call may
    be over already."""
    try:
        os.wait4(os.getpid(), 0)
    except ChildProcessError:
        ended(0, resource.getrusage(resource.RUSAGE_SELF))
        os.kill(os.getpid(), 0)


def reap(child):
    """Wait for the child, then end and reap everything else in the namespace."""
    while True:
        pid, status, usage = os.wait4(-1, 0)
        if pid == child:
            break
    try:
        while True:
            try:
                os.kill(-1, _signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.wait4(-1, 0)
    except ChildProcessError:
        return status, usage


def empty(folder):
    """Make a scratch folder as it was at the start; False when it is too much."""
    left = MOST_ENTRIES

    def below(path, depth):
        nonlocal left
        os.chmod(path, 0o700)
        for name in os.listdir(path):
            left -= 1
            if left < 0 or depth > MOST_DEPTH:
                return False
            inner = path + "/" + name
            info = os.lstat(inner)
            if info.st_dev != device:
                return False
            if info.st_mode & 0o170000 == 0o040000:
                if not below(inner, depth + 1):
                    return False
                os.rmdir(inner)
            else:
                os.unlink(inner)
        return True

    device = os.lstat(folder).st_dev
    if not below(folder, 0):
        return False
    for name in os.listxattr(folder):
        os.removexattr(folder, name)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, array.array("l", [0]))
    except OSError:
        pass  # a file system without flags has none to reset
    finally:
        os.close(fd)
    os.chmod(folder, 0o777)
    os.utime(folder, (0, 0))
    return not os.listxattr(folder)


def resident():
    """This process's memory in bytes."""
    with open("/proc/self/statm", "rb", 0) as file:
        return int(file.read(200).split()[1]) * resource.getpagesize()


def look(before):
    """Why this process must not be used again, or ""."""
    try:
        for folder in SCRATCH:
            if not empty(folder):
                return "too much was left in " + folder
        if settings() != before:
            return "a call changed this process's limits or priority"
    except OSError as error:
        return f"what a call left could not be removed: {error}"
    return ""


def serve(sock, arguments, code, program, rehearsal):
    """Answer calls until the launcher is gone."""
    before, spent = settings(), ""
    while not spent:
        memory = resident()
        child = os.fork()
        if child == 0:
            call(sock, arguments, code, program, memory, rehearsal)
        rehearse_end()
        sock.send(ended(*reap(child)))
        spent = look(before)
    sock.send(b'{"spent": %s, "resident": %d}' % (_json.encode_basestring_ascii(spent).encode(), resident()))


def main():
    if os.getpid() != 1:
        sys.exit("warm.py kills every process that it sees, so it must be the first of its own namespace")
    words, options = sys.argv[2:], {"--read": [], "--import": [], "--rehearsal": []}
    while words[0] in options:
        options[words[0]].append(words[1])
        words = words[2:]
    program, arguments = words[0], words[1:]
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    sock = channel(int(sys.argv[1]))
    dumpable(0)
    compiled = prepare(program, options["--read"] + options["--rehearsal"], options["--import"])
    # What the program's loader may take instead of reading a file again.
    cache = types.ModuleType("_lathe_compiled")
    cache.code = compiled
    sys.modules["_lathe_compiled"] = cache
    code, rehearsal = compiled[program], next((compiled.get(p) for p in options["--rehearsal"]), None)
    for folder in SCRATCH:
        if not empty(folder):
            sys.exit(folder + " is not empty")
    gc.collect()
    LIBC.malloc_trim(0)
    gc.disable()
    gc.freeze()
    serve(sock, arguments, code, program, rehearsal)


main()
