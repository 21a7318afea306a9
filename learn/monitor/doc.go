// Package monitor keeps the KPIs: how often calls and tasks succeed, how long
// calls take, what fails most and costs most time, what became of remedies,
// strategies, tools and proposals.
//
// A Monitor is a learn.Learner. Each observation goes into the cell of its
// day, project and tool: counts, tokens and a DDSketch of durations (Masson,
// Rim and Lee, "DDSketch", VLDB 2019; quantiles within 1 %). Error signatures
// go into a Space-Saving summary per day and project (Metwally, Agrawal and El
// Abbadi, "Efficient computation of frequent and top-k elements in data
// streams", ICDT 2005), once by count and once by time lost. Ledger entries
// give the states of learned objects and are idempotent by object.
//
// KPIs adds up cells and never reads the log. Days are those of the events, in
// UTC. Days beyond the retention are folded into one cell without a date, and
// tools, projects or objects beyond their bounds are counted as "(other)" or
// dropped and counted, so that memory is bounded whatever the log says.
// Everything merges: two Monitors that saw halves of a stream merge into what
// one would know, up to the summaries' stated errors.
package monitor
