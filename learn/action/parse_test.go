package action

import (
	"encoding/json"
	"slices"
	"testing"

	"lathe/learn"
)

func TestParseCommand(t *testing.T) {
	for _, tc := range []struct {
		command  string
		intent   learn.Intent
		program  string
		skeleton string
		target   string
	}{
		{`grep -rn "def foo" src/`, learn.IntentSearch, "grep", `grep -n -r <pattern> <path>`, "src/"},
		{`grep -n -r 'x' .`, learn.IntentSearch, "grep", `grep -n -r <pattern> <path>`, ""},
		{`cd /repo && python -m pytest -xvs tests/test_a.py::test_b 2>&1 | tail -20`, learn.IntentTest, "pytest",
			`cd <path> && python -m pytest -s -v -x <path> 2>&1 | tail -<number>`, "tests/test_a.py::test_b"},
		{`python tests/runtests.py admin_views --parallel=4`, learn.IntentTest, "runtests.py",
			`python tests/runtests.py --parallel=<number> <string>`, "admin_views"},
		{`sudo -u bob env A=1 timeout 60 pip install "requests==2.31"`, learn.IntentInstall, "pip",
			`sudo -u <string> env A=<number> timeout <number> pip install <string>`, "requests==2.31"},
		{`bash -c "cd x && go test ./..."`, learn.IntentTest, "go", `bash -c 'cd <path> && go test <path>'`, "./..."},
		{"cat > a/b.py <<'EOF'\nprint(1)\nEOF", learn.IntentCreate, "cat", "cat > <path> << EOF\n<string>\nEOF", "a/b.py"},
		{"cat <<'EOF' > a/b.py\nprint(1)\nEOF", learn.IntentCreate, "cat", "cat > <path> << EOF\n<string>\nEOF", "a/b.py"},
		{`sed -i 's/a/b/' x.py`, learn.IntentEdit, "sed", `sed -i <pattern> <path>`, "x.py"},
		{`sed -n '1,20p' x.py`, learn.IntentRead, "sed", `sed -n <pattern> <path>`, "x.py"},
		{`git commit -am "fix it"`, learn.IntentVCS, "git", `git commit -a -m <string>`, ""},
		{`git checkout -- a.py`, learn.IntentVCS, "git", `git checkout -- <path>`, "a.py"},
		{`git log --oneline -5 HEAD~3`, learn.IntentVCS, "git", `git log -<number> --oneline <ref>`, "HEAD~3"},
		{`git -C sub status`, learn.IntentVCS, "git", `git status -C <path>`, ""},
		{`npm run build:prod`, learn.IntentBuild, "npm", `npm run build:prod`, "build:prod"},
		{`npm test -- --watch=false`, learn.IntentTest, "npm", `npm test -- <string>`, "--watch=false"},
		{`npx tsc --noEmit`, learn.IntentTypecheck, "tsc", `npx tsc --noEmit`, ""},
		{`yarn lint`, learn.IntentLint, "yarn", `yarn lint`, ""},
		{`cargo test --lib foo`, learn.IntentTest, "cargo", `cargo test --lib <string>`, "foo"},
		{`make -j4 check`, learn.IntentTest, "make", `make check -j<number>`, ""},
		{`find . -name "*.py" | xargs grep -l foo`, learn.IntentSearch, "find", `find <path> -name <pattern> | xargs grep -l <pattern>`, ""},
		{`find . -type f -name '*.pyc' -delete`, learn.IntentDelete, "find", `find <path> -type <string> -name <pattern> -delete`, ""},
		{`curl -s https://x.invalid/a | jq .b`, learn.IntentNetwork, "curl", `curl -s <url> | jq <pattern>`, "https://x.invalid/a"},
		{`FOO=bar ./scripts/test.sh`, learn.IntentTest, "test.sh", `FOO=<string> ./scripts/test.sh`, ""},
		{`for f in a.py b.py; do wc -l $f; done`, learn.IntentRead, "wc", `for f in <path> <path>; do wc -l <path>; done`, "$f"},
		{`echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached`, learn.IntentSubmit, "echo", "", ""},
		{`bin/test sympy/core`, learn.IntentTest, "test", `bin/test <path>`, "sympy/core"},
		{`which pytest`, learn.IntentSearch, "which", `which <string>`, ""},
		{`if then fi (`, learn.IntentOther, "", `if then fi (`, ""},
		{``, learn.IntentOther, "", ``, ""},
		{`rm -rf build && make`, learn.IntentBuild, "make", `rm -f -r <path> && make`, ""},
		{`python - <<'EOF'
p = 'a/b.py'
s = open(p).read()
open(p, 'w').write(s.replace('\n', ''))
EOF`, learn.IntentEdit, "python", "python - << EOF\n<string>\nEOF", "a/b.py"},
	} {
		act := ParseCommand(tc.command)
		if tc.skeleton == "" && tc.command != "" {
			act.Skeleton = ""
		}
		if act.Intent != tc.intent || act.Program != tc.program || act.Skeleton != tc.skeleton || act.Target != tc.target {
			t.Errorf("%q\n got %s | %s | %s | %s\nwant %s | %s | %s | %s", tc.command,
				act.Intent, act.Program, act.Skeleton, act.Target, tc.intent, tc.program, tc.skeleton, tc.target)
		}
	}
}

