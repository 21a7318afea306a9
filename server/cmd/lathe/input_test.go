package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeInput KIND FILE makes input that a script cannot hold: large, binary, or
// broken on purpose.
func makeInput(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: make KIND FILE")
	}
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	var out bytes.Buffer
	switch args[0] {
	case "sessions":
		ts.Check(makeSessions(path))
		return
	case "longline": // 100 MB without a line end, between two good events
		ts.Check(makeLongLine(path))
		return
	case "junk":
		random := rand.NewChaCha8([32]byte{7})
		raw := make([]byte, 1<<20)
		_, _ = random.Read(raw) // never fails
		out.Write(raw)
	case "bomb": // deep nesting as parameters, and as the whole line
		deep := strings.Repeat("[", 200_000)
		fmt.Fprintln(&out, goodEvent("b1"))
		fmt.Fprintf(&out, `{"call_id":"b2","tool_name":"x","tool_parameters":%s%s}`+"\n", deep, strings.Repeat("]", 200_000))
		fmt.Fprintln(&out, deep)
		fmt.Fprintf(&out, `{"a":%s`+"\n", strings.Repeat(`{"a":`, 200_000))
		fmt.Fprintln(&out, goodEvent("b3"))
	case "longname":
		fmt.Fprintln(&out, goodEvent("n1"))
		fmt.Fprintln(&out, strings.Replace(goodEvent("n2"), `"bash"`, `"`+strings.Repeat("x", 10_000)+`"`, 1))
		fmt.Fprintln(&out, goodEvent("n3"))
	case "truncated":
		ts.Check(makeTruncated(&out))
	default:
		ts.Fatalf("nobody makes %q", args[0])
	}
	ts.Check(os.WriteFile(path, out.Bytes(), 0o644))
}

func goodEvent(id string) string {
	return fmt.Sprintf(`{"call_id":%q,"timestamp":"2026-01-05T10:00:00Z","action_type":"tool_call","tool_name":"bash","tool_parameters":{"command":"ls"},"tool_output":{"stdout":"a","exit_code":0},"status":"success"}`, id)
}

func makeLongLine(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, goodEvent("l1"))
	w.WriteString(`{"call_id":"l2","tool_name":"bash","tool_output":{"stdout":"`)
	chunk := strings.Repeat("lathe ", 1<<14)
	for n := 0; n < 100<<20; n += len(chunk) {
		w.WriteString(chunk)
	}
	w.WriteString("\"}}\n")
	fmt.Fprintln(w, goodEvent("l3"))
	if err := w.Flush(); err != nil { // keeps the first error of the writes before
		return err
	}
	return f.Close()
}

// makeTruncated makes an archive of two files whose last third is missing.
func makeTruncated(out *bytes.Buffer) error {
	var whole bytes.Buffer
	gz := gzip.NewWriter(&whole)
	tw := tar.NewWriter(gz)
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"p/first.jsonl", "p/second.jsonl"} {
		var body strings.Builder
		for i := range 300 {
			e := strings.Replace(goodEvent(fmt.Sprintf("t%d", i)), `"a"`, fmt.Sprintf(`"%x"`, random.Uint64()), 1)
			body.WriteString(e + "\n")
		}
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(body.Len())}); err != nil {
			return err
		}
		if _, err := tw.Write([]byte(body.String())); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	if err := gz.Close(); err != nil {
		return err
	}
	out.Write(whole.Bytes()[:whole.Len()*2/3])
	return nil
}

// makeSessions makes a folder of twelve sessions, of which every second meets a
// missing module and installs it.
func makeSessions(dir string) error {
	type event map[string]any
	call := func(n int, command, stdout string, exit int) event {
		status := "success"
		if exit != 0 {
			status = "failure"
		}
		return event{"call_id": fmt.Sprintf("c%d", n), "timestamp": fmt.Sprintf("2026-01-05T10:%02d:00Z", n), "action_type": "tool_call",
			"tool_name": "bash", "tool_parameters": event{"command": command}, "status": status,
			"tool_output": event{"stdout": stdout, "exit_code": exit}, "resource_metrics": event{"duration_ms": 120}}
	}
	for s := range 12 {
		lines := []any{
			event{"phase": "start", "task_id": fmt.Sprintf("task-%d", s), "timestamp": "2026-01-05T10:00:00Z", "prompt": "make the tests pass"},
			call(1, "git status --short", "", 0),
		}
		if s%2 == 0 {
			lines = append(lines,
				call(2, "pytest -q", "E   ModuleNotFoundError: No module named 'requests'\n1 error in 0.10s", 2),
				call(3, "pip install requests", "Successfully installed requests-2.32.3", 0))
		}
		lines = append(lines, call(4, "pytest -q", "3 passed in 0.20s", 0),
			event{"phase": "finish", "task_id": fmt.Sprintf("task-%d", s), "timestamp": "2026-01-05T10:05:00Z", "outcome": "success", "outcome_kind": "benchmark"})
		var body bytes.Buffer
		enc := json.NewEncoder(&body)
		for _, l := range lines {
			if m := l.(event); m["call_id"] != nil {
				m["task_id"] = fmt.Sprintf("task-%d", s)
			}
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, "shop"), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "shop", fmt.Sprintf("s%02d.jsonl", s)), body.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
