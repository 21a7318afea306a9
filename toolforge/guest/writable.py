"""Runs a gate where a tool that may write can do so.

usage: writable.py FOLDERS PROGRAM...
Copies the working directory into a new one, makes the FOLDERS (a JSON list)
that the manifest names in its work folder, and becomes the program there.
"""

import json
import os
import shutil
import sys
import tempfile

place = os.path.join(tempfile.mkdtemp(), "gate")
shutil.copytree(".", place)
for folder in json.loads(sys.argv[1]):
    os.makedirs(os.path.join(place, "work", folder), exist_ok=True)
os.chdir(place)
os.execvp(sys.argv[2], sys.argv[2:])
