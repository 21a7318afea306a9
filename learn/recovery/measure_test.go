package recovery

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// caseOf is a case of a session: what resolved it, and what was offered with
// which confidence, by "class confidence" pairs.
func caseOf(session, truth string, offers ...OfferedClass) Case {
	return Case{Project: "p", Session: session, Truth: truth, Specific: specific(truth), Calls: 4, Fix: []string{"x"}, Offers: offers}
}

func offer(class string, confidence float64) OfferedClass {
	return OfferedClass{Class: class, Confidence: confidence, Support: 3}
}

func TestMeasure(t *testing.T) {
	cases := []Case{
		caseOf("a", "use x", offer("use x", 0.9)),                      // right
		caseOf("b", "use x", offer("use y", 0.7), offer("use x", 0.2)), // second
		caseOf("c", "do z"),                         // nothing to say
		caseOf("d", classEdit, offer("use x", 0.8)), // an edit did it
		caseOf("e", "use x", OfferedClass{Class: "use x", Confidence: 1, Support: 1}), // thin
	}
	got := Measure(cases, Threshold{Confidence: 0.5, Support: 2})
	want := Measures{Cases: 5, Specific: 4, Hit1: 0.5, Hit3: 0.75, MRR: 0.625, Answered: 3, Right: 1, Coverage: 0.6, Reached: 0.5,
		Precision: Share(1.0 / 3), CallsSaved: 3}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	bins, _ := Reliability(cases)
	if len(bins) != 3 || bins[0].N != 1 || bins[2].N != 2 || bins[2].Right != 1 {
		t.Errorf("reliability %+v", bins)
	}
	points := Curve(cases, 2)
	for i := 1; i < len(points); i++ {
		if points[i].Answered > points[i-1].Answered {
			t.Errorf("more answers at a higher threshold: %+v", points)
		}
	}
}

// TestEditScoresNothing: whoever always says to edit, or to look elsewhere, is
// right about nothing, although most failures are resolved so.
func TestEditScoresNothing(t *testing.T) {
	var cases []Case
	for _, session := range strings.Fields("a b c d e f") {
		cases = append(cases, caseOf(session, classEdit), caseOf(session, "use x"))
	}
	got := Measure(With(cases, "none"), DefaultThreshold())
	if got.Answered != 0 || got.Hit1 != 0 || !math.IsNaN(float64(got.Precision)) {
		t.Errorf("got %+v", got)
	}
	for _, class := range []string{classEdit, classScript, classLook, classArgs, classOther} {
		if len(ranking(map[string]float64{class: 1})) != 0 {
			t.Errorf("%q can be said", class)
		}
	}
}

func TestIntervals(t *testing.T) {
	var cases []Case
	for i := range 40 {
		truth := "use x"
		if i%4 == 0 {
			truth = "use y"
		}
		cases = append(cases, caseOf(strings.Repeat("s", i+1), truth, offer("use x", 0.9)))
	}
	hit := func(m Measures) Share { return m.Hit1 }
	a := Intervals(cases, DefaultThreshold(), 300, 7, hit)[0]
	if a.Value != 0.75 || a.Low >= 0.75 || a.High <= 0.75 || a.Low < 0.5 || a.High > 0.95 {
		t.Errorf("interval %+v of 30 right in 40", a)
	}
	if b := Intervals(cases, DefaultThreshold(), 300, 7, hit)[0]; a != b {
		t.Errorf("the same seed gave %+v and %+v", a, b)
	}
	one := Intervals(cases[:1], DefaultThreshold(), 50, 7, hit)[0] // one session tells nothing about others
	if one.Low != one.High {
		t.Errorf("one session: %+v", one)
	}
}

func TestShareInJSON(t *testing.T) {
	raw, err := json.Marshal([]Share{0.5, Share(math.NaN())})
	if err != nil || string(raw) != "[0.5,null]" {
		t.Errorf("%s, %v", raw, err)
	}
	var back []Share
	if err := json.Unmarshal(raw, &back); err != nil || back[0] != 0.5 || !math.IsNaN(float64(back[1])) {
		t.Errorf("read back %v, %v", back, err)
	}
}
