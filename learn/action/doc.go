// Package action says what a tool call does.
//
// Parse turns one learn.ActionOutcome into a learn.Action at three levels of
// detail: the tool, tool and intent, tool and skeleton. A shell call is parsed
// with mvdan.cc/sh; its syntax tree is rewritten so that arguments become typed
// placeholders while program, subcommand and the sorted flags stay, and is
// printed back. A shell call is one of a tool that agents are known to have, or of
// any other whose arguments have that shape (commandline.go). Any other tool is described by its name and the names and types
// of its parameters.
//
//	command ── parse ── walk (wrappers peeled, arguments typed) ── print ── Skeleton, Arguments
//	                     └─ one simple command each: program, intent, target, writes
//	                             └─ the salient one gives Intent, Program, Target
//
// Promises: the functions are pure (the same call gives the same Action on
// every machine), safe on hostile input (bounded size and nesting, no panics),
// and total: what does not parse keeps its raw text as the skeleton. The i-th
// entry of Action.Arguments is what the i-th placeholder of the skeleton stood
// for.
package action
