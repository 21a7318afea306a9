// Package redact takes secrets out of records before anything is stored,
// spooled or shown to a model.
//
// Two rule sets work together: the default rules of gitleaks (read from the
// configuration that its module embeds: regular expression, keywords, entropy,
// allow-lists), and rules of our own for what agents' shells show most and
// gitleaks does not cover: passwords in URLs, flags, pipes and netrc files,
// assignments, Authorization headers, cookies, private keys, prefixed keys of
// any length. Colour codes and invisible characters hide nothing: a text that
// has them is searched once more without them.
//
// How a text passes: one Aho-Corasick walk over the lower-cased text finds the
// keywords of all rules; each rule with a hit is tried only in windows around
// its hits; the matches that survive entropy and allow-lists are replaced by
// [redacted:rule-id]. That is repeated until nothing more is found, so
// redacting twice changes nothing. Regular expressions are compiled on first
// use.
//
// Promises: a Redactor is safe for concurrent use; String is idempotent;
// Record keeps JSON parameters valid and in their order; identifiers that
// others chose (project, session, task, agent, call, plan, step) are redacted
// like any text, always to the same, since records are joined by them. What is
// not promised: that a secret without any recognisable form or name is found.
package redact
