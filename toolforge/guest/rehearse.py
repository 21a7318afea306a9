"""What every call of a tool in Python goes through, with a tool of our own.

The process that waits for a call runs this, so that the call finds its memory
in place. It lies beside call.py and the folder `rehearsal` with that tool.
"""

import os
import sys

folder = os.path.dirname(sys.argv[0]) + "/rehearsal"
caller = type(sys)("call")
exec(sys.modules["_lathe_compiled"].code[sys.argv[0]], caller.__dict__)
for text in (b'{"text": "a b a", "most": 2, "ratio": 0.5, "deep": false}', b'{"none": null}', b'{"text": ""}'):
    caller.run(text, folder, "rehearsal")
sys.modules.pop("tool", None)
