package main

import (
	"strings"
	"testing"

	"lathe/learn/recovery"
	"lathe/server"
)

func TestFindCase(t *testing.T) {
	r := &server.EvalReport{Cases: []recovery.Case{{EventID: "ab1"}, {EventID: "ab2"}, {EventID: "ac"}}}
	for _, c := range []struct{ id, want, err string }{
		{"ac", "ac", ""},
		{"ab2", "ab2", ""},
		{"ab", "", "2 resolved failures begin with \"ab\", like ab1 and ab2; give more characters"},
		{"a", "", "3 resolved failures"},
		{"b", "", "no resolved failure"},
	} {
		got, err := findCase(r, c.id)
		switch {
		case c.err == "" && (err != nil || got.EventID != c.want):
			t.Errorf("%s: %+v, %v; want %s", c.id, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %s", c.id, err, c.err)
		}
	}
}
