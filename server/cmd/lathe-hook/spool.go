package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lathe/server/intake"
	"lathe/server/redact"
)

// The spool holds at most this much; what comes later is dropped.
const (
	maxSpoolFiles = 4096
	maxSpoolBytes = 64 << 20
)

// spool parses the event, removes its secrets, and stores its records as one
// new file of JSON lines (each a learn.Record) in dir. It returns how many it
// stored; an event that says nothing stores none. The file appears whole or
// not at all, and its name sorts by time.
func spool(ctx context.Context, dir, format string, event []byte) (int, error) {
	recs, err := intake.ParseHook(format, event)
	if err != nil || len(recs) == 0 {
		return 0, err
	}
	red, err := redact.New()
	if err != nil {
		return 0, err
	}
	admitted, _, rejected := intake.NewDoor(red, intake.Limits{}).Admit(recs)
	if len(rejected) > 0 {
		return 0, fmt.Errorf("the event is not valid: %s", rejected[0].Reason)
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines) // ends each value with a newline
	for _, rec := range admitted {
		if err := enc.Encode(rec); err != nil {
			return 0, fmt.Errorf("encode the record: %w", err)
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("make the spool folder: %w", err)
	}
	if err := room(dir, lines.Len()); err != nil {
		return 0, err
	}
	return len(admitted), store(dir, lines.Bytes())
}

// room reports an error when need more bytes do not fit.
func room(dir string, need int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the spool: %w", err)
	}
	total := int64(need)
	for _, e := range entries {
		if fi, err := e.Info(); err == nil { // the daemon may be emptying it
			total += fi.Size()
		}
	}
	if len(entries) >= maxSpoolFiles || total > maxSpoolBytes {
		return fmt.Errorf("the spool is full (%d files, %d bytes): take it in with `lathe import events %s`, then empty it", len(entries), total, dir)
	}
	return nil
}

// store writes to a hidden name first: readers take *.jsonl only. There is
// no sync, which would cost the agent more than a lost event after a crash of
// the machine does.
func store(dir string, data []byte) error {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name(f.Name())))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the write's error matters more
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// name is a spool file's final name: when it was made, then the temporary
// name's unique part.
func name(temporary string) string {
	unique := strings.TrimPrefix(filepath.Base(temporary), ".new-")
	made := ""
	if fi, err := os.Stat(temporary); err == nil {
		made = fi.ModTime().UTC().Format("20060102T150405.000000000")
	}
	return made + "-" + unique + ".jsonl"
}
