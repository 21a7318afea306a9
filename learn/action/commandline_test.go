package action

import (
	"encoding/json"
	"testing"

	"lathe/learn"
)

// Tools of MCP servers run command lines under any name; what they are given
// says so.
func TestCommandLinesByTheirShape(t *testing.T) {
	for _, tc := range []struct{ tool, params, command string }{
		{"box__tidy", `{"command":"go vet ./..."}`, "go vet ./..."},
		{"mcp__box__tidy", `{"cmd":"cd a && frob"}`, "cd a && frob"},
		{"box__do", `{"command":["pytest","-q","a b"],"cwd":"/x","timeoutMs":5}`, "pytest -q 'a b'"},
		{"box__do", `{"command":"ls","args":["-la","a b"],"workingDirectory":"/x"}`, "ls -la 'a b'"},
		{"box__do", `{"script":"set -e\nmake test","description":"tests"}`, "set -e\nmake test"},
		{"box__do", `{"command":["bash","-lc","npm test"]}`, "npm test"},
		{"box__runInSandbox", `{"command":"frobnicate --all"}`, "frobnicate --all"},
		{"box__process_start", `{"command":"frobnicate","timeout_ms":1000}`, "frobnicate"},
		{"desk.start", `{"command":"FOO=1 ./gradlew test"}`, "FOO=1 ./gradlew test"},

		{"lab__send_command", `{"command":"ping 10.0.0.1"}`, ""},
		{"lab__apply", `{"device":"r1","command":"ping 10.0.0.1"}`, ""},
		{"lab__apply", `{"host":"r1","command":"ls /flash"}`, ""},
		{"lab__apply", `{"command":"show version"}`, ""},
		{"router__apply", `{"command":"ping 10.0.0.1"}`, ""},
		{"lab__execute_sql", `{"command":"SELECT 1"}`, ""},
		{"lab__run_python", `{"script":"import os"}`, ""},
		{"lab__plot", `{"script":"import os\nprint(os.name)"}`, ""},
		{"edit__do", `{"command":"view","path":"a"}`, ""},
		{"edit__do", `{"command":"create"}`, ""},
		{"lab__apply", `{"command":{"name":"ls"}}`, ""},
		{"lab__apply", `{"command":["ls",1]}`, ""},
		{"lab__apply", `{"command":"ls","cmd":"pwd"}`, ""},
		{"lab__apply", `{"command":""}`, ""},
		{"lab__apply", `{"command":"ls","args":"-l"}`, ""},
		{"lab__apply", `"ls -l"`, ""},
		{"lab__write_file", `{"command":"ls"}`, ""},
		{"lab__chat", `{"command":"ls"}`, ""},
	} {
		act := Parse(&learn.ActionOutcome{ToolName: tc.tool, ToolParameters: json.RawMessage(tc.params)})
		if act.Command != tc.command || act.Tool != tc.tool {
			t.Errorf("%s %s: command %q (%s), want %q", tc.tool, tc.params, act.Command, act.Tool, tc.command)
		}
	}
}
