// Package diagnose explains failures: which class of error it is, what the root
// cause probably is, which action of the task is to blame, what fixed it
// before, and how sure all that is.
//
// Data passes through Diagnose in one direction: the signatures of the failing
// call name a pattern and entities; the CodeSource, for a deep request, tells
// what of the workspace's code they touch; the history tells how often the
// failure was seen; the task's steps are searched for an earlier one that
// touched what the error names (culprit.go); the RemedySource is asked what
// worked; the pattern's canned hints stand apart, marked as hints. What a model
// says is added by who asks it (learn/llm).
//
// A Diagnoser is also a learner. At each failure of the stream it asks itself
// what it would say, and when the failure is resolved it sees what was right
// (claim.go, watch.go): so a report's confidence is how often such claims were
// right before, by method, and Reliability tells how well that held. The
// report's score is that of the strongest thing it claims, which ConfidenceOf
// names: the first remedy, else the culprit. An error of which neither cause nor
// remedy nor an earlier culprit is known claims nothing, scores 0 and says that
// it is unknown, however sure it is that no other call is to blame.
//
// Attribute is for conversations between agents in which nothing need have
// failed visibly: it says whose step spoilt the task (signals.go). Both searches
// gather suspicion of each step in log odds, rank it and tell the reasons
// (suspicion.go), but not from the same signals. A failing call names what it
// stumbled over, and a coding task's steps have effects on files, packages and
// versions: its culprit is whoever touched what was named, with the failing call
// itself as the null hypothesis and the latest of equals to blame, since what
// worked between clears what was before. A conversation has no effects that
// could be compared with an error, and its decisive mistake is by definition the
// earliest that could have saved the task: its signals are about what is said,
// and without a failing call there is no null hypothesis. Effects give nothing
// on turns of text (they have none), and the signals of text (who speaks first,
// who announces, who closes) say nothing about a single agent's calls.
//
// What it promises: the same request after the same stream gives the same
// report, id included; text that the failing tool printed appears only quoted,
// escaped and cut; a captured value enters a hint only when the request's
// Trusted says so; when nothing is known, the report says that; memory is
// bounded (experience.go).
package diagnose
