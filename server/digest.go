package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"lathe/learn"
	"lathe/learn/monitor"
)

// maxChronicle is how many days the chronicle remembers.
const maxChronicle = 100

// chronicle counts, by day, what the ledger says of advice and refusals: what
// the digest needs and no other projection keeps by time.
type chronicle struct {
	mu   sync.Mutex
	days map[string]*chronicleDay // by date, UTC
	seen map[string]string        // trial -> date of its result
}

type chronicleDay struct {
	served, taken, refused int
	worked                 map[string]int // remedies that were followed and worked
}

func newChronicle() *chronicle {
	return &chronicle{days: map[string]*chronicleDay{}, seen: map[string]string{}}
}

func (c *chronicle) apply(e learn.LedgerEntry) error {
	switch e.Kind {
	case learn.EntryRefused:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.day(e.Timestamp).refused++
	case learn.EntryTrial:
		var r learn.TrialRecord
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return fmt.Errorf("digest: %w", err)
		}
		if r.Phase == learn.TrialResult && r.Arm == learn.TrialTreatment {
			c.result(&r)
		}
	}
	return nil
}

func (c *chronicle) result(r *learn.TrialRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, again := c.seen[r.TrialID]; again {
		return
	}
	day := c.day(r.Timestamp)
	c.seen[r.TrialID] = r.Timestamp.UTC().Format(time.DateOnly)
	day.served++
	if r.Taken {
		day.taken++
	}
	if r.Taken && r.Worked != nil && *r.Worked {
		day.worked[r.ObjectID]++
	}
}

// day returns a day's counts; the oldest day makes room for a new one.
func (c *chronicle) day(at time.Time) *chronicleDay {
	date := at.UTC().Format(time.DateOnly)
	if c.days[date] == nil {
		c.days[date] = &chronicleDay{worked: map[string]int{}}
		if len(c.days) > maxChronicle {
			oldest := date
			for d := range c.days {
				oldest = min(oldest, d)
			}
			delete(c.days, oldest)
			for id, d := range c.seen {
				if d == oldest {
					delete(c.seen, id)
				}
			}
		}
	}
	if d := c.days[date]; d != nil {
		return d
	}
	return &chronicleDay{worked: map[string]int{}} // older than all that is kept
}

func (c *chronicle) since(at time.Time) (sum chronicleDay) {
	sum.worked = map[string]int{}
	from := at.UTC().Format(time.DateOnly)
	c.mu.Lock()
	defer c.mu.Unlock()
	for date, d := range c.days {
		if date < from {
			continue
		}
		sum.served, sum.taken, sum.refused = sum.served+d.served, sum.taken+d.taken, sum.refused+d.refused
		for id, n := range d.worked {
			sum.worked[id] += n
		}
	}
	return sum
}

// DigestCall asks for a digest; Days is 7 when it is 0.
type DigestCall struct {
	ProjectID string `json:"project_id,omitempty"`
	Days      int    `json:"days,omitempty"`
}

// Digest is what happened lately, in at most ten lines.
type Digest struct {
	Since time.Time `json:"since"`
	Lines []string  `json:"lines"`
}

// digest sums the last days up.
func (d *Daemon) digest(_ context.Context, c DigestCall) (Digest, error) {
	if c.Days < 0 || c.Days > 365 {
		return Digest{}, fmt.Errorf("a digest is of 1 to 365 days, not %d", c.Days)
	}
	if c.Days == 0 {
		c.Days = 7
	}
	now := d.now()
	out := Digest{Since: now.AddDate(0, 0, -c.Days)}
	k := d.learners.monitor.KPIs(monitor.Filter{ProjectID: c.ProjectID, Since: out.Since})
	span := "the last " + plural(c.Days, "day")
	if k.Calls.Calls == 0 {
		out.Lines = []string{"Nothing was recorded in " + span + "."}
		last := ""
		for _, day := range d.learners.monitor.KPIs(monitor.Filter{ProjectID: c.ProjectID}).ByDay {
			if day.Calls > 0 && day.Name != "older" {
				last = max(last, day.Name)
			}
		}
		if last != "" {
			out.Lines[0] += " The last recorded day is " + last + "."
		}
	} else {
		out.Lines = append(out.Lines, d.callLine(k, c), taskLine(k))
		out.Lines = append(out.Lines, d.failureLines(k, c.ProjectID)...)
	}
	if c.ProjectID == "" {
		out.Lines = append(out.Lines, d.adviceLine(out.Since))
	}
	out.Lines = append(out.Lines, d.proposalLine(c.ProjectID, out.Since))
	if line := d.toolLine(k); line != "" {
		out.Lines = append(out.Lines, line)
	}
	if line := d.wishLine(out.Since); line != "" && c.ProjectID == "" {
		out.Lines = append(out.Lines, line)
	}
	return out, nil
}

func taskLine(k monitor.KPIs) string {
	n := int(k.Tasks.Success + k.Tasks.Failure + k.Tasks.Unknown)
	if n == 0 {
		return "No task ended."
	}
	line := fmt.Sprintf("%s ended: %d succeeded, %d failed", plural(n, "task"), k.Tasks.Success, k.Tasks.Failure)
	if k.Tasks.Unknown > 0 {
		line += fmt.Sprintf(", of %d it is not known", k.Tasks.Unknown)
	}
	return line + "."
}

