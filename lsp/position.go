package lsp

import (
	"unicode/utf8"

	"go.lsp.dev/protocol"
)

// encoding is the unit in which the editor counts characters of a line.
type encoding = protocol.PositionEncodingKind

// negotiate takes the first encoding that the editor prefers and we know; all
// editors know UTF-16.
func negotiate(offered []encoding) encoding {
	for _, e := range offered {
		for _, known := range []encoding{protocol.PositionEncodingKindUTF8, protocol.PositionEncodingKindUTF16, protocol.PositionEncodingKindUTF32} {
			if e == known {
				return known // not e, which keeps its whole message in memory
			}
		}
	}
	return protocol.PositionEncodingKindUTF16
}

// width is how many units of enc a rune of n bytes takes. An invalid byte
// stands for U+FFFD, one unit of UTF-16 and UTF-32.
func width(r rune, n int, enc encoding) uint32 {
	switch {
	case enc == protocol.PositionEncodingKindUTF8:
		return uint32(n)
	case enc == protocol.PositionEncodingKindUTF32 || r < 0x10000:
		return 1
	default:
		return 2
	}
}

// units is the length of s in units of enc.
func units(s string, enc encoding) uint32 {
	if enc == protocol.PositionEncodingKindUTF8 {
		return uint32(len(s))
	}
	var u uint32
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		u += width(r, n, enc)
		i += n
	}
	return u
}

// byteOffset is the byte in line at which unit col of enc begins. A col
// inside a character means its beginning; one behind the line's end means
// the end, before the terminator, as the protocol wants it.
func byteOffset(line string, col uint32, enc encoding) int {
	line = content(line)
	var u uint32
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRuneInString(line[i:])
		w := width(r, n, enc)
		if u+w > col {
			return i
		}
		u += w
		i += n
	}
	return len(line)
}

// content is a line without its terminator: \n, \r\n or \r.
func content(line string) string {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
