package mine

import (
	"slices"
	"strings"
)

// Tasks are compared with others of their stratum only: of the same project
// and problem type. So a pattern that stands for easy projects, or for an easy
// kind of problem, is no evidence of anything. The price is that the tasks of a
// rare kind wait for each other.

const (
	firstBlock = 4
	lastBlock  = 16
)

// blockSize is the number of tasks of the next block of a stratum, after so
// many are done. A block's evidence is that of one task less than it has, so
// longer ones waste less, and shorter ones tell earlier.
func blockSize(done int) int {
	return min(lastBlock, max(firstBlock, done/2&^1))
}

// stratum gathers the tasks of the block that is open.
type stratum struct {
	Done int        `json:"done"` // tasks in closed blocks
	Open []*taskSeq `json:"open,omitempty"`
	Last int64      `json:"last"` // arrival of its newest task
}

func (t *taskSeq) key() taskKey { return taskKey{t.ProjectID, t.TaskID} }

func (t *taskSeq) stratum() string { return t.ProjectID + "\x00" + t.ProblemType }

func stratumProject(name string) string {
	project, _, _ := strings.Cut(name, "\x00")
	return project
}

// waiting finds a task in the open block of its stratum; a verdict that comes
// before the block closes replaces it.
func (m *Miner) waiting(k taskKey) (*stratum, int) {
	name, ok := m.open[k]
	if !ok {
		return nil, -1
	}
	s := m.strata[name]
	return s, slices.IndexFunc(s.Open, func(t *taskSeq) bool { return t.key() == k })
}

// wait puts a task into the open block of its stratum, and returns the block
// when that completes it.
func (m *Miner) wait(t *taskSeq) []*taskSeq {
	s := m.strata[t.stratum()]
	if s == nil {
		m.forgetStratum()
		s = &stratum{}
		m.strata[t.stratum()] = s
	}
	m.arrivals++
	s.Last = m.arrivals
	s.Open = append(s.Open, t)
	m.open[t.key()] = t.stratum()
	if len(s.Open) < blockSize(s.Done) {
		return nil
	}
	block := s.Open
	s.Open, s.Done = nil, s.Done+len(block)
	for _, t := range block {
		delete(m.open, t.key())
	}
	return block
}

// maxStrata bounds the strata; the one without a task for longest goes, with
// those of its tasks that no block was complete for.
const maxStrata = 1024

func (m *Miner) forgetStratum() {
	if len(m.strata) < maxStrata {
		return
	}
	oldest := ""
	for _, name := range sortedKeys(m.strata) {
		if oldest == "" || m.strata[name].Last < m.strata[oldest].Last {
			oldest = name
		}
	}
	for _, t := range m.strata[oldest].Open {
		delete(m.open, t.key())
	}
	m.count(func(s *Stats) { s.DroppedTasks += int64(len(m.strata[oldest].Open)) })
	delete(m.strata, oldest)
}
