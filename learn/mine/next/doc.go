// Package next predicts what an agent does next in a session.
//
// A step is told by its label: the tool, or the first program of a shell
// command. A session's history is looked at in several views (views.go): the
// last labels, skeletons, intents and statuses, what failed, how the last
// verification ended, how long ago the last edit and test were, the position
// in the task, whether a list that an output gave is being worked through, and
// the words of the task. Each view counts what followed its contexts
// (count.go), smoothed with those of a wider view, and says by how much it
// makes each label likelier than the wider one does. The mixer (mix.go) adds
// these up with weights that it learns from every step, so a view that helps
// in one kind of work and not in another counts where it helps.
//
// What it promises: a step is predicted from earlier ones only; results are the
// same on every run over the same log; a step costs the same however long the
// log is; memory is bounded, and what is dropped is counted.
package next
