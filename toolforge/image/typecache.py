"""Fills mypy's cache with the standard library, while an image is built.

The gate that runs mypy finds what it knows of the library ready, instead of
reading builtins.pyi and what that imports anew for every tool. Images are
reproducible: what a cache notes of the clock is taken out again. A cache that
cannot be made, or made the same twice, is left out: the gate does without.

usage: typecache.py FOLDER SECONDS OPTION..., the options of the gate; SECONDS
since 1970 is the time that all files of the image carry.
"""

import json
import os
import shutil
import subprocess
import sys

# Not the standard library of this system, or nothing that a tool may import.
SKIP = set("antigravity this idlelib tkinter turtle turtledemo lib2to3 distutils ensurepip venv test "
           "msvcrt winreg winsound nt ntpath msilib asynchat asyncore smtpd imp encodings".split())
INDIRECT = 30  # mypy's PRI_INDIRECT


def modules():
    """All modules of the standard library that mypy has stubs of, by name."""
    import mypy

    shed = os.path.join(os.path.dirname(mypy.__file__), "typeshed", "stdlib")
    for folder, folders, files in os.walk(shed):
        folders.sort()
        place = os.path.relpath(folder, shed).split(os.sep)
        parts = [] if place == ["."] else place
        for file in sorted(files):
            stem, suffix = os.path.splitext(file)
            name = [*parts, stem] if stem != "__init__" else parts
            if suffix == ".pyi" and name and name[0] in sys.stdlib_module_names and name[0] not in SKIP and not any(p.startswith("_") for p in name):
                yield ".".join(name)


def steady(meta, seconds):
    """A module's entry without what differs from one run to the next: the
    clock, and the dependencies that mypy came upon on its way, which depends
    on the addresses of objects. They say when the entry is to be made anew, and
    the stubs of an image never change."""
    count = len(meta["dependencies"])
    kept = [i for i in range(count) if meta["dep_prios"][i] != INDIRECT]
    meta["dependencies"] = [meta["dependencies"][i] for i in kept]
    for name in ("dep_prios", "dep_lines"):  # after them come those of modules that there are not
        meta[name] = [meta[name][i] for i in kept] + meta[name][count:]
    meta["data_mtime"] = seconds
    return meta


def freeze(folder, seconds):
    """Make the cache steady; False when it is not of the kind that is known."""
    known = False
    for where, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(where, file)
            if file.endswith(".meta.json"):
                with open(path, encoding="utf-8") as stream:
                    meta = steady(json.load(stream), seconds)
                with open(path, "w", encoding="utf-8") as stream:
                    json.dump(meta, stream, sort_keys=True)
                known = True
            os.utime(path, (seconds, seconds))
    return known


def main():
    folder, seconds, options = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    source = os.path.join(os.path.dirname(folder), "library.py")
    try:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with open(source, "w", encoding="utf-8") as file:
            file.write("".join(f"import {name}\n" for name in modules()))
        # Without -I, which would ignore the seed: the order of sets gets into the cache.
        subprocess.run([sys.executable, "-s", "-m", "mypy", *options, "--cache-dir=" + folder, source], check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr,
                       cwd=os.path.dirname(folder), env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"})
        fine = freeze(folder, seconds)
        for where, _, files in os.walk(folder):
            for file in files:
                if file.startswith(("library.", ".gitignore", "CACHEDIR.TAG")):
                    os.unlink(os.path.join(where, file))
    except (ImportError, OSError, ValueError, LookupError, TypeError) as error:
        print("no cache of types:", error, file=sys.stderr)
        fine = False
    finally:
        if os.path.exists(source):
            os.unlink(source)
    if not fine:
        shutil.rmtree(folder, ignore_errors=True)


main()
