// Package llmtest says what every llm.Model promises, as a test that each of
// them runs: the clients of package llm, its recorder and replayer, and the
// model of a connected agent, which package server makes.
//
// A test puts a server behind its Model that answers with Answer, and calls
// Conform. Nothing but tests imports it.
package llmtest
