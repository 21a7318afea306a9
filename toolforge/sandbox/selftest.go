package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// How cgroups are laid out.
const (
	CgroupV1     = "version 1"
	CgroupV2     = "version 2"
	CgroupHybrid = "hybrid" // version 2 mounted, the controllers in version 1
)

// CgroupLayouts are those that there are.
func CgroupLayouts() []string { return []string{CgroupV1, CgroupV2, CgroupHybrid} }

// SelfTestReport says whether a backend holds.
type SelfTestReport struct {
	Backend      string          `json:"backend"`
	OK           bool            `json:"ok"`
	Checks       []SelfTestCheck `json:"checks"`
	Degradations []string        `json:"degradations,omitempty"`
	User         string          `json:"user"`    // root, or an ordinary user
	Cgroups      string          `json:"cgroups"` // how they are laid out here
	Seconds      float64         `json:"seconds"`
}

// SelfTestCheck is one abuse that was tried.
type SelfTestCheck struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // what happened, when it was not OK
}

// probe is an abuse in shell: the run must end as want says.
type probe struct {
	name   string
	script string
	limits Limits
	held   func(*Result) bool
}

func says(want string) func(*Result) bool {
	return func(r *Result) bool { return strings.TrimSpace(string(r.Stdout)) == want }
}

func ended(limit string) func(*Result) bool {
	return func(r *Result) bool { return r.Limit == limit }
}

// probes are the abuse battery in small: a second or two in all, with nothing
// but a shell and coreutils in the image.
func probes() []probe {
	return []probe{
		{"runs a command", `echo fine`, Limits{}, says("fine")},
		{"root is read-only", `for f in /x /usr/x /etc/x /dev/x; do (: >$f) 2>/dev/null && echo wrote $f; done; echo end`, Limits{}, says("end")},
		{"host files are absent", `[ -e /etc/shadow ] && echo shadow; [ -e /proc/sys ] && echo sys; echo end`, Limits{}, says("end")},
		{"no network", `python3 -c 'import socket; socket.socket()' 2>/dev/null && echo socket; echo end`, Limits{}, says("end")},
		{"environment is the given one", `echo "${PWD:+x}${LATHE_SELFTEST_PARENT}"; [ -e /proc/self/fd/3 ] && echo descriptor`, Limits{}, says("x")},
		{"no capabilities, no new privileges, filtered calls",
			`sed -n 's/^\(CapEff\|CapPrm\|CapBnd\|CapAmb\|NoNewPrivs\|Seccomp\):[[:space:]]*//p' /proc/self/status | tr '\n' ' '`, Limits{},
			says("0000000000000000 0000000000000000 0000000000000000 0000000000000000 1 2")},
		{"a full /tmp ends at its size", `head -c 3000000 /dev/zero >/tmp/x 2>/dev/null && echo wrote; echo end`,
			Limits{TmpBytes: 1 << 20}, says("end")},
		{"processes are limited", `i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i+1)); done; echo all`,
			Limits{PIDs: 32, WallTime: 5 * time.Second}, func(r *Result) bool { return !strings.Contains(string(r.Stdout), "all") }},
		{"memory is limited", `head -c 268435456 /dev/zero | tail -c 268435456 | wc -c; echo end`,
			Limits{MemoryBytes: 64 << 20}, func(r *Result) bool { return !strings.Contains(string(r.Stdout), "268435456") }},
		{"endless output ends", `while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done`,
			Limits{OutputBytes: 10_000, WallTime: 10 * time.Second}, ended(LimitOutput)},
		{"time ends", `sleep 30`, Limits{WallTime: 300 * time.Millisecond}, ended(LimitWall)},
	}
}

// SelfTest tries a small abuse battery on a backend, in the unpacked image at
// rootFS. A backend whose report is not OK must not run generated code.
func SelfTest(ctx context.Context, b Backend, rootFS string) (*SelfTestReport, error) {
	start := time.Now()
	rep := &SelfTestReport{Backend: b.Name(), OK: true, User: "an ordinary user"}
	if os.Geteuid() == 0 {
		rep.User = "root"
	}
	if l, ok := b.(interface{ CgroupLayout() string }); ok {
		rep.Cgroups = l.CgroupLayout()
	}
	for _, p := range probes() {
		res, err := b.Run(ctx, &Spec{RootFS: rootFS, Args: []string{"/bin/sh", "-c", p.script}, Limits: p.limits})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, ErrUnsupported) { // the other probes would say the same
			return nil, err
		}
		c := SelfTestCheck{Name: p.name, OK: err == nil && p.held(res)}
		switch {
		case err != nil:
			c.Detail = err.Error()
		case !c.OK:
			c.Detail = fmt.Sprintf("exit code %d, limit %q, stdout %.300q, stderr %.300q", res.ExitCode, res.Limit, res.Stdout, res.Stderr)
		}
		if res != nil && rep.Degradations == nil {
			rep.Degradations = res.Degradations
		}
		rep.OK = rep.OK && c.OK
		rep.Checks = append(rep.Checks, c)
	}
	rep.Seconds = time.Since(start).Seconds()
	return rep, nil
}
