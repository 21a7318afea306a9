package redact

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"lathe/learn"
	"pgregory.net/rapid"
)

func TestJSON(t *testing.T) {
	r := redactor(t)
	tests := []struct{ name, in, want string }{
		{"order and numbers stay", `{"b": 1.50, "a": "curl -u joe:` + pw + ` h", "z":[1e3]}`, `{"b": 1.50, "a": "curl -u joe:[redacted:user-flag] h", "z":[1e3]}`},
		{"telling name", `{"db_password": "correcthorse", "n": 1}`, `{"db_password": "[redacted:sensitive-name]", "n": 1}`},
		{"telling name, list", `{"apiKeys": ["abcdefgh", "ijklmnop"], "x": "ijklmnop"}`, `{"apiKeys": ["[redacted:sensitive-name]", "[redacted:sensitive-name]"], "x": "ijklmnop"}`},
		{"flag and value", `{"args": ["login", "--password", "correcthorse", "correcthorse"]}`, `{"args": ["login", "--password", "[redacted:sensitive-name]", "correcthorse"]}`},
		{"innocent names", `{"token": "NAME", "password_file": "/x/y", "secret_name": "abcd", "password": "", "next_token": "abc123"}`, ""},
		{"variable", `{"password": "$PW", "secret": "${S}"}`, ""},
		{"in a name", `{"` + ghToken + `": 1}`, `{"[redacted:github-pat]": 1}`},
		{"html stays", `{"a": "<b> & passwd=` + pw + ` "}`, `{"a": "<b> & passwd=[redacted:password-assignment] "}`},
		{"nested document", `{"body": "{\"password\": \"` + pw + `\"}"}`, `{"body": "{\"password\": \"[redacted:password-assignment]\"}"}`},
		{"not JSON", `{"a": passwd=` + pw, `"{\"a\": passwd=[redacted:password-assignment]"`},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.in
			}
			got, n := r.JSON(json.RawMessage(tt.in))
			if string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if again, m := r.JSON(got); !bytes.Equal(again, got) || m != 0 {
				t.Errorf("again: %d, %s", m, again)
			}
			if (n > 0) != (want != tt.in) {
				t.Errorf("found %d", n)
			}
		})
	}
}

// Every text of a record is looked at: a secret in each string that others
// chose must be gone.
func TestRecordLooksEverywhere(t *testing.T) {
	r := redactor(t)
	leak := "passwd=" + pw
	rec := learn.Record{
		Action: &learn.ActionOutcome{
			CallID: leak, PlanID: leak, StepID: leak, ProjectID: leak, SessionID: leak, TaskID: leak, AgentID: leak,
			ToolName: leak, ToolParameters: json.RawMessage(`{"command": "` + leak + `"}`),
			ToolOutput:      learn.ToolOutput{Stdout: leak, Stderr: leak, Content: leak},
			ErrorDetails:    &learn.ErrorDetails{Message: leak, Code: leak, StackTrace: leak},
			ContextSnapshot: learn.ContextSnapshot{CWD: leak, ActiveFiles: []string{leak}, CodeEntities: []string{"a", leak}, Environment: map[string]string{"X": leak, "DB_PASSWORD": "correcthorse", "HOME": "/root"}},
			Generated:       &learn.GeneratedCall{Network: []learn.NetworkRequest{{Host: leak, Reason: leak}}},
		},
		Task: &learn.TaskRecord{Prompt: leak, Feedback: leak, ProblemType: leak, ProjectID: leak, SessionID: leak, TaskID: leak, AgentID: leak},
	}
	if n := r.Record(&rec); n != 29 {
		t.Errorf("found %d secrets, want 29", n)
	}
	doc, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(doc, []byte(pw)) || bytes.Contains(doc, []byte("correcthorse")) {
		t.Errorf("left: %s", doc)
	}
	if rec.Action.ContextSnapshot.Environment["HOME"] != "/root" {
		t.Error("HOME was redacted")
	}
	checkFieldsKnown(t, reflect.TypeFor[learn.ActionOutcome](), "ID CallID PlanID StepID Timestamp ProjectID SessionID TaskID AgentID Source ActionType ToolName ToolParameters ToolOutput Status ErrorDetails ResourceMetrics ContextSnapshot Generated")
	checkFieldsKnown(t, reflect.TypeFor[learn.TaskRecord](), "ID TaskID ProjectID SessionID AgentID Timestamp Phase Prompt ProblemType Outcome OutcomeKind Feedback RemedyID")
	// The rest of Generated are versions and identifiers that the daemon itself
	// wrote.
	for _, typ := range []reflect.Type{reflect.TypeFor[learn.GeneratedCall](), reflect.TypeFor[learn.VersionTrial](), reflect.TypeFor[learn.ToolVersion](), reflect.TypeFor[learn.NetworkRequest]()} {
		checkFieldsKnown(t, typ, "ToolVersion Trial Fallback Candidate Share Version Digest ReviewID Tenure Network NetworkMore Host Address Allowed Reason Sent Received")
	}
	checkFieldsKnown(t, reflect.TypeFor[learn.ContextSnapshot](), "CWD ActiveFiles CodeEntities Environment")
	checkFieldsKnown(t, reflect.TypeFor[learn.ToolOutput](), "Stdout Stderr ExitCode Content")
	checkFieldsKnown(t, reflect.TypeFor[learn.ErrorDetails](), "Message Code StackTrace")
}

