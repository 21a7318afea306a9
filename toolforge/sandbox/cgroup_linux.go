package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchy is where one controller can be used: the directory below which this
// process may make groups.
type hierarchy struct {
	parent string
	v2     bool
}

// cgroups are the hierarchies with memory and pids: both in one (version 2), one
// each (version 1), or nothing. Hybrid machines mount version 2 without
// controllers beside version 1, so controllers decide, not mounts.
type cgroups struct {
	memory, pids *hierarchy
}

// mounted is one cgroup mount of /proc/self/mountinfo.
type mounted struct {
	root, point string
	v2          bool
	controllers []string
}

// parseMountinfo reads cgroup mounts (proc(5), /proc/pid/mountinfo).
func parseMountinfo(r io.Reader) []mounted {
	var out []mounted
	sc := bufio.NewScanner(io.LimitReader(r, 4<<20))
	for sc.Scan() {
		before, after, ok := strings.Cut(sc.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(rest) < 3 {
			continue
		}
		m := mounted{root: fields[3], point: fields[4]}
		switch rest[0] {
		case "cgroup2":
			m.v2 = true
		case "cgroup":
			m.controllers = strings.Split(rest[2], ",")
		default:
			continue
		}
		out = append(out, m)
	}
	return out
}

// parseCgroup reads /proc/self/cgroup: the group of each version 1 controller,
// and of version 2 under "".
func parseCgroup(r io.Reader) map[string]string {
	own := map[string]string{}
	sc := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for sc.Scan() {
		parts := strings.SplitN(sc.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[0] == "0" && parts[1] == "" {
			own[""] = parts[2]
			continue
		}
		for _, c := range strings.Split(parts[1], ",") {
			own[c] = parts[2]
		}
	}
	return own
}

// findCgroups looks for hierarchies that this process may make groups in.
func findCgroups() *cgroups {
	mi, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return &cgroups{}
	}
	defer mi.Close()
	cg, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return &cgroups{}
	}
	defer cg.Close()
	return chooseCgroups(parseMountinfo(mi), parseCgroup(cg))
}

func chooseCgroups(mounts []mounted, own map[string]string) *cgroups {
	c := &cgroups{}
	for _, m := range mounts {
		if m.v2 {
			if parent, ok := delegatedV2(m, own[""]); ok {
				c.memory = &hierarchy{parent, true}
				c.pids = c.memory
			}
			continue
		}
		for name, to := range map[string]**hierarchy{"memory": &c.memory, "pids": &c.pids} {
			if slices.Contains(m.controllers, name) && *to == nil {
				if parent := ownDir(m, own[name]); writable(parent) {
					*to = &hierarchy{parent, false}
				}
			}
		}
	}
	return c
}

// CgroupLayout says how this machine's cgroups are laid out, of CgroupLayouts,
// or "none that this process may use". All layouts go through the same code,
// and only what is here can be tested here.
func (l *Launcher) CgroupLayout() string {
	mi, err := os.Open("/proc/self/mountinfo")
	if err != nil || l.cgroups.memory == nil && l.cgroups.pids == nil {
		return "none that this process may use"
	}
	defer mi.Close()
	one, two := false, false
	for _, m := range parseMountinfo(mi) {
		two = two || m.v2
		one = one || slices.Contains(m.controllers, "memory") || slices.Contains(m.controllers, "pids")
	}
	switch {
	case one && two:
		return CgroupHybrid
	case two:
		return CgroupV2
	}
	return CgroupV1
}

// ownDir is this process's own group as a directory.
func ownDir(m mounted, group string) string {
	rel, err := filepath.Rel(m.root, group)
	if err != nil || strings.HasPrefix(rel, "..") {
		rel = "."
	}
	return filepath.Join(m.point, rel)
}

func writable(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }

// delegatedV2 finds a version 2 group with memory and pids for its children. A
// group with processes of its own can have none, unless it is the root, so the
// mount's root is tried (for root) and then the own group's parent (where a
// service manager delegates).
func delegatedV2(m mounted, group string) (string, bool) {
	own := ownDir(m, group)
	for _, dir := range []string{m.point, own, filepath.Dir(own)} {
		if !strings.HasPrefix(dir, m.point) || !writable(dir) {
			continue
		}
		have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil || !hasBoth(string(have)) {
			continue
		}
		control := filepath.Join(dir, "cgroup.subtree_control")
		on, err := os.ReadFile(control)
		if err == nil && !hasBoth(string(on)) && os.WriteFile(control, []byte("+memory +pids"), 0) == nil {
			on, err = os.ReadFile(control)
		}
		if err == nil && hasBoth(string(on)) {
			return dir, true
		}
	}
	return "", false
}

