package signature

import "bytes"

// join makes tokens comparable that the same print statement wrote: dates of
// several words, numbers with units and lists of values become one value each,
// whatever their length; a port joins its host; words that stand for "no value"
// become values; the level and the host of a log line's head join its
// timestamp. It works in place.
func (s *scanner) join(toks []token) []token {
	out := toks[:0]
	for i, t := range toks {
		switch t.kind {
		case kindWord:
			w := s.line[t.at:t.end]
			n := len(out)
			switch {
			case n > 0 && out[n-1].kind == kindValue && unit(w):
				out[n-1].end = t.end
			case nullWord(w), n > 0 && out[n-1].kind != kindWord && s.valueHere(out, toks, i, w):
				t.kind = kindValue
				out = s.joinValue(out, t)
			default:
				out = append(out, t)
			}
		case kindValue:
			out = s.joinValue(out, t)
		default:
			if s.line[t.at] == ',' {
				s.wordList(out, toks[i:])
			}
			out = append(out, t)
		}
	}
	return s.joinHead(out)
}

// wordList makes values of the words of a list that begins after a colon and
// ends the line or its brackets; rest begins with the first comma.
func (s *scanner) wordList(out, rest []token) {
	n := len(out)
	if n < 2 || out[n-1].kind != kindWord || out[n-2].kind != kindMark || s.line[out[n-2].at] != ':' || !listable(s.line[out[n-1].at:out[n-1].end]) {
		return
	}
	k := 0
	for ; k+1 < len(rest) && rest[k].kind == kindMark && s.line[rest[k].at] == ','; k += 2 {
		if w := rest[k+1]; w.kind == kindMark || w.kind == kindWord && !listable(s.line[w.at:w.end]) {
			return
		}
	}
	if k < len(rest) && (rest[k].kind != kindMark || !closes(s.line[rest[k].at])) {
		return
	}
	out[n-1].kind = kindValue
	for i := 1; i < k; i += 2 {
		rest[i].kind = kindValue
	}
}

// closes reports whether a mark ends a list.
func closes(c byte) bool { return c == ')' || c == ']' || c == '}' || c == '.' || c == ';' }

// valueHere reports whether the word toks[i], after a value or a mark, is a
// value for its place.
func (s *scanner) valueHere(out, toks []token, i int, w []byte) bool {
	next := toks[i+1:]
	return len(out) > 1 && s.underKey(out, toks, i) || s.inList(out, next, w) ||
		stateWord(w) && s.inBrackets(out, next) || dash(w) && s.absent(out, next)
}

// inList reports whether a word is the last of a list, or between commas in
// one, after a value.
func (s *scanner) inList(out, next []token, w []byte) bool {
	n := len(out)
	if n < 2 || len(next) == 0 || next[0].kind != kindMark || out[n-1].kind != kindMark || s.line[out[n-1].at] != ',' || out[n-2].kind != kindValue {
		return false
	}
	switch s.line[next[0].at] {
	case ',', ')', ']':
		return listable(w)
	}
	return false
}

// inBrackets reports whether a word stands in brackets of their own among
// states only, as in "( on off )".
func (s *scanner) inBrackets(out, next []token) bool {
	n := len(out)
	if n > 1 && out[n-1].kind == kindValue {
		n--
	}
	if n == 0 || out[n-1].kind != kindMark || out[n-1].glued || !s.opens(out[n-1]) {
		return false
	}
	for _, t := range next {
		if t.kind == kindWord && !stateWord(s.line[t.at:t.end]) {
			return false
		}
		if t.kind == kindMark {
			return s.line[t.at] == ')' || s.line[t.at] == ']'
		}
	}
	return false
}

// underKey reports whether toks[i] is the whole value of a quoted key.
func (s *scanner) underKey(out, toks []token, i int) bool {
	n := len(out)
	if out[n-1].kind != kindMark || s.line[out[n-1].at] != ':' || !s.quoted(out[n-2]) {
		return false
	}
	return i+1 == len(toks) || toks[i+1].kind == kindMark
}

// absent reports whether signs stand where a value is missing: among values,
// or alone in brackets.
func (s *scanner) absent(out, next []token) bool {
	if n := len(out); n == 0 || out[n-1].kind == kindWord || out[n-1].kind == kindMark && s.line[out[n-1].at] == ':' {
		return false
	}
	return len(next) == 0 || next[0].kind != kindWord || dash(s.line[next[0].at:next[0].end])
}

// joinValue appends a value, taking in what it continues.
func (s *scanner) joinValue(out []token, t token) []token {
	for n := len(out); n > 0; n = len(out) {
		prev := out[n-1]
		switch {
		case prev.kind == kindValue:
			n--
		case prev.kind == kindWord && dateWord(s.line[prev.at:prev.end]):
			n--
		case n > 1 && prev.kind == kindMark && prev.end == prev.at+1 && s.joins(out, t):
			n -= 2
		case n > 2 && prev.kind == kindMark && s.line[prev.at] == ',' && out[n-2].kind == kindWord && out[n-3].kind == kindMark && s.opens(out[n-3]) && listable(s.line[out[n-2].at:out[n-2].end]):
			n -= 2
		default:
			return append(out, t)
		}
		t.at, t.glued = out[n].at, out[n].glued
		out = out[:n]
	}
	return append(out, t)
}

// joins reports whether the last mark connects the value before it to t.
func (s *scanner) joins(out []token, t token) bool {
	n := len(out)
	if out[n-2].kind != kindValue {
		return false
	}
	switch s.line[out[n-1].at] {
	case ',', ';', '|', ':':
		return true
	case '=': // r0=1 r1=2
		return n > 2 && out[n-3].kind == kindMark && s.line[out[n-3].at] == '='
	}
	return false
}

