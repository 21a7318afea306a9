package intake

import (
	"context"
	"os"
	"testing"

	"lathe/learn"
	"lathe/server/redact"
)

// counting is a Sink that passes records through a Door, or none, and forgets
// them.
type counting struct {
	door    *Door
	records int
}

func (c *counting) Accept(_ context.Context, recs []learn.Record) (Receipt, error) {
	c.records += len(recs)
	if c.door != nil {
		c.door.Admit(recs)
	}
	return Receipt{Accepted: len(recs)}, nil
}

// BenchmarkImport reads the recorded mini-swe-agent sessions: decompress and
// parse alone, and with validation, redaction and caps. MB/s counts the archive
// as it lies on disk (7.6 MB, 53.8 MB unfolded).
func BenchmarkImport(b *testing.B) {
	path := shared(b, "mini-swe-agent.tar.gz")
	info, err := os.Stat(path)
	must(b, err)
	r, err := redact.New()
	must(b, err)
	for _, bench := range []struct {
		name string
		door *Door
	}{{"parse", nil}, {"parse+door", NewDoor(r, Limits{})}} {
		b.Run(bench.name, func(b *testing.B) {
			sink := &counting{door: bench.door}
			b.SetBytes(info.Size())
			for b.Loop() {
				_, err := Import(context.Background(), ImportOptions{Format: "mini-swe-agent", Paths: []string{path}}, sink)
				must(b, err)
			}
			b.ReportMetric(float64(sink.records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