func hasBoth(controllers string) bool {
	f := strings.Fields(controllers)
	return slices.Contains(f, "memory") && slices.Contains(f, "pids")
}

// group is the cgroup of one run, a directory in each hierarchy.
type group struct {
	memory, pids string // empty where there is none
	v2           bool
}

// make creates the group of one run. What cannot be had comes back in words.
func (c *cgroups) make(name string, l Limits) (*group, []string) {
	g := &group{v2: c.memory != nil && c.memory.v2}
	var missing []string
	var err error
	if g.memory, err = newGroup(c.memory, name, memorySettings(c.memory, l)); err != nil {
		missing = append(missing, fmt.Sprintf("memory: no cgroup (%v); limited for each process only", err))
	}
	if c.pids != nil && c.pids == c.memory && g.memory != "" {
		g.pids = g.memory
		err = os.WriteFile(filepath.Join(g.pids, "pids.max"), []byte(strconv.Itoa(l.PIDs)), 0)
	} else {
		g.pids, err = newGroup(c.pids, name, []setting{{"pids.max", strconv.Itoa(l.PIDs), true}})
	}
	if err != nil {
		missing = append(missing, fmt.Sprintf("pids: no cgroup (%v); limited for the user in its namespace only", err))
	}
	return g, missing
}

type setting struct {
	file, value string
	must        bool
}

func memorySettings(h *hierarchy, l Limits) []setting {
	bytes := strconv.FormatInt(l.MemoryBytes, 10)
	if h != nil && h.v2 {
		return []setting{{"memory.max", bytes, true}, {"memory.swap.max", "0", false}, {"memory.oom.group", "1", false}}
	}
	return []setting{
		{"memory.limit_in_bytes", bytes, true}, {"memory.memsw.limit_in_bytes", bytes, false},
		{"memory.swappiness", "0", false},
	}
}

func newGroup(h *hierarchy, name string, settings []setting) (string, error) {
	if h == nil {
		return "", errors.New("none that may be used")
	}
	dir := filepath.Join(h.parent, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for _, s := range settings {
		if err := os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0); err != nil && s.must {
			_ = os.Remove(dir)
			return "", err
		}
	}
	return dir, nil
}

func (g *group) dirs() []string {
	var out []string
	for _, d := range []string{g.memory, g.pids} {
		if d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// join puts a process in; it must not run the command before.
func (g *group) join(pid int) error {
	for _, d := range g.dirs() {
		if err := os.WriteFile(filepath.Join(d, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
	}
	return nil
}

// peak is the most memory that the group had, in bytes.
func (g *group) peak() int64 {
	switch {
	case g.memory == "":
		return 0
	case g.v2:
		return readNumber(filepath.Join(g.memory, "memory.peak"))
	}
	return readNumber(filepath.Join(g.memory, "memory.max_usage_in_bytes"))
}

// struck reads how often each limit did.
func (g *group) struck() (oom, pids int64) {
	e := g.events()
	defer e.close()
	return e.struck()
}

// events are the open files that count how often the limits of a group struck.
type events struct{ memory, pids *os.File }

// events opens what is there.
func (g *group) events() *events {
	e := &events{}
	if g.memory != "" && g.v2 {
		e.memory = openEvents(g.memory, "memory.events")
	} else if g.memory != "" {
		e.memory = openEvents(g.memory, "memory.oom_control")
	}
	if g.pids != "" {
		e.pids = openEvents(g.pids, "pids.events")
	}
	return e
}

func openEvents(dir, name string) *os.File {
	fd, err := unix.Open(filepath.Join(dir, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), name) // not os.Open: nothing here is to be polled
}

func (e *events) struck() (oom, pids int64) {
	return readField(e.memory, "oom_kill"), readField(e.pids, "max")
}

func (e *events) close() {
	for _, f := range []*os.File{e.memory, e.pids} {
		if f != nil {
			f.Close()
		}
	}
}

func readNumber(file string) int64 {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n
}

// readField reads one count; 0 where there is none.
func readField(f *os.File, name string) int64 {
	buf := make([]byte, 1024)
	n, err := 0, error(nil)
	if f != nil {
		n, err = f.ReadAt(buf, 0)
	}
	if err != nil && err != io.EOF {
		return 0
	}
	for line := range strings.Lines(string(buf[:n])) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// remove takes the empty group away.
func (g *group) remove() error {
	var errs []error
	for _, d := range g.dirs() {
		if err := os.Remove(d); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// groupPrefix begins the names of this process's groups.
func groupPrefix() string { return fmt.Sprintf("lathe-%d-", os.Getpid()) }
