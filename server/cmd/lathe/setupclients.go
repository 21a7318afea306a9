package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// clientsFolder is where the npm manifest of the test clients lies, in the
// checkout that dir is in; "" when it is in none.
func clientsFolder(dir string) string {
	for {
		folder := filepath.Join(dir, "fixtures", "clients")
		if _, err := os.Stat(filepath.Join(folder, "package-lock.json")); err == nil {
			return folder
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// lockStamp names the file in node_modules that says which lock file it was
// made from.
const lockStamp = "installed-from"

// lockDigest is the SHA-256 of the manifest's lock file, in hex.
func lockDigest(folder string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// clientsInstalled reports whether node_modules is what the lock file says.
func clientsInstalled(folder string) error {
	want, err := lockDigest(folder)
	if err != nil {
		return err
	}
	got, err := os.ReadFile(filepath.Join(folder, "node_modules", lockStamp))
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(got) != want {
		return fmt.Errorf("the npm packages of %s are not installed: run `lathe setup --dev`", folder)
	}
	return err
}

// clientsStep installs the MCP clients and the conformance suite that tests
// drive. There is none outside of a checkout.
func clientsStep() (step, bool) {
	wd, err := os.Getwd()
	if err != nil {
		return step{}, false
	}
	folder := clientsFolder(wd)
	if folder == "" {
		return step{}, false
	}
	return step{"npm ci in fixtures/clients (340 MB, half a minute)", func() bool { return clientsInstalled(folder) != nil },
		func(ctx context.Context) error {
			cmd := exec.CommandContext(ctx, "npm", "ci")
			cmd.Dir = folder
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("npm ci: %w\n%s", err, tail(string(out), 10))
			}
			digest, err := lockDigest(folder)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(folder, "node_modules", lockStamp), []byte(digest), 0o600)
		}}, true
}
