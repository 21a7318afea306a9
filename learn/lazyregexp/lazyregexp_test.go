package lazyregexp

import (
	"reflect"
	"regexp"
	"sync"
	"testing"
)

func TestBadPatternFailsInTests(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a pattern that does not compile went by")
		}
	}()
	New("(")
}

// TestFirstUseIsShared needs -race to say all it can.
func TestFirstUseIsShared(t *testing.T) {
	r := &Regexp{source: `(\w+)=(\d+)`} // as outside of tests: not compiled yet
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if !r.MatchString("a=1") {
				t.Error("no match")
			}
		})
	}
	all.Wait()
}

// TestMethodsAreRegexps calls each method beside that of package regexp.
func TestMethodsAreRegexps(t *testing.T) {
	const source, text = `(\w)=(\d+)`, "a=1, b=22; c=333"
	args := map[string][]any{
		"String": {}, "Match": {[]byte(text)}, "MatchString": {text}, "FindString": {text}, "FindStringIndex": {text},
		"FindSubmatch": {[]byte(text)}, "FindStringSubmatch": {text}, "FindStringSubmatchIndex": {text},
		"FindAllString": {text, 2}, "FindAllStringIndex": {text, 2}, "FindAllSubmatch": {[]byte(text), 2},
		"FindAllStringSubmatch": {text, 2}, "FindAllStringSubmatchIndex": {text, 2},
		"ReplaceAllString": {text, "$2"}, "ReplaceAllStringFunc": {text, func(s string) string { return s + "!" }}, "Split": {text, 2},
	}
	ours, theirs := reflect.ValueOf(New(source)), reflect.ValueOf(regexp.MustCompile(source))
	for i := range ours.NumMethod() {
		name := ours.Type().Method(i).Name
		given, ok := args[name]
		if !ok {
			t.Errorf("%s is not tried", name)
			continue
		}
		var in []reflect.Value
		for _, a := range given {
			in = append(in, reflect.ValueOf(a))
		}
		got, want := ours.MethodByName(name).Call(in)[0].Interface(), theirs.MethodByName(name).Call(in)[0].Interface()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, regexp says %v", name, got, want)
		}
	}
}
