package lsp

import (
	"testing"
	"unicode/utf8"

	"go.lsp.dev/protocol"
)

const (
	utf8Units  = protocol.PositionEncodingKindUTF8
	utf16Units = protocol.PositionEncodingKindUTF16
	utf32Units = protocol.PositionEncodingKindUTF32
)

func TestByteOffset(t *testing.T) {
	// a: 1 byte; é: 2 bytes, 1 UTF-16 unit; €: 3 bytes, 1 unit; 😀: 4 bytes, 2 units (a surrogate pair).
	const line = "aé€😀z\r\n"
	for _, c := range []struct {
		enc  encoding
		col  uint32
		want int
	}{
		{utf8Units, 0, 0}, {utf8Units, 1, 1}, {utf8Units, 2, 1}, {utf8Units, 3, 3}, {utf8Units, 6, 6}, {utf8Units, 8, 6}, {utf8Units, 10, 10}, {utf8Units, 99, 11},
		{utf16Units, 2, 3}, {utf16Units, 3, 6}, {utf16Units, 4, 6}, {utf16Units, 5, 10}, {utf16Units, 6, 11}, {utf16Units, 7, 11}, {utf16Units, 1 << 31, 11},
		{utf32Units, 3, 6}, {utf32Units, 4, 10}, {utf32Units, 5, 11}, {utf32Units, 6, 11},
	} {
		if got := byteOffset(line, c.col, c.enc); got != c.want {
			t.Errorf("%s column %d is byte %d, want %d", c.enc, c.col, got, c.want)
		}
	}
}

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		offered []encoding
		want    encoding
	}{
		{nil, utf16Units},
		{[]encoding{"utf-16"}, utf16Units},
		{[]encoding{"utf-8", "utf-16"}, utf8Units},
		{[]encoding{"utf-32", "utf-8"}, utf32Units},
		{[]encoding{"utf-7", "utf-8"}, utf8Units},
		{[]encoding{"ebcdic"}, utf16Units},
	} {
		if got := negotiate(c.offered); got != c.want {
			t.Errorf("negotiate(%v) = %s, want %s", c.offered, got, c.want)
		}
	}
}

// FuzzPosition: columns and bytes of a line convert both ways, in every
// encoding, for any bytes whatever.
func FuzzPosition(f *testing.F) {
	f.Add("aé€😀z\r\n", uint32(4))
	f.Add("", uint32(0))
	f.Add("\xff\xfe\x80broken\xf0\x9f", uint32(7))
	f.Add("\r", uint32(1<<32-1))
	f.Fuzz(func(t *testing.T, line string, col uint32) {
		for _, enc := range []encoding{utf8Units, utf16Units, utf32Units} {
			end := len(content(line))
			at := byteOffset(line, col, enc)
			if at < 0 || at > end {
				t.Fatalf("%s: byte %d of %d", enc, at, end)
			}
			back := units(line[:at], enc)
			if back > col {
				t.Fatalf("%s: column %d became byte %d, which is column %d, behind it", enc, col, at, back)
			}
			if again := byteOffset(line, back, enc); again != at {
				t.Fatalf("%s: byte %d is column %d, which is byte %d", enc, at, back, again)
			}
			if at < end {
				if _, n := utf8.DecodeRuneInString(line[at:]); units(line[:at+n], enc) <= col {
					t.Fatalf("%s: column %d is byte %d, but the next character begins at or before it", enc, col, at)
				}
			}
		}
	})
}
