// Package review is the queue of proposals and the right to decide on them.
//
// A Queue is a projection of the ledger: tool review requests and plan
// modification proposals come in, each with its content hash; decisions move
// them from in_review to approved or rejected, or ask back. Decide refuses
// whatever is not signed by the installation's reviewer over exactly the
// content that the queue holds, whatever was decided already, and whatever is
// a replay; each refusal is a ledger entry.
//
// The reviewer's Ed25519 key is sealed by a passphrase (argon2id, RFC 9106,
// 2021; XChaCha20-Poly1305). The daemon holds only the public half: a decision
// is signed where the person typed the passphrase.
package review
