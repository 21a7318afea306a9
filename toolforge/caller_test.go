package toolforge

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCallerBindsAsInspect holds call.py's bind against inspect's, on functions
// of all kinds.
func TestCallerBindsAsInspect(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, CallerName), caller(CallerName), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "-c", `
import functools, inspect, itertools, sys
sys.path.insert(0, sys.argv[1])
import call

def wrapped(f):
    return functools.wraps(f)(lambda *a, **k: f(*a, **k))

def local(x, *, y=0):
    z = w = x
    return z, w, y

class Callable:
    def __call__(self, *, x): return x

functions = [lambda: 0, lambda x: x, lambda x, y=1: x, lambda *, x: x, lambda *, x, y=1: x, lambda x, *, y, z=1, w: x, lambda x, /, y: x,
             lambda x=1, /, y=2: x, lambda *a, x: x, lambda **k: k, lambda x, **k: k, lambda x, /, **k: k, local, wrapped(local), Callable(),
             Callable().__call__, functools.partial(local, y=2), dict, len]
n = 0
for function in functions:
    for size in range(4):
        for names in itertools.combinations(("x", "y", "z", "w", "a"), size):
            arguments = dict.fromkeys(names, 1)
            said = []
            for way in (lambda: call.bind(function, arguments), lambda: inspect.signature(function).bind(**arguments)):
                try:
                    way()
                    said.append(None)
                except (TypeError, ValueError) as error:
                    said.append((type(error), "unexpected" in str(error) or "missing" in str(error)))
            assert said[0] == said[1], (function, arguments, said)
            n += said[0] is None
print(n > 20)
`, dir).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "True" {
		t.Errorf("%v: %s", err, out)
	}
}
