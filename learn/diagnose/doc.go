// Package diagnose explains one failure from memory: which class of error it
// is, what the root cause probably is, which action of the task is to blame,
// and what fixed it before.
//
// Data passes through Diagnose in one direction: the signatures of the failing
// call name a pattern and entities; the task's history is searched for an
// earlier action that created, moved, deleted or edited one of those entities;
// the RemedySource is asked what worked; the pattern's canned hints stand
// apart, marked as hints. There is no model and no I/O, so an answer costs
// microseconds (see BenchmarkDiagnose).
//
// What it promises: the same request gives the same report, id included; text
// that the failing tool printed appears only quoted, escaped and cut; a
// captured value enters a hint only when the request's Trusted says so; when
// nothing is known, the report says that.
package diagnose
