package next

// aView is one way to look at a session's history: its contexts at this
// moment, and the view with a wider context that it backs off to.
type aView struct {
	name   string
	parent int // -1: to all labels alike
	start  float64
	keys   func(s *session) []uint64
}

// one makes a view with one context.
func one(f func(s *session) (uint64, bool)) func(s *session) []uint64 {
	return func(s *session) []uint64 {
		k, ok := f(s)
		if !ok {
			return nil
		}
		return []uint64{k}
	}
}

// of makes a context of what part says of the last n steps, the latest first;
// it is none as long as there are fewer and a shorter context says the same.
func of(n int, part func(*step) uint64) func(s *session) []uint64 {
	return one(func(s *session) (uint64, bool) {
		if n > 1 && s.Count < n-1 {
			return 0, false
		}
		h := uint64(n)
		for i := range n {
			h = hashOf(h, part(s.last(i)))
		}
		return h, true
	})
}

func label(t *step) uint64    { return uint64(t.Label + 2) }
func skeleton(t *step) uint64 { return t.Skeleton }
func intent(t *step) uint64   { return hashOf(t.Intent, uint64(t.Status)) }
func ended(t *step) uint64    { return hashOf(uint64(t.Label+2), uint64(t.Status)) }
func shape(t *step) uint64    { return hashOf(uint64(t.Label+2), uint64(t.Shape)) }

// viewProject is the place of the view of what a project does.
const viewProject = 1

// views are in an order in which each stands behind the one it backs off to.
// The first has no context.
var views = []aView{
	{"any", -1, 0, one(func(*session) (uint64, bool) { return 0, true })},
	{"project", 0, narrow, one(func(s *session) (uint64, bool) { return s.Project, true })},
	// What was called last, in more and more steps.
	{"label1", 0, 1, of(1, label)},
	{"label2", 2, 1, of(2, label)},
	{"label3", 3, 1, of(3, label)},
	{"label4", 4, narrow, of(4, label)},
	{"label6", 5, narrow, of(6, label)},
	{"project label1", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(s.Project, label(s.last(0))), s.Count > 0 })},
	// The same with how it was called, or only what for, and how it ended.
	{"skeleton1", 2, narrow, of(1, skeleton)},
	{"skeleton2", 8, narrow, of(2, skeleton)},
	{"intent1", 0, narrow, of(1, intent)},
	{"intent2", 10, narrow, of(2, intent)},
	{"intent3", 11, narrow, of(3, intent)},
	{"intent5", 12, narrow, of(5, intent)},
	{"ended1", 2, narrow, of(1, ended)},
	{"ended2", 14, narrow, of(2, ended)},
	{"shape1", 2, narrow, of(1, shape)},
	{"shape2", 16, narrow, of(2, shape)},
	// With gaps: one step left out, or two.
	{"gap1", 0, narrow, one(func(s *session) (uint64, bool) { return hashOf(1, label(s.last(1))), s.Count > 1 })},
	{"gap2", 0, narrow, one(func(s *session) (uint64, bool) { return hashOf(2, label(s.last(2))), s.Count > 2 })},
	{"gap 1,3", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(label(s.last(0)), label(s.last(2))), s.Count > 2 })},
	// Failures and verifications.
	{"failure", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(s.Failure, label(s.last(0))), s.Failure != 0 })},
	{"verified", 2, narrow, one(func(s *session) (uint64, bool) {
		return hashOf(uint64(s.Verified), uint64(min(s.SinceEdit, 3)), label(s.last(0))), s.Count > 0
	})},
	// Where in the task: how far, how long since the last edit and test.
	{"position", 0, narrow, one(func(s *session) (uint64, bool) { return uint64(s.Count), s.Count < 12 })},
	{"phase", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(bucket(s.Count), label(s.last(0))), true })},
	{"since", 10, narrow, one(func(s *session) (uint64, bool) {
		return hashOf(bucket(s.SinceEdit), bucket(s.SinceTest), s.last(0).Intent), s.Count > 0
	})},
	// What the session did so far, whatever the order.
	{"seen", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(s.Seen, label(s.last(0))), s.Count > 1 })},
	{"run", 2, narrow, one(func(s *session) (uint64, bool) {
		return hashOf(uint64(min(s.Run, 8)), label(s.last(0))), s.Count > 0
	})},
	{"target", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(uint64(s.Target), label(s.last(0))), s.Count > 0 })},
	// Whether values that a former output listed wait for their turn.
	{"listed", 2, narrow, one(func(s *session) (uint64, bool) {
		return hashOf(uint64(min(s.Waiting, 3)), uint64(min(s.Turn, 2)), label(s.last(0))), s.Count > 0
	})},
	// The agent's own ways in this session.
	{"own label1", 2, narrow, one(func(s *session) (uint64, bool) { return hashOf(s.ID, label(s.last(0))), s.Count > 0 })},
	{"own", 0, narrow, one(func(s *session) (uint64, bool) { return s.ID, s.Count > 0 })},
	// The words of the task.
	{"prompt", 0, narrow, func(s *session) []uint64 { return s.Terms }},
	{"prompt label1", 2, narrow, func(s *session) []uint64 {
		out := make([]uint64, len(s.Terms))
		for i, t := range s.Terms {
			out[i] = hashOf(t, label(s.last(0)))
		}
		return out
	}},
}

// bucket is n, coarser the greater it is.
func bucket(n int) uint64 {
	switch {
	case n < 4:
		return uint64(n)
	case n < 7:
		return 4
	case n < 12:
		return 5
	case n < 20:
		return 6
	case n < 40:
		return 7
	}
	return 8
}
