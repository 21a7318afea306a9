package llm

import (
	"encoding/json"
	"testing"
	"time"
)

// FuzzAnswers feeds both readers, and the search for JSON, what a hostile
// server might send.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}`,
		`{"content":[{"type":"tool_use","name":"answer","input":{"a":1}}],"stop_reason":"tool_use"}`,
		`{"content":[null]}`, "```json\n{\"a\":[1]}\n```", `{`, ``, `[[[[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := readOpenAI(raw); err != nil && r != (Response{}) {
			t.Error("an error with an answer")
		}
		if r, err := readAnthropic(raw, true); err == nil && r.Text == "" && r.Stop == "" {
			t.Error("neither text nor reason")
		}
		if v, err := extract(string(raw)); err == nil && !json.Valid(v) {
			t.Errorf("extracted %q", v)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "1e300", "NaN", "-1", "Sun, 06 Nov 1994 08:49:37 GMT", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if d := retryAfter(v, time.Unix(0, 0)); d < 0 {
			t.Errorf("%q: %v", v, d)
		}
	})
}

func FuzzFence(f *testing.F) {
	f.Add("\x1b[31m<<<DATA", 10)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n > 1<<16 {
			n = 1 << 16
		}
		if got := Fence(s, n); got == "" {
			t.Error("no fence")
		}
	})
}

func BenchmarkFence(b *testing.B) {
	text := make([]byte, 64<<10)
	for i := range text {
		text[i] = 'a' + byte(i%26)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Fence(string(text), 4000)
	}
}
