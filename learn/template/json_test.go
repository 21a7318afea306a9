package template

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func raws(values ...string) []json.RawMessage {
	var out []json.RawMessage
	for _, v := range values {
		out = append(out, json.RawMessage(v))
	}
	return out
}

func TestFromJSON(t *testing.T) {
	for _, tc := range []struct {
		values []string
		want   string
	}{
		{[]string{`{"path":"a.go","limit":10}`, `{"limit":10,"path":"b.go"}`}, `{"limit":10,"path":{path}}`},
		{[]string{`{"a":[1,2]}`, `{"a":[1,3]}`}, `{"a":[1,{a}]}`},
		{[]string{`{"a":[1]}`, `{"a":[1,3]}`}, `{"a":{a}}`},
		{[]string{`{"a":1}`, `{"b":1}`}, `{value}`},
		{[]string{`{"x":{"id":"u"},"y":{"id":"u"}}`, `{"x":{"id":"v"},"y":{"id":"v"}}`}, `{"x":{"id":{id}},"y":{"id":{id}}}`},
		{[]string{`{"x":{"id":"u"},"y":{"id":"u"}}`, `{"x":{"id":"v"},"y":{"id":"v"}}`, `{"x":{"id":"v"},"y":{"id":"w"}}`}, `{"x":{"id":{id}},"y":{"id":{id2}}}`},
	} {
		tpl, err := FromJSON(raws(tc.values...))
		if err != nil {
			t.Fatal(err)
		}
		if tpl.String() != tc.want {
			t.Errorf("%q\n got %s\nwant %s", tc.values, tpl.String(), tc.want)
		}
		checkJSONLaws(t, tpl, raws(tc.values...))
	}
	if _, err := FromJSON(raws(`{`)); err == nil {
		t.Error("broken JSON gives no error")
	}
}

func checkJSONLaws(t fatal, tpl JSON, values []json.RawMessage) {
	for _, v := range values {
		got, ok := tpl.Match(v)
		if !ok {
			t.Fatalf("%s does not match %s, made of %s", v, tpl.String(), values)
		}
		back, err := tpl.Fill(got)
		if err != nil {
			t.Fatalf("fill: %v", err)
		}
		n, err := parseJSON(v)
		if err != nil || !bytes.Equal(back, n.render(nil)) {
			t.Fatalf("Fill(Match(%s)) = %s", v, back)
		}
	}
}

func TestJSONLaws(t *testing.T) {
	value := rapid.SampledFrom([]string{`1`, `2.5`, `"a"`, `"x/y"`, `null`, `true`, `[]`, `[1,"a"]`, `[1,"b"]`, `{}`, `{"k":1}`, `{"k":"v"}`})
	rapid.Check(t, func(t *rapid.T) {
		var values []json.RawMessage
		for range rapid.IntRange(1, 6).Draw(t, "instances") {
			v := `{"p":` + value.Draw(t, "p") + `,"q":` + value.Draw(t, "q")
			if rapid.Bool().Draw(t, "r") {
				v += `,"r":{"s":` + value.Draw(t, "s") + `,"t":` + value.Draw(t, "t") + `}`
			}
			values = append(values, json.RawMessage(v+"}"))
		}
		tpl, err := FromJSON(values)
		if err != nil {
			t.Fatal(err)
		}
		checkJSONLaws(t, tpl, values)
	})
}
