// Package refine turns what was learned into typed changes of a plan, and
// applies those that were approved.
//
// Data passes through it twice. Propose takes a plan (a TaskGraph), the
// failures that its steps had with their reports, and proven strategies, and
// makes PlanModificationProposals: a JSON Patch (RFC 6902), the same as a diff
// to read, one line of why, confidence, risk, and evidence. Refine takes a plan
// and approved proposals and applies them, saying of each in one line what it
// did. Lower writes a plan for planners that know only tasks and dependencies.
//
// What it promises: a plan that is valid stays valid (ids unique, references
// known, no cycle), or the change is left out with the reason; applying a
// proposal twice changes nothing; a proposal made for a step that has changed
// meanwhile is refused, not forced; retries are proposed for transient
// patterns only; a command enters a plan only when all of its parameters are
// filled, which package recovery does with trusted values alone.
package refine
