package intake

import "context"

// transcript reads one file of JSON lines as they come. It emits what a line
// completes, so it can follow a file that grows.
type transcript interface {
	// line takes one line; number is its number in the file. A malformed one is
	// reported and passed over.
	line(ctx context.Context, number int, line []byte) error
	// close ends the sessions of the file, for now: more lines may be written
	// after it, and are read by a new transcript from the start.
	close(ctx context.Context) error
}

// lineParser is a parser whose entries are transcripts.
type lineParser interface {
	parser
	begin(e *entry, out *emitter) transcript
}

// readLines reads an entry to its end.
func readLines(ctx context.Context, e *entry, out *emitter, t transcript) error {
	if err := lines(ctx, e, out, func(number int, line []byte) error { return t.line(ctx, number, line) }); err != nil {
		return err
	}
	return t.close(ctx)
}