// Identifiers as agents make them are no secrets; one that holds a secret keeps
// the rest, and stays one identifier wherever it stands.
func TestIdentifiers(t *testing.T) {
	r := redactor(t)
	for _, id := range []string{"5c1e0f7a-1111-4222-8333-444455556666", "toolu_01A9bXkQ7yPq2RsTuVwXyZ34", "call_9fJk2LmN4pQrStUvWxYz0123",
		"ses_6f1c2b7a9ffeA1b2C3d4E5f6G7", "0199b0aa-0000-7000-8000-00000000c0de", "run-1763910000123456789", "widgets-3fa2c1d0",
		"chatcmpl-tool-0123456789abcdef0123456789abcdef", "fc_68a1b2c3d4e5f60718293a4b5c6d7e8f", "django__django-11099.1f2e3d4c", "session-token-rotation"} {
		rec := learn.Record{Action: &learn.ActionOutcome{CallID: id, SessionID: id, ProjectID: id, TaskID: id}}
		if n := r.Record(&rec); n != 0 || rec.Action.CallID != id {
			t.Errorf("%s became %s", id, rec.Action.CallID)
		}
	}
	a := learn.Record{Action: &learn.ActionOutcome{TaskID: "deploy " + ghToken, SessionID: "s"}}
	b := learn.Record{Task: &learn.TaskRecord{TaskID: "deploy " + ghToken, SessionID: "s"}}
	r.Record(&a)
	r.Record(&b)
	if a.Action.TaskID != b.Task.TaskID || !strings.HasPrefix(a.Action.TaskID, "deploy [redacted:") || strings.Contains(a.Action.TaskID, ghToken) {
		t.Errorf("%q and %q", a.Action.TaskID, b.Task.TaskID)
	}
}

// checkFieldsKnown fails when a type got a field that Record may have to look at.
func checkFieldsKnown(t *testing.T, typ reflect.Type, known string) {
	t.Helper()
	for i := range typ.NumField() {
		if !strings.Contains(" "+known+" ", " "+typ.Field(i).Name+" ") {
			t.Errorf("%s.%s is new: decide whether Record redacts it", typ, typ.Field(i).Name)
		}
	}
}

// pieces are what random texts are made of: secrets, what surrounds them, and
// fragments of markers.
func pieces() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{ghToken, awsID, pw, "password", "=", ": ", "\"", "'", "\n", " ", "://", "@", "joe:", "-u ",
			"Authorization: ", "Bearer ", "[redacted:", "]", "[redacted:x]", "[redacted:password-assignment]", "--password ", "secret",
			"key", "TOKEN=", "\\n", "\\\"", "-----BEGIN " + "PRIVATE KEY-----", "-----END " + "PRIVATE KEY-----", keyBody, jwtLike, "https://", "{", "}", ",",
			short, spaced, "\x1b[0m", "\x1b", "[", "m", "\u200b", "pass=", "token = ", "mysql -p", "sshpass -p ", "echo ", " | sudo -S", "Cookie: ", "sid=", ";",
			"Set-Cookie: ", "login ", "sk-" + "proj-", random}),
		rapid.String())
}

func TestIdempotent(t *testing.T) {
	r := redactor(t)
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(pieces(), 0, 20).Draw(t, "pieces"), "")
		once, _ := r.String(s)
		if twice, n := r.String(once); twice != once || n != 0 {
			t.Fatalf("%q\nonce  %q\ntwice %q", s, once, twice)
		}
	})
}

func FuzzString(f *testing.F) {
	r := redactor(f)
	for _, s := range []string{"passwd=" + pw, pemKey, "[redacted:[redacted:x]]", ghToken, "https://a:b@c", "\xff\xfe secret=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, n := r.String(s)
		if n == 0 && once != s {
			t.Fatal("changed without a find")
		}
		if twice, _ := r.String(once); twice != once {
			t.Fatalf("%q -> %q -> %q", s, once, twice)
		}
	})
}

func FuzzJSON(f *testing.F) {
	r := redactor(f)
	for _, s := range []string{`{"password": "abcdef"}`, `["--token", "abcdef12"]`, `{"a":`, `"\ud800"`, `{"a":{"b":["passwd=x1y2z3"]}}`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		once, _ := r.JSON(doc)
		if len(doc) > 0 && !json.Valid(once) {
			t.Fatalf("%q -> %q is not JSON", doc, once)
		}
		if twice, _ := r.JSON(once); !bytes.Equal(twice, once) {
			t.Fatalf("%q -> %q -> %q", doc, once, twice)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkString redacts what agents' shells print: code, listings, test
// output, a secret in each 100 KB.
func BenchmarkString(b *testing.B) {
	r := redactor(b)
	text := strings.Repeat(strings.Repeat("src/auth/token.py:12:    def parse_key(self, token, key=None):\n"+
		"tests/test_access.py::test_login PASSED                [ 42%]\n-rw-r--r-- 1 joe joe  4096 Nov 22 23:52 setup.cfg\n", 600)+
		"curl -u joe:"+pw+" https://host\n", 4)
	r.String(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.String(text)
	}
}

// BenchmarkHostile redacts texts made to be slow: many keywords, values without
// an end, half markers, half keys.
func BenchmarkHostile(b *testing.B) {
	r := redactor(b)
	const size = 1 << 20
	pad := strings.Repeat("x", 2000)
	for _, piece := range []string{
		"passwd=a1" + pad, "://a:b" + pad, "-----BEGIN " + "PRIVATE KEY-----A", "[redacted:", "[redacted:x]", "eyJ" + pad,
		"key=a1b2c3d4e5f6 ", "password='", "TOKEN=a1b2c3d4e5", "AKIA", "-u a:b ", "Bearer a1", "secret", "https://a:b@", "-----BEGIN " + "PRIVATE KEY-----" + pad,
	} {
		text := strings.Repeat(piece, size/len(piece))
		b.Run(piece[:min(12, len(piece))], func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				r.String(text)
			}
		})
	}
}
