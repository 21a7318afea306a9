package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const question = "How many bridges cross the river Oder in the town of Ratzdorf?"

func talk(turns ...string) Conversation {
	c := Conversation{Question: question}
	for _, t := range turns {
		who, text, _ := strings.Cut(t, ": ")
		m := message{Name: who, Content: text}
		c.Turns = append(c.Turns, m.turn())
	}
	return c
}

func TestAttribute(t *testing.T) {
	code := "Here is the code.\n```python\nprint(count_bridges('Ratzdorf'))\n```"
	tests := []struct {
		name string
		c    Conversation
		want verdict
	}{
		{"the first code fails", talk("Planner: "+question, "Planner: Let us start. I will ask the coder to write code for this.",
			"Coder: "+code, "Terminal: exitcode: 1 (execution failed)\nNameError: name 'count_bridges' is not defined",
			"Coder: There was an error.\n```python\nprint(3)\n```", "Terminal: exitcode: 0 (execution succeeded)\nCode output: 3", "Checker: The answer is 3. TERMINATE"),
			verdict{"Coder", 2}},
		{"a claim out of nothing", talk("Planner: "+question, "Planner: First we will need to search the map for each of the bridges.",
			`Historian: Based on my knowledge there are "seven bridges" in Ratzdorf, the oldest from 1741.`, "Checker: I agree with what was said there. The task is complete. TERMINATE"),
			verdict{"Historian", 2}},
		{"the run breaks off", talk("User: "+question, "Lead (-> Surfer): Please search for the bridges of Ratzdorf now.",
			"Surfer: I typed 'bridges of Ratzdorf' into the search bar.", `Lead (thought): {"is_request_satisfied": {"reason": "not yet", "answer": false}, "is_in_loop": {"reason": "no", "answer": false}, "is_progress_being_made": {"reason": "yes", "answer": true}}`,
			"Lead (-> Reader): Please read the page on the bridges of the town.", "Reader: Page 1 of 1.\nTraceback (most recent call last):\n  File \"a.py\", line 1\nValueError: no page"),
			verdict{"Reader", 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := Attribute(tt.c)
			if got := (verdict{a.Agent, a.Step}); got != tt.want {
				t.Errorf("blamed %+v, want %+v\n%s", got, tt.want, lines(a.Suspects))
			}
		})
	}
}

func lines(suspects []Suspect) string {
	var b strings.Builder
	for _, s := range suspects {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

func TestAttributeBlamesNobodyWithoutContributions(t *testing.T) {
	a := Attribute(talk("User: "+question, "Terminal: exitcode: 0 (execution succeeded)", "User: TERMINATE"))
	if len(a.Suspects) != 0 || a.Agent != "" {
		t.Errorf("blamed %+v", a)
	}
}

// Scores are shares, the order is theirs, and only contributions are suspects,
// whatever is said.
func TestAttributeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Conversation{Question: rapid.SampledFrom([]string{"", question}).Draw(t, "question")}
		for range rapid.IntRange(0, 12).Draw(t, "turns") {
			c.Turns = append(c.Turns, message{Role: "assistant", Name: rapid.SampledFrom([]string{"A", "B", "Terminal", "C (-> A)", ""}).Draw(t, "agent"),
				Content: rapid.StringOf(rapid.SampledFrom([]rune("ab 1.\"`*\n'T{}"))).Draw(t, "text") +
					rapid.SampledFrom([]string{"", " TERMINATE", " final answer: 7", " I will search.", "\n```python\nx\n```", " error"}).Draw(t, "end")}.turn())
		}
		a := Attribute(c)
		sum := 0.0
		for i, s := range a.Suspects {
			sum += s.Score
			if s.Step < 0 || s.Step >= len(c.Turns) || c.Turns[s.Step].Agent != s.Agent || i > 0 && s.Score > a.Suspects[i-1].Score {
				t.Fatalf("suspect %d is %+v", i, s)
			}
		}
		if len(a.Suspects) > 0 && math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the scores add up to %g", sum)
		}
		if len(a.Suspects) > 0 && (a.Step != a.Suspects[0].Step || a.Agent != a.Suspects[0].Agent) {
			t.Fatalf("blamed %q at %d, the first suspect is %+v", a.Agent, a.Step, a.Suspects[0])
		}
	})
}

func TestReadConversation(t *testing.T) {
	c, err := ReadConversation(strings.NewReader(`{"question":"why?","ground_truth":"x","history":[
		{"role":"Lead (-> Surfer)","content":"go"},{"role":"user","name":"Expert","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`))
	want := []Turn{{Agent: "Lead", To: "Surfer", Role: "Lead (-> Surfer)", Text: "go"}, {Agent: "Expert", Role: "user", Text: "a\nb"}}
	if err != nil || c.Question != "why?" || !slices.Equal(c.Turns, want) {
		t.Errorf("read %+v, %v", c, err)
	}
	if c, err := ReadConversation(strings.NewReader(` [{"role":"a","content":"b"}]`)); err != nil || len(c.Turns) != 1 {
		t.Errorf("a bare list gave %+v, %v", c, err)
	}
	for _, bad := range []string{"", "{}", "[]", "7", `{"history":{}}`, `{"history":[`} {
		if _, err := ReadConversation(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzAttribute(f *testing.F) {
	f.Add(`{"question":"q","history":[{"role":"user","content":"q"},{"name":"A","content":"I found **7**. TERMINATE"}]}`)
	f.Add(`[{"role":"Lead (thought)","content":"\"is_in_loop\": {\"answer\": true}"}]`)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := ReadConversation(strings.NewReader(raw))
		if err != nil {
			return
		}
		for _, s := range Attribute(c).Suspects {
			if math.IsNaN(s.Score) || s.Step >= len(c.Turns) {
				t.Fatalf("suspect %+v", s)
			}
		}
	})
}

func BenchmarkAttribute(b *testing.B) {
	var turns []string
	for i := range 100 {
		turns = append(turns, fmt.Sprintf("Agent%d: I found %d results for the town. %s", i%3, i*i, strings.Repeat("Some words of the page. ", 100)))
	}
	c := talk(turns...)
	for b.Loop() {
		Attribute(c)
	}
}