// opens reports whether a mark begins a list in brackets.
func (s *scanner) opens(mark token) bool { return s.line[mark.at] == '(' || s.line[mark.at] == '[' }

// hexOnly reports whether there are only hexadecimal digits.
func hexOnly(w []byte) bool {
	for _, c := range w {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

// joinHead joins the level and the host of a log line's head to the timestamp
// before them. It knows them by their place: a level right after values and
// brackets; a host between a time and a program with its process number.
func (s *scanner) joinHead(out []token) []token {
	i, seen := 0, false
	for ; i < len(out) && i < 12; i++ {
		t := out[i]
		if t.kind == kindValue {
			seen = true
		} else if t.kind == kindWord {
			if seen && dash(s.line[t.at:t.end]) {
				continue
			}
			if !seen || !level(s.line[t.at:t.end], i > 0 && s.line[t.at-1] == '[' || s.afterBracket(out[:i]) && s.at(int(t.end)) == ':') {
				break
			}
			head := t
			head.at, head.kind, head.glued = out[0].at, kindValue, false
			j := i + 1
			for j < len(out) && (out[j].kind == kindValue || out[j].kind == kindMark && s.line[out[j].at] != '[' && headMark(s.line[out[j].at])) {
				j++
			}
			out[j-1] = head
			return out[j-1:]
		} else if !headMark(s.line[t.at]) {
			break
		}
	}
	if !seen || out[0].kind != kindValue {
		return out
	}
	return s.joinHost(out)
}

// afterBracket reports whether a head begins and ends with a bracket.
func (s *scanner) afterBracket(head []token) bool {
	return len(head) > 2 && s.line[head[0].at] == '[' && s.line[head[len(head)-1].at] == ']'
}

// joinHost joins to the timestamp what follows it: one sign that stands for a
// level, or a host, which a program follows with its process number or ":".
func (s *scanner) joinHost(out []token) []token {
	if len(out) < 3 || out[1].kind != kindWord || out[1].glued {
		return out
	}
	sign := out[1].end == out[1].at+1 && class[s.line[out[1].at]] == 0
	host := len(out) > 3 && out[2].kind == kindWord && out[3].kind == kindMark && bytes.Count(s.line[out[0].at:out[0].end], []byte(":")) == 2
	if host {
		c := s.line[out[3].at]
		host = c == ':' || c == '[' || c == '('
	}
	if !sign && !host {
		return out
	}
	out[1].kind, out[1].at = kindValue, out[0].at
	return out[1:]
}

func headMark(c byte) bool { return c == '[' || c == ']' || c == ':' || c == '|' || c == ',' }

// level reports whether a word is a log level; in brackets it may be written
// small.
func level(w []byte, bracketed bool) bool {
	if !bracketed && len(w) > 1 && w[1] >= 'a' {
		return false
	}
	switch string(w) {
	case "INFO", "WARN", "WARNING", "ERROR", "DEBUG", "FATAL", "TRACE", "NOTICE", "CRITICAL", "SEVERE", "ALERT", "EMERG", "CRIT", "ERR",
		"Info", "Warn", "Warning", "Error", "Debug", "Fatal", "Trace", "Notice", "Critical",
		"info", "warn", "warning", "error", "debug", "fatal", "trace", "notice", "critical", "crit", "emerg", "alert",
		"I", "W", "E", "D", "V", "F", "N":
		return true
	}
	return false
}

// dash reports whether a token is only signs, as where a value is missing.
func dash(w []byte) bool {
	if len(w) > 8 {
		return false
	}
	for _, c := range w {
		if c != '-' && c != '*' && c != '/' && c != '~' {
			return false
		}
	}
	return true
}

// nullWord reports whether a word stands where a value is missing, or for a
// truth value.
func nullWord(w []byte) bool {
	if len(w) < 2 || len(w) > 9 {
		return false
	}
	switch string(w) {
	case "null", "NULL", "None", "nil", "<nil>", "NaN", "nan", "true", "false", "True", "False", "TRUE", "FALSE", "n/a", "N/A", "undefined":
		return true
	}
	return false
}

// stateWord reports whether a word is one of two states.
func stateWord(w []byte) bool {
	switch string(w) {
	case "on", "off", "up", "down", "yes", "no", "On", "Off", "ON", "OFF", "UP", "DOWN", "YES", "NO":
		return true
	}
	return false
}

// unit reports whether a word after a number is its unit.
func unit(w []byte) bool {
	if len(w) > 12 {
		return false
	}
	switch string(w) {
	case "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "second(s)", "min", "mins", "minute", "minutes", "minute(s)",
		"m", "h", "hr", "hrs", "hour", "hours", "hour(s)", "day", "days", "day(s)", "msec", "msecs", "usec", "millis", "milliseconds", "microseconds",
		"B", "kB", "KB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "K", "M", "G", "T", "byte", "bytes", "byte(s)", "Bytes", "kb", "mb", "gb",
		"%", "Hz", "kHz", "KHz", "MHz", "GHz", "C", "bps", "kbps", "Mbps", "Gbps", "B/s", "kB/s", "KB/s", "MB/s", "GB/s",
		"AM", "PM", "am", "pm", "UTC", "GMT", "CET", "CEST", "EST", "EDT", "PST", "PDT", "MILLISECONDS", "SECONDS":
		return true
	}
	return false
}

// dateWord reports whether a word before a value is the name of a month or of
// a day of the week.
func dateWord(w []byte) bool {
	if len(w) < 3 || len(w) > 9 || w[0] < 'A' || w[0] > 'W' {
		return false
	}
	switch string(w) {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct", "Nov", "Dec",
		"January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December",
		"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday":
		return true
	}
	return false
}
