package eventlog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	stdhash "hash"
	"io"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// A backup is one zstd stream of the following. All numbers are big-endian.
//
//	0  4  magic "LBAK"
//	4  1  version, 1
//	   entries, each:
//	     1  kind: 'F' file, 'E' message of events, 'L' message of the ledger, 'Z' end
//	     8  sequence number of a message, else 0
//	     2  N, length of a file's name, else 0
//	     4  S, length of the content
//	     N  the name
//	     S  the content; of 'Z' the SHA-256 of everything before it
//
// Messages stand as they are in the log, so that their hash chains come back.
const (
	backupMagic    = "LBAK\x01"
	entryFile      = 'F'
	entryEvents    = 'E'
	entryLedger    = 'L'
	entryEnd       = 'Z'
	entryHeader    = 15
	maxBackupFile  = 64 << 20 // bytes of one entry
	maxBackupFiles = 4        // reviewer.json and accepted.json are written
	// maxBackupGap bounds the sequence numbers without a message in one stream
	// of a backup: restoring writes and deletes a message for each of them, a
	// few thousand a second.
	maxBackupGap = 1 << 17
	acceptedFile = "accepted.json"
)

// ErrBackup is what every fault of a backup wraps.
var ErrBackup = errors.New("this is no whole backup")

// BackupReport says what a backup holds.
type BackupReport struct {
	Events   uint64            `json:"events"`         // messages
	Ledger   uint64            `json:"ledger"`         // messages
	Records  uint64            `json:"records"`        // of both
	HeadSeqs map[Stream]uint64 `json:"heads"`          // last sequence numbers
	Files    []string          `json:"files"`          // beside the log
	Lost     int               `json:"lost,omitempty"` // places of accepted damage
}

// Backup writes both streams up to now, and files, to w. Writers may go on
// meanwhile: every event that an entry of the backed up ledger names is in it.
func (l *Log) Backup(ctx context.Context, w io.Writer, files map[string][]byte) error {
	out, err := newArchiver(w)
	if err != nil {
		return err
	}
	all := map[string][]byte{}
	for name, content := range files {
		all[name] = content
	}
	if len(l.accepted) > 0 {
		if all[acceptedFile], err = json.Marshal(l.accepted); err != nil {
			return err
		}
	}
	for name, content := range all {
		if err := out.entry(entryFile, 0, name, content); err != nil {
			return err
		}
	}
	// The ledger's end is taken first: it names events before its own.
	ledger, events := l.ledger.headSeq(), l.events.headSeq()
	for _, part := range []struct {
		s    *stream
		head uint64
		kind byte
	}{{l.events, events, entryEvents}, {l.ledger, ledger, entryLedger}} {
		err := part.s.fetch(ctx, 1, part.head, func(seq uint64, data []byte) error {
			return out.entry(part.kind, seq, "", data)
		})
		if err != nil {
			return fmt.Errorf("backing up stream %s: %w", part.s.name, err)
		}
	}
	return out.close()
}

// archiver writes entries and sums them up.
type archiver struct {
	z   *zstd.Encoder
	sum stdhash.Hash
	w   io.Writer
}

func newArchiver(w io.Writer) (*archiver, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	a := &archiver{z: z, sum: sha256.New()}
	a.w = io.MultiWriter(z, a.sum)
	_, err = io.WriteString(a.w, backupMagic)
	return a, err
}

func (a *archiver) entry(kind byte, seq uint64, name string, content []byte) error {
	b := binary.BigEndian.AppendUint64([]byte{kind}, seq)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(content)))
	b = append(append(b, name...), content...)
	_, err := a.w.Write(b)
	return err
}

func (a *archiver) close() error {
	return errors.Join(a.entry(entryEnd, 0, "", a.sum.Sum(nil)), a.z.Close())
}

// backupEntry is one entry as it is read.
type backupEntry struct {
	kind    byte
	seq     uint64
	name    string
	content []byte
}

