package action

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lathe/learn"
)

var fence = regexp.MustCompile("(?s)```bash\\s*\\n(.*?)\\n```")

// recordedCommands reads the shell commands of the shared mini-swe-agent
// archive: one fenced block per assistant message.
func recordedCommands(t testing.TB) []string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "mini-swe-agent.tar.gz")
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("the recorded sessions are missing: %v; this test needs ../shared/data beside the repository", err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return commands
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.Name, ".traj.json") {
			continue
		}
		var doc struct {
			Messages []struct {
				Role    string          `json:"role"`
				Content json.RawMessage `json:"content"`
			} `json:"messages"`
		}
		if err := json.NewDecoder(tr).Decode(&doc); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		for _, m := range doc.Messages {
			var text string
			if m.Role != "assistant" || json.Unmarshal(m.Content, &text) != nil {
				continue
			}
			if blocks := fence.FindAllStringSubmatch(text, -1); len(blocks) == 1 {
				commands = append(commands, strings.TrimSpace(blocks[0][1]))
			}
		}
	}
}

// TestSkeletonsOfRecordedSessions measures how far skeletons generalise.
func TestSkeletonsOfRecordedSessions(t *testing.T) {
	commands := recordedCommands(t)
	count, intents, example, raw, other := map[string]int{}, map[learn.Intent]int{}, map[string]string{}, 0, map[string]int{}
	for _, c := range commands {
		a := ParseCommand(c)
		count[a.Skeleton]++
		intents[a.Intent]++
		example[a.Skeleton] = c
		if a.Skeleton == c && len(c) > 60 {
			raw++
		}
		if a.Intent == learn.IntentOther {
			other[a.Program+" | "+cut(a.Skeleton, 100)]++
		}
	}
	often, covered := 0, 0
	for _, n := range count {
		if n >= 5 {
			often++
			covered += n
		}
	}
	share := float64(covered) / float64(len(commands))
	t.Logf("%d commands, %d skeletons, %d of them at least five times, covering %.1f %%; %d raw", len(commands), len(count), often, 100*share, raw)
	t.Logf("intents: %v", intents)
	logMost(t, "skeleton", count, 40)
	logMost(t, "other", other, 30)
	if len(commands) < 9000 || share < 0.80 {
		t.Errorf("%d commands with coverage %.3f, want at least 9000 and 0.80", len(commands), share)
	}
}

func logMost(t *testing.T, what string, count map[string]int, n int) {
	keys := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	for _, k := range keys[:min(n, len(keys))] {
		t.Logf("%s %5d %s", what, count[k], strings.ReplaceAll(k, "\n", "⏎"))
	}
}
