package next

import (
	"math"
	"slices"
)

// question is what the views say of a session's next action.
type question struct {
	keys   [][]uint64  // by view, the contexts in it
	labels []int32     // the candidates, in the order of their numbers
	base   []float64   // log of their probability whatever the context
	says   [][]float64 // by view: log of how much likelier it makes each
	slot   []int       // by view, which of its weights applies
}

// slots is the number of weights of a view: by how much it has seen of the
// context, and by whether that was always followed by one thing.
const slots = 12

func slotOf(c *counts) int {
	if c == nil {
		return 0
	}
	i := 0
	for _, bound := range []float64{1, 2, 4, 9, 29} {
		if c.Total > bound {
			i++
		}
	}
	if len(c.Labels) == 1 {
		i += slots / 2
	}
	return i
}

// common is the number of candidates that are taken whatever the context, the
// most frequent ones.
const common = 24

func (n *Predictor) question(s *session) *question {
	q := &question{keys: make([][]uint64, len(views)), says: make([][]float64, len(views)), slot: make([]int, len(views))}
	for i := range views {
		q.keys[i] = views[i].keys(s)
	}
	q.labels = n.candidates(q)
	at := make([]int32, len(n.labels)) // by label, its place among the candidates and one; 0: none
	for i, l := range q.labels {
		at[l] = int32(i + 1)
	}
	m := len(q.labels)
	room := make([]float64, (2*len(views)+1)*m)
	take := func() (part []float64) {
		part, room = room[:m:m], room[m:]
		return part
	}
	even := take()
	for i := range even {
		even[i] = 1 / float64(len(n.labels)+1)
	}
	probs := make([][]float64, len(views))
	for v := range views {
		wider := even
		if p := views[v].parent; p >= 0 {
			wider = probs[p]
		}
		probs[v], q.says[v] = take(), take()
		q.slot[v] = n.ask(v, q.keys[v], at, wider, probs[v], q.says[v])
	}
	q.base = even // not needed any more
	for i, p := range probs[0] {
		q.base[i] = math.Log(p)
	}
	return q
}

// ask fills in what view v says, and returns which of its weights applies. Of a
// view with several contexts, such as the words of a prompt, each says its
// part.
func (n *Predictor) ask(v int, keys []uint64, at []int32, wider, prob, says []float64) int {
	copy(prob, wider)
	var most *counts
	part := 1 / math.Sqrt(float64(len(keys)))
	for _, k := range keys {
		c := n.tables[v].Contexts[k]
		if c == nil {
			continue
		}
		if most == nil || c.Total > most.Total {
			most = c
		}
		n.tables[v].smooth(c, at, wider, prob, says, part)
	}
	return slotOf(most)
}

// candidates are the labels that any narrow context knows, and the common ones.
func (n *Predictor) candidates(q *question) []int32 {
	in := map[int32]bool{}
	for v, keys := range q.keys {
		for _, k := range keys {
			c := n.tables[v].Contexts[k]
			if c == nil {
				continue
			}
			if len(c.Labels) <= common {
				for _, l := range c.Labels {
					in[l] = true
				}
				continue
			}
			order := make([]int, len(c.Labels))
			for i := range order {
				order[i] = i
			}
			slices.SortFunc(order, func(a, b int) int {
				if c.Times[a] != c.Times[b] {
					return cmpFloat(c.Times[b], c.Times[a])
				}
				return a - b
			})
			for _, i := range order[:common] {
				in[c.Labels[i]] = true
			}
		}
	}
	out := make([]int32, 0, len(in))
	for l := range in {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// mixer weighs the views.
type mixer struct {
	Base    float64     `json:"base"`
	Weights [][]float64 `json:"weights"` // by view and slot
	Squares [][]float64 `json:"squares"` // of their gradients, summed
	BaseSq  float64     `json:"base_sq"`
}

const (
	// pace is AdaGrad's step; the weights are of the order of one.
	pace = 0.05
	// narrow is the weight that most views begin with.
	narrow = 0.35
)

func newMixer() *mixer {
	m := &mixer{Base: 1}
	for _, v := range views {
		w, sq := make([]float64, slots), make([]float64, slots)
		for i := range w {
			w[i], sq[i] = v.start, 1
		}
		m.Weights, m.Squares = append(m.Weights, w), append(m.Squares, sq)
	}
	m.BaseSq = 1
	return m
}

func (m *mixer) fits() bool {
	if m == nil || len(m.Weights) != len(views) || len(m.Squares) != len(views) {
		return false
	}
	for i := range m.Weights {
		if len(m.Weights[i]) != slots || len(m.Squares[i]) != slots {
			return false
		}
	}
	return true
}

// mix returns the probability of each candidate.
func (m *mixer) mix(q *question) []float64 {
	p := make([]float64, len(q.labels))
	top := math.Inf(-1)
	for i := range p {
		p[i] = m.Base * q.base[i]
		for v := range q.says {
			p[i] += m.Weights[v][q.slot[v]] * q.says[v][i]
		}
		top = max(top, p[i])
	}
	sum := 0.0
	for i := range p {
		p[i] = math.Exp(p[i] - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// learn moves the weights down the gradient of the log loss.
func (m *mixer) learn(q *question, label int32) {
	at, ok := slices.BinarySearch(q.labels, label)
	if !ok {
		return // nobody could have known
	}
	p := m.mix(q)
	gradient := func(says []float64) float64 {
		g := says[at]
		for i := range p {
			g -= p[i] * says[i]
		}
		return g
	}
	for v := range q.says {
		if g := gradient(q.says[v]); g != 0 {
			s := q.slot[v]
			m.Squares[v][s] += g * g
			m.Weights[v][s] += pace * g / math.Sqrt(m.Squares[v][s])
		}
	}
	g := gradient(q.base)
	m.BaseSq += g * g
	m.Base += pace * g / math.Sqrt(m.BaseSq)
}
