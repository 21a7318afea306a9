package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
)

// exitCode ends the program with the code of the command that it ran.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func parseBytes(s string) (int64, error) {
	units := map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
	unit := int64(1)
	if n := len(s); n > 0 && units[s[n-1]] != 0 {
		unit, s = units[s[n-1]], s[:n-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40/unit {
		return 0, usagef("%q is no size like 512M", s)
	}
	return n * unit, nil
}

// readBounded reads a file of at most maxInput bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(raw) > maxInput {
		return nil, fmt.Errorf("%s has more than %d bytes", path, maxInput)
	}
	return raw, nil
}