func TestWritesAndEntities(t *testing.T) {
	for _, tc := range []struct {
		command string
		writes  []string
		entity  learn.Entity
	}{
		{`sed -i 's/a/b/' x.py y.py`, []string{"x.py", "y.py"}, learn.Entity{Kind: "file", Name: "x.py"}},
		{`cp a.py b.py`, []string{"b.py"}, learn.Entity{Kind: "file", Name: "a.py"}},
		{`mv a.py b.py`, []string{"a.py", "b.py"}, learn.Entity{Kind: "file", Name: "b.py"}},
		{`echo hi >> notes.txt`, []string{"notes.txt"}, learn.Entity{Kind: "file", Name: "notes.txt"}},
		{"pip install 'requests[socks]>=2' flask", nil, learn.Entity{Kind: "package", Name: "requests"}},
		{"curl http://h.invalid:80/x", nil, learn.Entity{Kind: "host", Name: "h.invalid"}},
		{"pytest a/test_x.py::TestA::test_b", nil, learn.Entity{Kind: "symbol", Name: "TestA::test_b"}},
		{"python -c 'import numpy.linalg'", nil, learn.Entity{Kind: "module", Name: "numpy.linalg"}},
		{"patch -p1 <<'EOF'\n--- a/m.c\n+++ b/m.c\n@@ -1 +1 @@\n-a\n+b\nEOF", []string{"m.c"}, learn.Entity{Kind: "file", Name: "m.c"}},
	} {
		act := ParseCommand(tc.command)
		if !slices.Equal(act.Writes, tc.writes) {
			t.Errorf("%q writes %q, want %q", tc.command, act.Writes, tc.writes)
		}
		if !slices.Contains(act.Entities, tc.entity) {
			t.Errorf("%q names %v, want %v among them", tc.command, act.Entities, tc.entity)
		}
	}
}

func TestParseStructured(t *testing.T) {
	for _, tc := range []struct {
		tool, params string
		intent       learn.Intent
		skeleton     string
		target       string
	}{
		{"Read", `{"file_path":"/a/b.go","limit":10}`, learn.IntentRead, "Read(file_path:string, limit:number)", "/a/b.go"},
		{"Edit", `{"file_path":"b.go","old_string":"x","new_string":"y"}`, learn.IntentEdit, "Edit(file_path:string, new_string:string, old_string:string)", "b.go"},
		{"str_replace_editor", `{"command":"view","path":"x.py"}`, learn.IntentRead, "str_replace_editor(command=view, path:string)", "x.py"},
		{"mcp__fs__list_directory", `{"path":"."}`, learn.IntentList, "mcp__fs__list_directory(path:string)", "."},
		{"Bash", `{"command":"go vet ./..."}`, learn.IntentLint, "go vet <path>", "./..."},
		{"shell", `{"command":["bash","-lc","ls -la"]}`, learn.IntentList, "ls -a -l", ""},
		{"get_user_details", `{"user_id":"mia_li"}`, learn.IntentRead, "get_user_details(user_id:string)", ""},
		{"cancel_reservation", `{"reservation_id":"X"}`, learn.IntentDelete, "cancel_reservation(reservation_id:string)", ""},
		{"WebFetch", `{"url":"https://x.invalid/"}`, learn.IntentNetwork, "WebFetch(url:string)", "https://x.invalid/"},
		{"apply_patch", `{"input":"*** Begin Patch\n*** Update File: a.go\n*** End Patch"}`, learn.IntentEdit, "apply_patch(<string>)", "a.go"},
		{"odd", `[1,2]`, learn.IntentOther, "odd()", ""},
		{"odd", `{broken`, learn.IntentOther, "odd()", ""},
	} {
		act := Parse(&learn.ActionOutcome{ToolName: tc.tool, ToolParameters: json.RawMessage(tc.params)})
		if act.Tool != tc.tool || act.Intent != tc.intent || act.Skeleton != tc.skeleton || act.Target != tc.target {
			t.Errorf("%s %s\n got %s | %s | %s\nwant %s | %s | %s", tc.tool, tc.params, act.Intent, act.Skeleton, act.Target, tc.intent, tc.skeleton, tc.target)
		}
	}
}