// readBackup calls fn for each entry and then checks the sum.
func readBackup(r io.Reader, fn func(backupEntry) error) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	sum := sha256.New()
	in := io.TeeReader(bufio.NewReader(z), sum)
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(in, magic); errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in the middle (%v)", ErrBackup, err)
	} else if err != nil || string(magic) != backupMagic {
		return fmt.Errorf("%w: it does not begin as one", ErrBackup)
	}
	for {
		before := sum.Sum(nil)
		var head [entryHeader]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return fmt.Errorf("%w: it ends in the middle (%v)", ErrBackup, err)
		}
		n, size := binary.BigEndian.Uint16(head[9:]), binary.BigEndian.Uint32(head[11:])
		if size > maxBackupFile {
			return fmt.Errorf("%w: an entry of %d bytes", ErrBackup, size)
		}
		content := make([]byte, int(n)+int(size))
		if _, err := io.ReadFull(in, content); err != nil {
			return fmt.Errorf("%w: it ends in the middle (%v)", ErrBackup, err)
		}
		e := backupEntry{kind: head[0], seq: binary.BigEndian.Uint64(head[1:]), name: string(content[:n]), content: content[n:]}
		switch e.kind {
		case entryEnd:
			if string(e.content) != string(before) {
				return fmt.Errorf("%w: its SHA-256 does not fit", ErrBackup)
			}
			return nil
		case entryFile, entryEvents, entryLedger:
			if err := fn(e); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: an entry of unknown kind %q", ErrBackup, e.kind)
		}
	}
}

// CheckBackup reads a whole backup and verifies its sum and every message's
// hash, checksums and chain. It returns the files that stand beside the log.
// Errors about the backup itself wrap ErrBackup.
func CheckBackup(r io.Reader) (BackupReport, map[string][]byte, error) {
	report, files := BackupReport{HeadSeqs: map[Stream]uint64{}}, map[string][]byte{}
	z, err := newCodec()
	if err != nil {
		return report, nil, err
	}
	defer z.close()
	verifiers, gaps := map[Stream]*verifier{}, gapMeter{}
	for _, name := range []Stream{Events, Ledger} {
		verifiers[name] = newVerifier(name, 1, nil)
		verifiers[name].codec = z
	}
	err = readBackup(r, func(e backupEntry) error {
		if e.kind == entryFile {
			if e.name == "" || e.name != filepath.Base(e.name) {
				return fmt.Errorf("%w: a file named %.80q", ErrBackup, e.name)
			}
			if _, there := files[e.name]; there || len(files) == maxBackupFiles {
				return fmt.Errorf("%w: too many files, or one of them twice: %.80q", ErrBackup, e.name)
			}
			files[e.name] = e.content
			return nil
		}
		name := e.stream()
		if err := gaps.take(name, report.HeadSeqs[name], e.seq); err != nil {
			return err
		}
		report.HeadSeqs[name] = e.seq
		verifiers[name].take(e.seq, e.content)
		return nil
	})
	if err != nil {
		return report, nil, err
	}
	known := &Log{}
	if raw, ok := files[acceptedFile]; ok {
		if err := json.Unmarshal(raw, &known.accepted); err != nil {
			return report, nil, fmt.Errorf("%w: its list of accepted damage: %v", ErrBackup, err)
		}
	}
	report.Events, report.Ledger = verifiers[Events].messages, verifiers[Ledger].messages
	report.Lost = len(known.accepted)
	for name, v := range verifiers {
		report.Records += v.records
		if open := known.sort(v.finish(report.HeadSeqs[name])); len(open) > 0 {
			return report, nil, fmt.Errorf("%w: the log in it is damaged: %s", ErrBackup, open[0])
		}
	}
	for name := range files {
		report.Files = append(report.Files, name)
	}
	return report, files, nil
}

// gapMeter counts the sequence numbers of each stream that have no message. A
// backup says its numbers itself, and its list of accepted damage may excuse
// any gap: without a bound a small file could ask for endless fillers.
type gapMeter map[Stream]uint64

