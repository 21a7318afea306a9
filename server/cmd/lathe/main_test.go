package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"lathe/server"
	"lathe/toolforge/image"
	"lathe/toolforge/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	testscript.Main(m, map[string]func(){"lathe": main, "scripted-model": scriptedModel, "bench-echo": benchEcho, "describes": describes})
}

// TestScripts runs the real program, each script with a data directory and a
// daemon of its own.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", "") }

// TestHeavyScripts needs what `lathe setup` builds, and runs sandboxes.
func TestHeavyScripts(t *testing.T) { runScripts(t, "testdata/heavy", baseImages(t)) }

// baseImages is the image store of the person who runs the tests.
func baseImages(t *testing.T) string {
	t.Helper()
	cfg, _, err := server.LoadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := image.Open(cfg.ImagesDir)
	if err == nil {
		_, err = store.Base(image.Validation)
	}
	if err != nil {
		t.Fatalf("this test runs sandboxes: %v; leave such tests out with -skip '^TestHeavy'", err)
	}
	return cfg.ImagesDir
}

func runScripts(t *testing.T, dir, images string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			data := filepath.Join(env.WorkDir, "d")
			recordings, err := filepath.Abs(filepath.Join("..", "..", "..", "fixtures", "recordings"))
			if err != nil {
				return err
			}
			shared, err := filepath.Abs(filepath.Join("..", "..", "..", "..", "shared", "data"))
			if err != nil {
				return err
			}
			for name, value := range map[string]string{
				"SHARED": shared, "LATHE_DATA_DIR": data, "LATHE_HTTP": "off", "LATHE_IMAGES_DIR": images,
				"HOME": filepath.Join(env.WorkDir, "home"), "XDG_CONFIG_HOME": filepath.Join(env.WorkDir, "config"),
				"TERM": "dumb", "RECORDINGS": recordings, "LONG": filepath.Join(env.WorkDir, strings.Repeat("long-", 30)),
			} {
				env.Setenv(name, value)
			}
			env.Values[sessionKey{}] = &session{}
			env.Defer(func() { endDaemon(t, data) })
			env.Defer(func() { endDaemon(t, filepath.Join(env.WorkDir, strings.Repeat("long-", 30))) })
			return os.MkdirAll(filepath.Join(env.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"onejson": oneJSON, "field": field, "make": makeInput, "samejson": sameJSON, "capture": capture, "rc": exitsWith, "occupy": occupy,
			"registry": registryServer, "dockersave": dockerSave, "session": openSession, "ask": askTool, "bar": bar,
		},
	})
}

// endDaemon stops the daemon that a script left behind and waits for its end.
func endDaemon(t *testing.T, data string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg := server.Config{DataDir: data}
	c := server.NewClient(cfg)
	if !c.Alive(ctx) {
		return
	}
	if err := c.Call(ctx, http.MethodPost, "/v1/stop", struct{}{}, &struct{}{}); err != nil {
		t.Errorf("stop the daemon of %s: %v", data, err)
	}
	if err := waitGone(ctx, server.Config{DataDir: data}); err != nil {
		t.Error(err)
	}
}

// oneJSON: the last command's stdout is one JSON document and nothing else.
func oneJSON(ts *testscript.TestScript, neg bool, _ []string) {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var doc any
	err := dec.Decode(&doc)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind the JSON document")
		}
	}
	if (err != nil) != neg {
		ts.Fatalf("stdout is not exactly one JSON document: %v", err)
	}
}

// field PATH VALUE: a field of the last command's JSON, like tasks.0.id.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: field PATH VALUE")
	}
	got, err := lookup(ts.ReadFile("stdout"), args[0])
	ts.Check(err)
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %s, want %s (negated: %v)", args[0], got, args[1], neg)
	}
}

// capture NAME PATH: a field of the last command's JSON into a variable.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATH")
	}
	got, err := lookup(ts.ReadFile("stdout"), args[1])
	ts.Check(err)
	ts.Setenv(args[0], got)
}

func lookup(text, path string) (string, error) {
	var at any
	if err := json.Unmarshal([]byte(text), &at); err != nil {
		return "", err
	}
	for _, key := range strings.Split(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i < 0 || i >= len(v) {
				return "", fmt.Errorf("no element %q in a list of %d", key, len(v))
			}
			at = v[i]
		default:
			return "", fmt.Errorf("nothing below %q", key)
		}
	}
	return fmt.Sprint(at), nil
}

// sameJSON A B: two files hold the same document.
func sameJSON(ts *testscript.TestScript, _ bool, args []string) {
	var docs [2]any
	for i := range docs {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &docs[i]))
	}
	a, _ := json.MarshalIndent(docs[0], "", " ")
	b, _ := json.MarshalIndent(docs[1], "", " ")
	if string(a) != string(b) {
		ts.Fatalf("%s and %s differ:\n%s\n%s", args[0], args[1], a, b)
	}
}

// exitsWith CODE COMMAND...: the command ends with exactly this code.
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: rc CODE COMMAND...")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// occupy holds a port until the script ends; its address is $OCCUPIED.
func occupy(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() }) // nothing was accepted
	ts.Setenv("OCCUPIED", l.Addr().String())
}
