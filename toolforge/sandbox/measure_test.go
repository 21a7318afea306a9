package sandbox

import "testing"

func TestMeasure(t *testing.T) {
	timings, err := Measure(t.Context(), rootFS(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(timings) != 4+len(Names()) {
		t.Fatalf("%+v", timings)
	}
	for _, m := range timings {
		if (m.NotRun == "") != (m.Cold != nil) || m.Cold != nil && (m.Cold.P50 <= 0 || m.Cold.P95 < m.Cold.P50 || m.Cold.True <= 0) {
			t.Errorf("%s: %+v, not run: %q", m.Way, m.Cold, m.NotRun)
		}
		if of := m.Way == "sandbox: "+BuiltIn || m.Way == "sandbox: "+Runc; of && (m.Warm == nil || m.MemoryMB <= 1 || m.WaitingMB <= 1) {
			t.Errorf("%+v", m)
		}
	}
}
