package image

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An image without mypy gets no cache, and one whose cache cannot be made is
// built all the same.
func TestTypeCacheIsLeftOut(t *testing.T) {
	root := t.TempDir()
	hook := exec.CommandContext(t.Context(), "sh", "-c", typeCacheHook(), "sh", root)
	hook.Env = []string{"PATH=/usr/bin:/bin", "SOURCE_DATE_EPOCH=1704067200"}
	if out, err := hook.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	folder := filepath.Join(root, "types")
	// -S leaves out the folder in which Debian has mypy.
	script := exec.CommandContext(t.Context(), "/usr/bin/python3", "-I", "-S", "typecache.py", folder, "1704067200", "--strict")
	if out, err := script.CombinedOutput(); err != nil || !strings.Contains(string(out), "no cache of types") {
		t.Errorf("%v\n%s", err, out)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// What differs from one run of mypy to the next is taken out of an entry.
func TestTypeCacheIsSteady(t *testing.T) {
	// The script is called as one only at its end.
	source := strings.TrimSuffix(strings.TrimSpace(typeCache), "\nmain()") + `
print(json.dumps([steady(m, 5) for m in json.load(sys.stdin)]))
`
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-I", "-c", source)
	cmd.Stdin = strings.NewReader(`[
{"data_mtime": 111, "dependencies": ["abc", "os", "re"], "suppressed": ["gone"], "dep_prios": [5, 30, 10, 5], "dep_lines": [1, 1, 7, 9]},
{"data_mtime": 222, "dependencies": ["abc", "re"], "suppressed": ["gone"], "dep_prios": [5, 10, 5], "dep_lines": [1, 7, 9]}]`)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var two []json.RawMessage
	if err := json.Unmarshal(out, &two); err != nil || len(two) != 2 || string(two[0]) != string(two[1]) {
		t.Errorf("%v\n%s", err, out)
	}
}
