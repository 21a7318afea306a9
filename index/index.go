package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/keyword"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/standard"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/dgraph-io/ristretto/v2"
)

// mappingVersion names the mapping and analysers below. Change it with them:
// an index of another version is made anew.
const mappingVersion = "4"

var (
	keyApplied = []byte("lathe/applied")
	keyMapping = []byte("lathe/mapping")
	keyCount   = []byte("lathe/count")
)

// Options configure an Index.
type Options struct {
	Logger *slog.Logger
	// CacheBytes bounds the query cache; 0 is 32 MiB.
	CacheBytes int64
}

// Index is the two Bleve indexes with their cache. Its methods may be called
// concurrently; each Apply method by one goroutine at a time.
type Index struct {
	events  *part
	objects *part
	cache   *ristretto.Cache[string, Result]
}

// part is one Bleve index and how far it got.
type part struct {
	name       string
	bleve      bleve.Index
	applied    atomic.Uint64
	generation atomic.Uint64
	mu         sync.Mutex // one batch at a time
}

// Open opens or creates the indexes in dir.
func Open(dir string, o Options) (*Index, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	events, err := openPart(dir, "events", eventMapping(), o.Logger)
	if err != nil {
		return nil, err
	}
	objects, err := openPart(dir, "objects", objectMapping(), o.Logger)
	if err != nil {
		return nil, errors.Join(err, events.bleve.Close())
	}
	cache, err := ristretto.NewCache(&ristretto.Config[string, Result]{
		NumCounters: 10 * (o.CacheBytes >> 12), MaxCost: o.CacheBytes, BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index: cache: %w", err), events.bleve.Close(), objects.bleve.Close())
	}
	return &Index{events: events, objects: objects, cache: cache}, nil
}

// Close flushes and closes both indexes.
func (x *Index) Close() error {
	x.cache.Close()
	return errors.Join(x.events.bleve.Close(), x.objects.bleve.Close())
}

// AppliedEvents is the sequence of the last event message in the index.
func (x *Index) AppliedEvents() uint64 { return x.events.applied.Load() }

// AppliedLedger is the sequence of the last ledger message in the index.
func (x *Index) AppliedLedger() uint64 { return x.objects.applied.Load() }

// Remove deletes the indexes in dir, so that the next Open makes them anew.
func Remove(dir string) error {
	for _, name := range []string{"events", "objects"} {
		if err := os.RemoveAll(filepath.Join(dir, name+".bleve")); err != nil {
			return fmt.Errorf("index: remove %s: %w", name, err)
		}
	}
	return nil
}

func openPart(dir, name string, m mapping.IndexMapping, log *slog.Logger) (*part, error) {
	path := filepath.Join(dir, name+".bleve")
	if _, err := os.Stat(path); err == nil {
		p, err := reopen(path, name)
		if err == nil {
			return p, nil
		}
		log.Warn("index is made anew from the log", "index", name, "why", err)
		if err := os.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("index: remove the unusable %s: %w", path, err)
		}
	}
	b, err := bleve.NewUsing(path, m, scorch.Name, scorch.Name, map[string]any{"bolt_timeout": "5s"})
	if err != nil {
		return nil, fmt.Errorf("index: create %s: %w", path, err)
	}
	if err := b.SetInternal(keyMapping, []byte(mappingVersion)); err != nil {
		return nil, errors.Join(fmt.Errorf("index: create %s: %w", path, err), b.Close())
	}
	// A fresh index did not survive a power cut until its folder was synced.
	for _, d := range []string{path, dir} {
		if err := syncDir(d); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return &part{name: name, bleve: b}, nil
}

func reopen(path, name string) (*part, error) {
	b, err := bleve.OpenUsing(path, map[string]any{"bolt_timeout": "5s"})
	if err != nil {
		return nil, err
	}
	p := &part{name: name, bleve: b}
	if err := p.check(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return p, nil
}

// check compares mapping version and document count with what the last batch
// wrote.
func (p *part) check() error {
	version, err := p.bleve.GetInternal(keyMapping)
	if err != nil {
		return err
	}
	if string(version) != mappingVersion {
		return fmt.Errorf("its mapping is version %q, this program's is %q", version, mappingVersion)
	}
	applied, err := p.bleve.GetInternal(keyApplied)
	if err != nil {
		return err
	}
	if len(applied) == 8 {
		p.applied.Store(binary.BigEndian.Uint64(applied))
	}
	want, err := p.bleve.GetInternal(keyCount)
	if err != nil {
		return err
	}
	have, err := p.bleve.DocCount()
	if err != nil {
		return err
	}
	if len(want) == 8 && binary.BigEndian.Uint64(want) != have {
		return fmt.Errorf("it holds %d documents where %d were written", have, binary.BigEndian.Uint64(want))
	}
	return nil
}

// commit writes a batch with the sequence that it brings the index to.
func (p *part) commit(b *bleve.Batch, seq uint64, added uint64) error {
	count, err := p.bleve.DocCount()
	if err != nil {
		return fmt.Errorf("index: count %s: %w", p.name, err)
	}
	b.SetInternal(keyApplied, binary.BigEndian.AppendUint64(nil, seq))
	b.SetInternal(keyCount, binary.BigEndian.AppendUint64(nil, count+added))
	if err := p.bleve.Batch(b); err != nil {
		return fmt.Errorf("index: write %s up to message %d: %w", p.name, seq, err)
	}
	p.applied.Store(seq)
	p.generation.Add(1)
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("index: sync %s: %w", path, err)
	}
	return nil
}

// scoringModel is Okapi BM25 instead of Bleve's older tf-idf.
const scoringModel = "bm25"

// textAnalyzer splits text into words: by Unicode's rules, in lower case,
// without the common ones of English.
const textAnalyzer = standard.Name

func textField() *mapping.FieldMapping {
	f := bleve.NewTextFieldMapping()
	f.Analyzer, f.Store, f.IncludeTermVectors, f.IncludeInAll, f.DocValues = textAnalyzer, false, false, false, false
	return f
}

func keywordField() *mapping.FieldMapping {
	f := bleve.NewTextFieldMapping()
	f.Analyzer, f.Store, f.IncludeTermVectors, f.IncludeInAll = keyword.Name, true, false, false
	return f
}

func storedField() *mapping.FieldMapping {
	f := bleve.NewTextFieldMapping()
	f.Index, f.Store, f.IncludeTermVectors, f.IncludeInAll, f.DocValues = false, true, false, false, false
	return f
}

func timeField() *mapping.FieldMapping {
	f := bleve.NewDateTimeFieldMapping()
	f.Store, f.IncludeInAll = true, false
	return f
}

func documentMapping(fields map[string]*mapping.FieldMapping) mapping.IndexMapping {
	d := bleve.NewDocumentStaticMapping()
	for name, f := range fields {
		d.AddFieldMappingsAt(name, f)
	}
	m := bleve.NewIndexMapping()
	m.DefaultMapping, m.DefaultAnalyzer, m.ScoringModel = d, textAnalyzer, scoringModel
	return m
}

func eventMapping() mapping.IndexMapping {
	fields := map[string]*mapping.FieldMapping{"text": textField(), "summary": storedField(), "time": timeField()}
	for _, k := range []string{"project", "session", "task", "agent", "tool", "intent", "status", "skeleton", "signatures"} {
		fields[k] = keywordField()
	}
	return documentMapping(fields)
}

func objectMapping() mapping.IndexMapping {
	fields := map[string]*mapping.FieldMapping{"text": textField(), "body": storedField(), "time": timeField()}
	for _, k := range []string{"kind", "object", "project"} {
		fields[k] = keywordField()
	}
	return documentMapping(fields)
}