// often is a number of times in words.
func often(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (d *Daemon) callLine(k monitor.KPIs, c DigestCall) string {
	line := fmt.Sprintf("%s, %.0f %% of them succeeded (%.0f to %.0f %%)", plural(int(k.Calls.Calls), "call"), 100*k.Calls.SuccessRate.Rate,
		100*k.Calls.SuccessRate.Interval.Low, 100*k.Calls.SuccessRate.Interval.High)
	both := d.learners.monitor.KPIs(monitor.Filter{ProjectID: c.ProjectID, Since: d.now().AddDate(0, 0, -2*c.Days)}).Calls
	if before := both.Calls - k.Calls.Calls; before > 0 {
		good := both.SuccessRate.Successes - k.Calls.SuccessRate.Successes
		if judged := both.SuccessRate.Total - k.Calls.SuccessRate.Total; judged > 0 {
			line += fmt.Sprintf("; in as many days before, %d and %.0f %%", before, 100*float64(good)/float64(judged))
		}
	}
	return line + "."
}

// failureLines says what failed most, by time lost where that is known, and
// what fixed it.
func (d *Daemon) failureLines(k monitor.KPIs, project string) []string {
	lost, list := map[string]float64{}, []monitor.SignatureKPI{}
	for _, s := range k.SignaturesByTimeLost {
		lost[s.ID] = s.Weight
	}
	for _, s := range k.SignaturesByCount {
		if !strings.HasPrefix(s.ID, "filesystem/no-match") { // a search that found nothing is an answer
			list = append(list, s)
		}
	}
	d.nameKinds(list)
	sort.SliceStable(list, func(i, j int) bool { return lost[list[i].ID] > lost[list[j].ID] })
	remedies := d.learners.recovery.Remedies()
	var out []string
	for i, s := range list[:min(len(list), 3)] {
		line := fmt.Sprintf("%s: %s, %s", []string{"Failed most", "Then", "Then"}[i], learn.Shown(s.Name, 80), often(int(s.Weight)))
		if ms := lost[s.ID]; ms > 0 {
			line += fmt.Sprintf(", %s lost", learn.Duration(ms))
		}
		at := slices.IndexFunc(remedies, func(r learn.Remedy) bool {
			return r.SignatureID == s.ID && r.Posterior >= 0.6 && r.Description != "" && (project == "" || r.ProjectID == "" || r.ProjectID == project)
		})
		if at >= 0 {
			line += ". What fixes it: " + learn.Shown(remedies[at].Description, 120)
		}
		out = append(out, strings.TrimSuffix(line, ".")+".")
	}
	return out
}

func (d *Daemon) adviceLine(since time.Time) string {
	sum := d.chronicle.since(since)
	if sum.served == 0 {
		return "No task that ended had been given advice."
	}
	saved, worked := 0.0, 0
	for _, r := range d.learners.recovery.Remedies() {
		saved += float64(sum.worked[r.RemedyID]) * r.CallsSaved
	}
	for _, n := range sum.worked {
		worked += n
	}
	line := fmt.Sprintf("Advice was given %s, followed %s, and worked %s", often(sum.served), often(sum.taken), often(worked))
	if saved >= 1 {
		line += fmt.Sprintf(": about %.0f calls saved, as long as such failures took to resolve without it", saved)
	}
	return line + "."
}

func (d *Daemon) proposalLine(project string, since time.Time) string {
	made, approved, rejected, waiting := 0, 0, 0, 0
	var oldest time.Time
	for _, it := range d.queue.Items() {
		if project != "" && it.Project != project {
			continue
		}
		if it.Created.After(since) {
			made++
		}
		if it.State == learn.StateInReview {
			waiting++
			if oldest.IsZero() || it.Created.Before(oldest) {
				oldest = it.Created
			}
		}
		for _, dec := range it.Decisions {
			if dec.Timestamp.After(since) && dec.Verdict == learn.VerdictApprove {
				approved++
			} else if dec.Timestamp.After(since) && dec.Verdict == learn.VerdictReject {
				rejected++
			}
		}
	}
	line := "Nothing was proposed"
	if made > 0 {
		line = plural(made, "proposal") + " made"
	}
	if approved+rejected > 0 {
		line += fmt.Sprintf("; you approved %d and rejected %d", approved, rejected)
	}
	switch waiting {
	case 0:
		return line + "; nothing waits for you."
	case 1:
		line += "; 1 waits for you"
	default:
		line += fmt.Sprintf("; %d wait for you", waiting)
	}
	return line + fmt.Sprintf(", the oldest since %s (lathe review).", oldest.UTC().Format(time.DateOnly))
}

func (d *Daemon) toolLine(k monitor.KPIs) string {
	active := d.forge.active()
	if len(active) == 0 {
		return ""
	}
	var calls, good, judged int64
	for _, g := range k.ByTool {
		if slices.ContainsFunc(active, func(m learn.ToolManifest) bool { return m.Name == g.Name }) {
			calls, good, judged = calls+g.Calls, good+g.SuccessRate.Successes, judged+g.SuccessRate.Total
		}
	}
	line := fmt.Sprintf("%s deployed, called %s", plural(len(active), "generated tool"), often(int(calls)))
	if judged > 0 {
		line += fmt.Sprintf("; %d of %d calls succeeded", good, judged)
	}
	return line + "."
}

// wishLine tells what is quiet, and what was refused.
func (d *Daemon) wishLine(since time.Time) string {
	var parts []string
	if n := len(d.acceptance.Stops()); n > 0 {
		parts = append(parts, plural(n, "kind")+" of proposal stopped, since people always rejected it (the page Figures, or `lathe digest --json`, names it)")
	}
	if n := len(d.mutes.inForce(d.now())); n > 0 {
		parts = append(parts, plural(n, "mute")+" in force")
	}
	if n := d.chronicle.since(since).refused; n > 0 {
		parts = append(parts, plural(n, "attempt")+" to decide refused")
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.ToUpper(parts[0][:1]) + strings.Join(parts, "; ")[1:] + "."
}
