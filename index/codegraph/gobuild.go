package codegraph

import (
	"bytes"
	"go/build/constraint"
	"path"
	"runtime"
	"strings"
)

// builtHere reports whether the go command would take a file when building
// for this kind of machine without tags: by its name and its //go:build line.
func builtHere(name string, src []byte) bool {
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), "_test"), "_")
	for _, p := range parts[1:] {
		if knownSystem(p) && p != runtime.GOOS || knownMachine(p) && p != runtime.GOARCH {
			return false
		}
	}
	for raw := range bytes.Lines(src) {
		l := strings.TrimSpace(string(raw))
		if strings.HasPrefix(l, "package ") {
			break
		}
		if constraint.IsGoBuild(l) {
			expr, err := constraint.Parse(l)
			return err != nil || expr.Eval(tagged)
		}
	}
	return true
}

func tagged(tag string) bool {
	switch tag {
	case runtime.GOOS, runtime.GOARCH, "gc", "cgo":
		return true
	case "unix":
		return runtime.GOOS != "windows" && runtime.GOOS != "plan9" && runtime.GOOS != "js"
	}
	return strings.HasPrefix(tag, "go1.")
}

func knownSystem(s string) bool {
	switch s {
	case "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos":
		return true
	}
	return false
}

func knownMachine(s string) bool {
	switch s {
	case "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm":
		return true
	}
	return false
}
