// Package toolforge makes tools out of what agents do again and again.
//
// Data passes in one direction:
//
//	observations -> Finder -> ToolOpportunity -> Specify -> ToolSpecification
//	  -> Scaffold -> ProposedTool -> Validator -> ValidationResult
//	  -> ReviewRequest -> (a person decides) -> deployment, done by server
//
// Finder is a learner: it counts pipelines, sequences of calls, remedies of
// several steps and explicit requests, and says what one tool would save.
// Specify generalises the recorded commands to one command with typed
// parameters. Scaffold writes the tool as a folder (tool.json, tool.py,
// test_tool.py, README.md) without a model. Validator runs the gates in a
// sandbox that it reaches through the interface Runner.
//
// What it promises: nothing of a tool is executed outside the Runner, and
// nothing of it is executed at all before every static gate has passed; a
// value that a caller gives never becomes shell text or an option of a
// program; a folder that is read is bounded and holds regular files with
// known names only; the content hash covers everything that a person
// approves. The same observations give the same opportunities and the same
// opportunity gives the same tool, byte for byte.
package toolforge
