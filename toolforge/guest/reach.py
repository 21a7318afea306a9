"""Which functions of the standard library reach files, other machines and
programs: what rules.py holds against a tool's permissions. Executes nothing."""

import ast
import re

from scratch import Scratch

# Where the mode stands, for functions that open something; None: they read.
MODES = {name: 1 for name in (
    "open io.open io.FileIO codecs.open zipfile.ZipFile zipfile.PyZipFile tarfile.open tarfile.TarFile tarfile.TarFile.open "
    "tarfile.TarFile.taropen tarfile.TarFile.gzopen tarfile.TarFile.bz2open tarfile.TarFile.xzopen gzip.open gzip.GzipFile "
    "bz2.open bz2.BZ2File lzma.open lzma.LZMAFile dbm.open dbm.dumb.open dbm.gnu.open dbm.ndbm.open wave.open sunau.open aifc.open"
).split()} | {name: None for name in (
    "io.open_code tokenize.open fileinput.input fileinput.FileInput fileinput.hook_compressed zipfile.Path zipfile.is_zipfile "
    "tarfile.is_tarfile mimetypes.read_mime_types netrc.netrc plistlib.readPlist xml.etree.ElementTree.parse "
    "xml.etree.ElementTree.iterparse xml.dom.minidom.parse xml.dom.pulldom.parse xml.sax.parse"
).split()}
# Modules whose functions all look at files.
READS = {"glob", "linecache", "filecmp"}
READS_NAMES = set(
    "os.listdir os.walk os.fwalk os.scandir os.readlink os.open os.stat os.lstat os.access os.statvfs os.listxattr os.getxattr os.chdir "
    "os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.ismount os.path.getsize os.path.getmtime "
    "os.path.getctime os.path.getatime os.path.samefile os.pathconf shutil.disk_usage".split()
)
PURE = {"pathlib.PurePath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"}
OS_WRITES = set(
    "remove unlink rename renames replace mkdir makedirs rmdir removedirs link symlink truncate ftruncate chmod fchmod lchmod chown "
    "fchown lchown mkfifo mknod open utime setxattr removexattr copy_file_range posix_fallocate".split()
)
SHUTIL_WRITES = set(
    "rmtree move copy copy2 copyfile copytree copyfileobj copymode copystat chown make_archive unpack_archive register_archive_format "
    "register_unpack_format".split()
)
WRITES_NAMES = set("logging.FileHandler".split())
WRITES = {"mailbox", "logging.handlers"}
LOGS_AWAY = {"logging.handlers." + n for n in "SocketHandler DatagramHandler SysLogHandler SMTPHandler HTTPHandler NTEventLogHandler".split()}
# Methods that change files, by whatever object they are called: these names
# have no other use in the standard library.
METHOD_WRITES = set(
    "write_text write_bytes unlink rmdir touch symlink_to hardlink_to link_to chmod lchmod rename extractall writestr dump_stats mkdir".split()
)
METHOD_READS = set("read_text read_bytes iterdir rglob".split())
MEMORY = {"io.BytesIO", "io.StringIO", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile"}
ARCHIVES = {"zipfile.ZipFile", "tarfile.open", "tarfile.TarFile"}

PROGRAMS = set(
    "sh bash dash zsh ksh ash fish csh tcsh busybox python python3 perl ruby node nodejs deno php lua tclsh expect env nohup sudo su doas "
    "make gdb strace script ed ex vi vim nvim emacs gcc cc g++ tcc go cargo npm npx pip pip3 apt-get dpkg docker podman chroot unshare "
    "nsenter setsid at batch crontab parallel watch systemd-run".split()
)
LAUNCHERS = set("xargs find timeout nice ionice stdbuf time taskset chrt".split())
NETWORK_PROGRAMS = {"curl", "wget", "nc", "ncat", "ssh", "scp", "sftp", "rsync", "ftp", "telnet", "socat", "dig", "nslookup", "host", "ping"}
WRITING_PROGRAMS = set(
    "tee cp mv rm rmdir mkdir touch dd ln install truncate shred chmod chown chgrp mkfifo mknod split csplit patch unzip gunzip bunzip2 "
    "unxz sponge mktemp unlink".split()
)
# Options with which a program that reads also writes.
WRITING_OPTIONS = {
    "sed": re.compile(r"^(-[a-zA-Z]*i.*|--in-place.*)$"), "find": re.compile(r"^-(delete|fprint|fprint0|fprintf|fls)$"),
    "sort": re.compile(r"^(-o.*|--output.*)$"), "gawk": re.compile(r"^(-i|-iinplace|--include.*)$"), "awk": re.compile(r"^(-i|-iinplace|--include.*)$"),
    "tar": re.compile(r"^(-?[a-zA-Z]*[cxru].*|--(extract|create|get|append|update).*)$"),
}
OPENING = set("open io.open os.open os.listdir os.walk os.scandir pathlib.Path os.path.join os.chdir".split())
SCRIPTED = {"sed", "awk", "gawk", "mawk"}
SQL_WRITES = re.compile(r"(?i)\bATTACH\s+(DATABASE\s+)?['\"?:]|\bVACUUM\s+INTO\b|\bload_extension\s*\(")


def literal(node):
    return isinstance(node, ast.Constant)


class Reach:
    """What a tool reaches; rules.Rules is the visitor with found, full, ..."""

    def gather(self, tree):
        """Names that only ever stand for files in memory, names that stand for
        archives, and parameters that are numbers."""
        stored, memory, archives, arguments = {}, {}, set(), set()
        self.numbers = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                arguments.add(node.arg)
                if isinstance(node.annotation, ast.Name) and node.annotation.id == "int":
                    self.numbers.add(node.arg)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                stored[node.id] = stored.get(node.id, 0) + 1
            pairs = []
            if isinstance(node, ast.Assign):
                pairs = [(t, node.value) for t in node.targets]
            elif isinstance(node, ast.AnnAssign):
                pairs = [(node.target, node.value)]
            elif isinstance(node, ast.withitem):
                pairs = [(node.optional_vars, node.context_expr)]
            for target, value in pairs:
                if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                    called = self.full(value.func)
                    memory[target.id] = memory.get(target.id, 0) + (called in MEMORY)
                    if called in ARCHIVES:
                        archives.add(target.id)
        self.memory = {n for n, count in memory.items() if count == stored.get(n) and n not in arguments}
        self.archives = archives - arguments
        self.scratch = Scratch(tree, self.full)
        # What a name is, where it is bound once; and what the tool's callers give.
        once = [(t.id, n.value) for n in ast.walk(tree) if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name) and stored.get(t.id) == 1]
        self.bound = {name: value for name, value in once if name not in arguments}
        self.given = {a.arg for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == self.tool for a in ast.walk(n.args) if isinstance(a, ast.arg)} - set(stored)

    def allowed(self, what):
        """Whether the manifest asks for files: "read" or "write"."""
        return self.permissions.get("filesystem") in (("write",) if what == "write" else ("read", "write"))

    def reads(self, node, what):
        if not self.allowed("read"):
            self.found(node, "reads", f"{what} reaches files, which the manifest does not ask for")

    def writes(self, node, what):
        if not self.allowed("write"):
            self.found(node, "writes", f"{what} writes files, which the manifest does not ask for")

    def reach_name(self, node, name):
        """A dotted name that is mentioned."""
        if id(node) in self.scratch.fine:
            return
        module, _, last = name.rpartition(".")
        if module in {"os", "posix"} and last in OS_WRITES or module == "shutil" and last in SHUTIL_WRITES:
            self.writes(node, name)
        if name in LOGS_AWAY:
            if not self.permissions.get("network"):
                self.found(node, "network-import", f"{name} needs the network, which the manifest does not ask for")
        elif name in WRITES_NAMES or module in WRITES:
            self.writes(node, name)
        if name in READS_NAMES or module in READS or module.startswith("pathlib") and name not in PURE or name in MODES and MODES[name] is None:
            self.reads(node, name)

    def reach_attribute(self, node):
        """A method of an object that is not known."""
        if self.scratch.is_scratch(node.value) and node.attr not in {"rename", "replace", "symlink_to", "hardlink_to", "extractall"}:
            return
        if node.attr in METHOD_WRITES and not self.full(node).startswith(("os.", "posix.")):
            self.writes(node, node.attr)
        if node.attr in METHOD_READS:
            self.reads(node, node.attr)
        if node.attr == "open" and id(node) not in self.placed:
            self.found(node, "denied-call", "open may be called, not passed on under another name")

    def in_memory(self, node):
        """Whether an expression is a file in memory."""
        return isinstance(node, ast.Call) and self.full(node.func) in MEMORY or isinstance(node, ast.Name) and node.id in self.memory

    def reach_call(self, node, name):
        """A call: how a file is opened, and by what."""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        words = {k.arg: k.value for k in node.keywords}
        if name in MODES and MODES[name] is not None:
            self.opens(node, name, MODES[name], words)
        elif method == "open" and not name.startswith("os.") and not self.scratch.is_scratch(node.func.value) and name.split(".")[0] not in {"webbrowser"}:
            inside = isinstance(node.func.value, ast.Name) and node.func.value.id in self.archives
            self.opens(node, "open", 1 if inside else 0, words, inside)
        if name in {"sqlite3.connect", "sqlite3.Connection"}:
            self.database(node, words)
        first = node.args[0] if node.args else None
        text = first.value if literal(first) and isinstance(first.value, str) else ""
        absolute = text.startswith("/") and not text.startswith(("/dev/null", "/dev/stdin", "/dev/fd", "/tmp", "/usr/share/zoneinfo")) and len(text) > 1
        if name == "pathlib.Path.home" or name == "os.path.expanduser" and text or (absolute or text.startswith("~")) and (name in OPENING or method == "joinpath"):
            self.found(node, "outside", f"{name or method} leads out of the workspace" + (f": {text[:60]}" if text else ""))
        if name.startswith("fileinput.") and ("inplace" in words and not (literal(words["inplace"]) and not words["inplace"].value) or None in words):
            self.writes(node, "fileinput with inplace")
        if name == "logging.basicConfig" and ("filename" in words or None in words):
            self.writes(node, "logging to a file")
        if name == "tempfile.mktemp" and not self.allowed("read"):
            self.writes(node, name)
        if name.startswith("tempfile.") and ("dir" in words or None in words):
            self.writes(node, "a temporary file in a folder of choice")
        if method == "replace" and len(node.args) == 1 and not node.keywords:
            self.writes(node, "replace with one argument (of a path)")
        if method == "write" and self.xml and not name.startswith(("sys.stdout.", "sys.stderr.")):
            self.writes(node, "write of an XML tree (use tostring)")
        if method == "extract" and isinstance(node.func.value, ast.Name) and node.func.value.id in self.archives:
            self.writes(node, "extract")
        if method == "read" and self.config and node.args and not (literal(node.args[0]) and isinstance(node.args[0].value, int)):
            self.reads(node, "read of a configuration")

    def opens(self, node, name, position, words, inside=False):
        first = node.args[0] if node.args else words.get("fileobj", words.get("file", words.get("name")))
        if self.in_memory(first) or self.in_memory(words.get("fileobj")) or self.scratch.is_scratch(first):
            return
        if not inside:
            self.reads(node, name)
        if None in words or any(isinstance(a, ast.Starred) for a in node.args):
            self.writes(node, f"{name} with arguments that are not named here")
        mode = words.get("mode", words.get("flag", node.args[position] if len(node.args) > position else None))
        if mode is not None and not (literal(mode) and not set(str(mode.value)) & set("wax+cn")):
            self.writes(node, f"{name} for writing")

    def database(self, node, words):
        where = node.args[0] if node.args else words.get("database")
        if literal(where) and where.value == ":memory:":
            return
        self.reads(node, "sqlite3.connect")
        text = where.values[-1] if isinstance(where, ast.JoinedStr) and where.values else where
        if not (literal(text) and str(text.value).endswith("?mode=ro") and "uri" in words):
            self.writes(node, "sqlite3.connect (but with file:...?mode=ro and uri=True)")

    def reach_program(self, node, fine):
        """A list that may be a command. fine: how many words may stand there
        without making it one."""
        words = [e.value if literal(e) and isinstance(e.value, str) else None for e in node.elts]
        if not words or words[0] is None:
            return
        program = words[0].rsplit("/", 1)[-1]
        started = {w.rsplit("/", 1)[-1] for w in words[1:] if w} if program in LAUNCHERS and len(words) > 1 else set()
        if program in PROGRAMS and len(words) > fine:
            self.found(node, "interpreter", f"{program} runs other programs or code")
        for inner in sorted(started & PROGRAMS):
            self.found(node, "interpreter", f"{program} starts {inner}, which runs other programs or code")
        for each in sorted({program} & NETWORK_PROGRAMS | started & NETWORK_PROGRAMS):
            if len(words) > fine and not self.permissions.get("network"):
                self.found(node, "network-program", f"{each} needs the network, which the manifest does not ask for")
        if len(words) > fine and ({program} | started) & WRITING_PROGRAMS:
            self.writes(node, program)
        option = WRITING_OPTIONS.get(program)
        if option is not None and any(w and option.match(w) for w in words[1:]):
            self.writes(node, program + " with such an option")
        if program in SCRIPTED and "--sandbox" not in words:
            self.check_script(node, program)

    def check_script(self, node, program):
        """A script of sed or awk that a caller gives can run programs."""
        takes = False
        for element in node.elts[1:]:
            if literal(element) and isinstance(element.value, str) and element.value.startswith("-") and len(element.value) > 1:
                takes = element.value in {"-F", "-v", "-f", "--file", "-e", "--expression"}
                script = takes and element.value in {"-f", "--file", "-e", "--expression"}
                if not script:
                    continue
                position = node.elts.index(element) + 1
                element = node.elts[position] if position < len(node.elts) else element
            elif takes:
                takes = False
                continue
            if not self.constant(element):
                self.found(node, "interpreter", f"a script for {program} that a caller gives can run programs: add --sandbox, or make it constant")
            return

    def constant(self, node):
        """Text without a part that a caller chooses freely: numbers may be."""
        if isinstance(node, ast.JoinedStr):
            return all(literal(v) or isinstance(v.value, ast.Name) and v.value.id in self.numbers for v in node.values)
        return literal(node) or isinstance(node, ast.Name) and node.id.isupper()
