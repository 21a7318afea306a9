package main

import (
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// place is where the daemon is.
type place struct {
	socket string
	// given: the person named the socket, so it may belong to another user,
	// as when the daemon runs as one.
	given bool
	data  string
}

// locate finds the data directory and its socket; data is the directory that
// was given as an argument, "" for none.
func locate(data string, getenv func(string) string) (place, error) {
	if data == "" {
		data = getenv("LATHE_DATA_DIR")
	}
	if data == "" {
		base := getenv("XDG_DATA_HOME")
		if !filepath.IsAbs(base) { // the XDG specification: ignore relative ones
			home := getenv("HOME")
			if home == "" {
				return place{}, errors.New("neither HOME, XDG_DATA_HOME nor LATHE_DATA_DIR is set: set one to where Lathe's data lies")
			}
			base = filepath.Join(home, ".local", "share")
		}
		data = filepath.Join(base, "lathe")
	}
	p := place{socket: socketPath(data), data: data}
	if s := getenv("LATHE_SOCKET"); s != "" {
		p.socket, p.given = s, true
	}
	return p, nil
}

// maxSocketPath is what a Unix socket's address holds on Linux and macOS.
const maxSocketPath = 100

// socketPath is where the daemon of a data directory listens; for a long path
// the daemon chooses the same place below the temporary folder (package server).
func socketPath(data string) string {
	path := filepath.Join(data, "lathe.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	sum := fnv.New64a() // package crypto would be set up at every start
	sum.Write([]byte(data))
	return filepath.Join(os.TempDir(), "lathe-"+strconv.Itoa(os.Getuid()), strconv.FormatUint(sum.Sum64(), 16)+".sock")
}

// spoolLater hands the event to `lathe hook --spool`, which lives on without
// this program: who called it does not wait.
func spoolLater(at place, format string, event []byte) error {
	lathe, err := findLathe()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = os.StartProcess(lathe, []string{"lathe", "hook", "--spool", "--data", at.data, format}, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{r, nowhere, nowhere}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return err
	}
	r.Close() // so that a child that dies breaks the pipe instead of filling it
	if _, err := w.Write(event); err != nil {
		return errors.New("hand the event to " + lathe + ": " + err.Error())
	}
	return w.Close()
}

// findLathe is the program beside this one, or else the one on PATH.
func findLathe() (string, error) {
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), "lathe")
		if runs(beside) {
			return beside, nil
		}
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if path := filepath.Join(dir, "lathe"); filepath.IsAbs(path) && runs(path) {
			return path, nil
		}
	}
	return "", errors.New("there is no lathe beside this program or on PATH to spool it: install both in one folder")
}

func runs(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.Mode().IsRegular() && fi.Mode().Perm()&0o111 != 0
}
