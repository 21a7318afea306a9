package eventlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"lathe/learn"
)

// A message of either stream is one frame. All numbers are big-endian.
//
//	offset  size  field
//	     0     4  magic "LLOG"
//	     4     1  version, 1
//	     5     1  kind: 0 batch (holds records), 1 filler (stands for a lost sequence number)
//	     6     1  codec of the body: 0 plain, 1 zstd
//	     7     1  W, length of the writer's name, 1 to 64
//	     8     8  number: how many messages this writer put into this stream before this one
//	    16     8  count: how many records this writer put into this stream before this message
//	    24    32  hash of the writer's previous message in this stream, zeros for its first
//	    56     4  N, records in this message
//	    60     4  length of the body when plain
//	    64     4  S, length of the body as stored
//	    68     W  the writer's name
//	  68+W  24*N  one entry a record: key (16), length of its JSON (4), CRC-32C of its JSON (4)
//	     .     S  the body: the records' JSON, one after the other, compressed as a whole
//	     .    32  hash: SHA-256 of everything above
//
// The hash makes a message prove itself, the previous hash makes a writer's
// messages prove each other, number and count tell what is missing between two
// messages that do not fit, and the CRC proves a record after decompression.
// The keys stand outside the body so that the set of known ids is rebuilt
// without decompressing or parsing anything.
const (
	frameMagic   = "LLOG"
	frameVersion = 1

	kindBatch  = 0
	kindFiller = 1

	codecPlain = 0
	codecZstd  = 1

	fixedSize = 68
	entrySize = 24
	hashSize  = sha256.Size

	maxWriterName = 64
	// maxPlain bounds what a body may grow to when decompressed, in bytes.
	maxPlain = 16 << 20
	// maxFrameRecords bounds the records of one message; an index has 20 bits.
	maxFrameRecords = 1<<indexBits - 1
)

type hash [hashSize]byte

// idKey is a record id in 16 bytes: the bytes of a UUID, or the start of the
// SHA-256 of an id that is none.
type idKey [16]byte

func keyOf(id string) idKey {
	var k idKey
	if !learn.ValidID(id) {
		sum := sha256.Sum256([]byte(id))
		copy(k[:], sum[:])
		return k
	}
	n := 0
	for i := 0; i < len(id); i++ {
		if id[i] == '-' {
			continue
		}
		k[n/2] = k[n/2]<<4 | hexValue(id[i])
		n++
	}
	return k
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'a' + 10
}

// entry describes one record of a frame.
type entry struct {
	key    idKey
	length uint32
	crc    uint32
}

// frame is a message, decoded. stored and hash are set by decodeFrame; body
// is filled by open.
type frame struct {
	kind     byte
	codec    byte
	writer   string
	number   uint64
	count    uint64
	prev     hash
	entries  []entry
	plainLen uint32
	stored   []byte
	hash     hash
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C (Castagnoli 1993) of b.
func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// errFrame is what every decoding error wraps.
var errFrame = errors.New("message is damaged")

func frameErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errFrame, fmt.Sprintf(format, args...))
}

// encodeFrame lays f out with the given plain body, compressed when that is
// shorter, and sets f.hash.
func encodeFrame(f *frame, body []byte, z *codec) []byte {
	f.stored, f.codec, f.plainLen = body, codecPlain, uint32(len(body))
	if packed := z.compress(body); len(packed) < len(body) {
		f.stored, f.codec = packed, codecZstd
	}
	b := make([]byte, 0, fixedSize+len(f.writer)+entrySize*len(f.entries)+len(f.stored)+hashSize)
	b = append(b, frameMagic...)
	b = append(b, frameVersion, f.kind, f.codec, byte(len(f.writer)))
	b = binary.BigEndian.AppendUint64(b, f.number)
	b = binary.BigEndian.AppendUint64(b, f.count)
	b = append(b, f.prev[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.entries)))
	b = binary.BigEndian.AppendUint32(b, f.plainLen)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.stored)))
	b = append(b, f.writer...)
	for _, e := range f.entries {
		b = append(b, e.key[:]...)
		b = binary.BigEndian.AppendUint32(b, e.length)
		b = binary.BigEndian.AppendUint32(b, e.crc)
	}
	b = append(b, f.stored...)
	f.hash = sha256.Sum256(b)
	return append(b, f.hash[:]...)
}

// decodeFrame reads a message and proves it against its own hash. The body
// stays compressed: see open. The frame keeps b.
func decodeFrame(b []byte) (*frame, error) {
	if len(b) < fixedSize+hashSize {
		return nil, frameErrorf("%d bytes, a frame has at least %d", len(b), fixedSize+hashSize)
	}
	if string(b[:4]) != frameMagic {
		return nil, frameErrorf("it does not begin with %q", frameMagic)
	}
	if b[4] != frameVersion {
		return nil, frameErrorf("format version %d, this program reads %d", b[4], frameVersion)
	}
	f := &frame{
		kind: b[5], codec: b[6],
		number: binary.BigEndian.Uint64(b[8:]), count: binary.BigEndian.Uint64(b[16:]),
		prev: hash(b[24:56]), plainLen: binary.BigEndian.Uint32(b[60:]),
	}
	w, n, s := int64(b[7]), int64(binary.BigEndian.Uint32(b[56:])), int64(binary.BigEndian.Uint32(b[64:]))
	if want := fixedSize + w + entrySize*n + s + hashSize; want != int64(len(b)) {
		return nil, frameErrorf("%d bytes, its header says %d", len(b), want)
	}
	if w == 0 || w > maxWriterName || n > maxFrameRecords || f.plainLen > maxPlain ||
		f.kind > kindFiller || f.codec > codecZstd || f.codec == codecPlain && int64(f.plainLen) != s {
		return nil, frameErrorf("its header holds impossible values")
	}
	end := len(b) - hashSize
	f.hash = hash(b[end:])
	if sha256.Sum256(b[:end]) != f.hash {
		return nil, frameErrorf("its SHA-256 does not fit its content")
	}
	f.writer = string(b[fixedSize : fixedSize+w])
	f.stored = b[int64(end)-s : end]
	return f, f.readEntries(b[fixedSize+w:int64(end)-s], int(n))
}

func (f *frame) readEntries(table []byte, n int) error {
	f.entries = make([]entry, n)
	var total uint64
	for i := range f.entries {
		e := table[i*entrySize:]
		f.entries[i] = entry{
			key:    idKey(e[:16]),
			length: binary.BigEndian.Uint32(e[16:]),
			crc:    binary.BigEndian.Uint32(e[20:]),
		}
		total += uint64(f.entries[i].length)
	}
	if total != uint64(f.plainLen) {
		return frameErrorf("its records have %d bytes together, its body %d", total, f.plainLen)
	}
	return nil
}

// open decompresses the body and returns the JSON of each record, every one
// proved against its checksum.
func (f *frame) open(z *codec) ([][]byte, error) {
	body := f.stored
	if f.codec == codecZstd {
		var err error
		if body, err = z.decompress(f.stored, int(f.plainLen)); err != nil {
			return nil, frameErrorf("its body does not decompress: %v", err)
		}
	}
	if len(body) != int(f.plainLen) {
		return nil, frameErrorf("its body has %d bytes, its header says %d", len(body), f.plainLen)
	}
	records := make([][]byte, len(f.entries))
	for i, e := range f.entries {
		records[i], body = body[:e.length:e.length], body[e.length:]
		if checksum(records[i]) != e.crc {
			return nil, frameErrorf("the checksum of its record %d does not fit", i)
		}
	}
	return records, nil
}
