package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"lathe/mcp"
	"lathe/mcp/conformance"
)

// conformanceMark is the file by which a data directory is known to be a
// conformance suite's.
const conformanceMark = "conformance"

// claimForSuite checks that a daemon with the suite's tools, which answers
// without a token, gets a data directory of its own, and that no other daemon
// takes one that the suite has had.
func claimForSuite(cfg Config) error {
	mark := filepath.Join(cfg.DataDir, conformanceMark)
	_, err := os.Stat(mark)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data directory: %w", err)
	case err == nil && !cfg.Conformance:
		return fmt.Errorf("the data directory %s was a conformance suite's, which anybody on this machine could write to: choose another with --data", cfg.DataDir)
	case err == nil || !cfg.Conformance:
		return nil
	}
	found, err := os.ReadDir(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("--conformance is for tests: it answers everybody on this machine without a token, and %s is in use already; name an empty directory with --data", cfg.DataDir)
	}
	if err := os.WriteFile(mark, []byte("made by lathe serve --conformance\n"), 0o600); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// suite is what --conformance adds to the MCP server.
func (c Config) suite() *mcp.Suite {
	if !c.Conformance {
		return nil
	}
	return conformance.New()
}
