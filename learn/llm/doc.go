// Package llm asks language models, within bounds, and makes of their answers
// what can be trusted of them. Nothing in Lathe needs a model; where one can
// improve a step, the step asks and goes on without when no valid answer comes.
//
// How a failure is explained: Wanted says whether a model could add something;
// an Analyst writes the question, in which everything foreign is quoted with
// Fence and everything that can be answered has a label; a Desk puts it to a
// Model (OpenAI, Anthropic, a connected client's) if the hour's Budget and the
// model's circuit breaker allow it; Structured holds the answer against its
// schema and asks once more with what is wrong; what is left becomes a
// learn.Hypothesis, its labels what they stand for, its words cleaned, its
// command dropped unless the project ran the like before; Merge weighs it
// against the rules by what the Judge knows of both. The ledger hears of every
// question: model, hash, tokens, verdict, and what was predicted, never its
// text. When the failure is resolved, the Judge sees who was right.
//
// Names and Aliases ask about the mined patterns that a Catalogue counts: what
// to call them, and which are the same error. A name is made of the message's
// own words; two patterns are one only if a comparison of their words agrees.
//
// Promises: every call ends within its context and the client's time-outs;
// bodies are bounded both ways; a 429 or 5xx is retried with jitter and no
// sooner than Retry-After says; redirects are not followed; beyond this machine
// only https is used; a key goes only to the host that it was given for, and
// into no error, log or recording. Whatever a model answers, and whoever told
// it to, a report names only events that the model was shown, shows its words
// as a quotation without addresses, commands and orders, and loses nothing that
// the rules found. Nothing that a model says is ever run.
//
// Tests replay recorded answers: a Recorder writes each answer once, named by
// the hash of its request with secrets removed, and a Replayer gives them
// back. All models pass the conformance test of package llmtest;
// testdata/injections.json holds what hostile tools print.
package llm
