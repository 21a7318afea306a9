package main

import (
	"errors"
	"io"
	"os"
	"time"
)

// The whole run ends within limit; the daemon has to answer within patience,
// which leaves time to hand the event over for the spool.
const (
	limit    = 2 * time.Second
	patience = 1200 * time.Millisecond
)

// maxEvent is the size of a hook event, in bytes; a larger one is dropped with
// a word on standard error.
const maxEvent = 16 << 20

func main() {
	until := time.Now().Add(limit)
	if err := run(os.Args[1:], os.Getenv, &input{fd: 0, until: until}, os.Stdout, until, func(at place, format string, event []byte) error {
		// Only here: a timer costs a run a thread. What comes before bounds itself.
		time.AfterFunc(time.Until(until), func() {
			complain(errGaveUp)
			os.Exit(0)
		})
		return spoolLater(at, format, event)
	}); err != nil {
		complain(err)
	}
}

var errGaveUp = errors.New("gave up after 2 s: the event is not recorded")

func complain(err error) { os.Stderr.WriteString("lathe-hook: " + err.Error() + "\n") }

// asked is what the arguments say.
type asked struct {
	data, format string
	before       bool
}

var errUse = errors.New("wrong use: lathe-hook [--data DIR] FORMAT [before], such as lathe-hook claude-code, and the event on standard input")

func parseArgs(args []string) (asked, error) {
	a := asked{format: "claude-code"}
	if len(args) >= 2 && args[0] == "--data" {
		a.data, args = args[1], args[2:]
	}
	if len(args) > 0 {
		a.format = args[0]
	}
	a.before = len(args) == 2 && args[1] == "before"
	if len(args) > 2 || len(args) == 2 && !a.before || !formatName(a.format) {
		return a, errUse
	}
	return a, nil
}

// formatName keeps what goes into a URL and a command line to plain names.
func formatName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// escaped writes a value as a URL's query has it.
func escaped(value string) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 3*len(value))
	for i := range len(value) {
		c := value[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}

// readEvent reads to the end, or one byte more than an event may have.
func readEvent(in io.Reader) ([]byte, error) {
	event := make([]byte, 0, 16<<10)
	for len(event) <= maxEvent {
		if len(event) == cap(event) {
			event = append(event, 0)[:len(event)]
		}
		n, err := in.Read(event[len(event):min(cap(event), maxEvent+1)])
		event = event[:len(event)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return event, nil
}

// run hands the event on in to the daemon, which answers by until, or to later,
// which spools it.
func run(args []string, getenv func(string) string, in io.Reader, out io.Writer, until time.Time, later func(at place, format string, event []byte) error) error {
	a, err := parseArgs(args)
	if err != nil {
		return err
	}
	event, err := readEvent(in)
	if err != nil {
		return errors.New("read the event from standard input: " + err.Error())
	}
	if len(event) > maxEvent {
		return errors.New("the event is larger than 16 MiB: it is not recorded")
	}
	at, err := locate(a.data, getenv)
	if err != nil {
		return err
	}
	to := a.format
	if project := getenv("LATHE_PROJECT"); project != "" {
		to += "?project=" + escaped(project)
	}
	if patient := time.Now().Add(patience); patient.Before(until) {
		until = patient
	}
	advice, perr := post(at, to, event, until)
	if perr == nil {
		if len(advice) > 0 {
			_, err = out.Write(advice)
		}
		return err
	}
	var refused *refusal
	if errors.As(perr, &refused) || a.before {
		return perr // it would be refused from the spool too, or says nothing there
	}
	if err := later(at, a.format, event); err != nil {
		return errors.New("the daemon was not reached (" + perr.Error() + "), and the event could not be spooled: " + err.Error())
	}
	return nil
}
