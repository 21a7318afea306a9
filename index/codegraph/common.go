package codegraph

import "strings"

// common reports whether the languages' own objects have a method of that
// name, so that a call on an unknown object says nothing.
func common(name string) bool {
	switch strings.ToLower(name) {
	case "append", "extend", "insert", "remove", "pop", "clear", "index", "count", "sort", "reverse", "copy", "get", "set",
		"add", "delete", "has", "keys", "values", "items", "update", "setdefault", "join", "split", "strip", "replace", "find",
		"format", "startswith", "endswith", "lower", "upper", "encode", "decode", "read", "write", "readline", "readlines",
		"close", "open", "flush", "seek", "push", "shift", "slice", "map", "filter", "reduce", "foreach", "includes", "concat",
		"then", "catch", "finally", "call", "apply", "bind", "tostring", "string", "error", "errorf", "fatal", "fatalf", "log",
		"logf", "run", "start", "stop", "wait", "done", "lock", "unlock", "exists", "match", "search", "group", "test", "send",
		"next", "len", "name", "print", "println", "printf", "sprintf", "on", "emit", "exec", "execute", "commit", "info",
		"warning", "debug", "mkdir", "resolve", "load", "loads", "dump", "dumps", "is", "as", "helper", "skip", "equal":
		return true
	}
	return false
}
