// Package trial answers whether advice, a strategy or a tool version really
// makes tasks go better.
//
// What is served to a task is an assignment with its propensity; a share of
// the tasks is a control from which it is withheld, drawn by a hash of the
// task, so that the draw can be repeated and one task is wholly in one group.
// When the task finishes, its outcome is counted once for each kind of advice;
// effects are pooled by kind, since one person never fills a control group for
// one remedy.
//
// The difference of the two groups' success rates has a confidence sequence:
// an interval that covers the truth at all times at once, so that one may look
// after every task and stop at will. Promote means that the whole interval is
// above zero, retire that it is below, keep anything else or too few tasks.
// It assumes that the rates do not change while they are measured.
//
// Among alternatives, Choose draws by Thompson sampling over Beta posteriors
// (Thompson 1933) with a floor of exploration, and says with what probability;
// from these, IPS and SNIPS estimate what another policy would have reached.
package trial
