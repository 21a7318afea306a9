// Package refine turns what was learned into typed changes of a plan, and
// applies those that were approved.
//
// Parse reads a plan as its text: JSON whose every value keeps its place
// (jsontext.go), held to the embedded schema and to what a schema cannot say
// (file.go, validate.go); each problem has its line and column. Fields that
// Lathe does not know are kept.
//
// Propose takes the plan and what is known of its steps: reports and remedies
// of their failures (rules.go), their measured rates (measured.go), proven
// strategies (strategy.go, replace.go). It makes PlanModificationProposals: a
// JSON Patch (RFC 6902), the same as a diff of the text, one line of why,
// confidence, risk, and evidence. Refine applies approved ones (patch.go), as
// the smallest edit of the text in the form that it has (edit.go, render.go,
// style.go). Lower writes a plan for planners that know only tasks and
// dependencies.
//
// Two learners feed it. Tracker counts how the calls that steps make end;
// Negatives keeps what failed tasks had done, with the failure that none of them
// got past, as negative examples for planners (Negatives.Recall).
//
// What it promises: a plan that is valid stays valid (ids unique, references
// and tools known, no cycle), or the change is left out with the reason; the
// patch does to the structure what it does to the text; applying a proposal
// twice changes nothing; an existing value that the patch does not know is not
// written over; what a person decided on is not proposed again without new
// evidence (NewEvidence); retries are proposed for transient patterns only; a
// command enters a plan only when all of its parameters are filled, which
// package recovery does with trusted values alone.
package refine