// take refuses message seq after message before when it goes back, or when it
// leaves more room than maxBackupGap together with the gaps so far.
func (m gapMeter) take(name Stream, before, seq uint64) error {
	if seq <= before {
		return fmt.Errorf("%w: message %d of %s comes after message %d", ErrBackup, seq, name, before)
	}
	gap := seq - before - 1
	if gap > maxBackupGap-m[name] {
		return fmt.Errorf("%w: message %d of %s comes after message %d; at most %d messages may be missing in one stream", ErrBackup, seq, name, before, maxBackupGap)
	}
	m[name] += gap
	return nil
}

func (e backupEntry) stream() Stream {
	if e.kind == entryLedger {
		return Ledger
	}
	return Events
}

// Restore writes a backup that CheckBackup found whole into o.Dir, where no log
// may be. The messages come back as they were; what is written from then on
// continues in a chain of a new writer. When it fails, the directory is of no
// use and can be removed.
func Restore(ctx context.Context, r io.Reader, accepted []byte, o Options) (err error) {
	if o.URL != "" {
		return errors.New("restoring the event log: only one of this machine can be restored, not a NATS server's")
	}
	if accepted != nil {
		if err := makeDir(o.Dir); err != nil {
			return err
		}
		if err := writeFile(filepath.Join(o.Dir, acceptedFile), accepted); err != nil {
			return fmt.Errorf("restoring the event log: %w", err)
		}
	}
	l, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if l.Head(Events) > 0 || l.Head(Ledger) > 0 {
		return fmt.Errorf("restoring the event log: %s holds one already", o.Dir)
	}
	gaps := gapMeter{} // the file may be another than was checked
	return readBackup(r, func(e backupEntry) error {
		if e.kind == entryFile {
			return nil
		}
		if err := gaps.take(e.stream(), l.Head(e.stream()), e.seq); err != nil {
			return err
		}
		return l.stream(e.stream()).putBack(ctx, e.seq, e.content)
	})
}

// putBack stores one message of a backup under its sequence number.
func (s *stream) putBack(ctx context.Context, seq uint64, data []byte) error {
	f, subject := s.subjectOf(data)
	if err := s.putAt(ctx, subject, seq, f, data); err != nil {
		return fmt.Errorf("restoring stream %s: %w", s.name, err)
	}
	return nil
}

// skipTo uses up sequence numbers, up to seq, of messages that are lost, as was
// accepted.
func (s *stream) skipTo(ctx context.Context, seq uint64) error {
	for s.headSeq() < seq {
		gone, err := s.publish(ctx, "", []byte("lost"))
		if err != nil {
			return err
		}
		if err := s.js.DeleteMsg(ctx, gone); err != nil {
			return err
		}
		s.mu.Lock()
		s.moveHead(gone)
		s.mu.Unlock()
	}
	return nil
}

// putAt stores a message that is made already under its sequence number; f is
// nil for one that cannot be read.
func (s *stream) putAt(ctx context.Context, subject string, seq uint64, f *frame, data []byte) error {
	if err := s.skipTo(ctx, seq-1); err != nil {
		return err
	}
	at, err := s.publishTo(ctx, subject, data)
	if err == nil && at != seq {
		err = fmt.Errorf("message %d got the number %d", seq, at)
	}
	if err != nil {
		return err
	}
	if f != nil {
		s.advance(seq, f)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moveHead(seq)
	return nil
}

// subjectOf is the subject that a message has; no frame for one that cannot be
// read.
func (s *stream) subjectOf(data []byte) (*frame, string) {
	none := subjectOf(s.name, "")
	f, err := decodeFrame(data)
	if err != nil {
		return nil, none
	}
	raw, err := f.open(s.log.codec)
	if err != nil || len(raw) == 0 {
		return f, none
	}
	return f, subjectIn(s.name, raw[0])
}
