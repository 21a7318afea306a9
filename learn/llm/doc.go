// Package llm reaches language models behind one small interface. Nothing in
// Lathe needs a model; where one can improve a step, the step asks through
// Structured and goes on without when no valid answer comes.
//
// How an answer passes: the caller quotes recorded text with Fence, so that it
// is data and not instruction; Structured adds the schema to the request; a
// Model (OpenAI, Anthropic, or a Replayer of recorded answers) completes it;
// Structured validates the answer against the schema, asks once more with the
// validation error, and otherwise drops it. The Attempt that it returns goes
// into the ledger as learn.EntryModelAnswer.
//
// Promises: every call ends within its context and the client's time-outs;
// bodies are bounded both ways; a 429 or 5xx is retried with jitter and no
// sooner than Retry-After says; redirects are not followed; a key goes only to
// the host that it was given for, never over plain HTTP beyond this machine,
// and into no error, log or recording.
//
// Tests replay recorded answers: a Recorder writes each answer once, named by
// the hash of its request with secrets removed, and a Replayer gives them
// back. It passes the same conformance test as the clients.
package llm
