package signature

import "strings"

// The variable parts of a line, as masked.
const (
	maskPath, maskNumber, maskHex = "<path>", "<num>", "<hex>"
	maskString, maskURL, maskAddr = "<str>", "<url>", "<addr>"
	maskUUID, wildcard            = "<uuid>", "<*>"
)

// maskTokens splits a line into tokens, with quoted strings, paths, numbers,
// hex, UUIDs, URLs and addresses masked. It is one pass without regular
// expressions, since it runs on every line of a log.
func maskTokens(line string, out []string) []string {
	for i := 0; i < len(line) && len(out) < maxTokens; {
		c := line[i]
		if c == ' ' || c == '\t' {
			i++
			continue
		}
		if c == '"' || c == '\'' || c == '`' {
			if j := strings.IndexByte(line[i+1:], c); j >= 0 && (i == 0 || !isWord(line[i-1])) {
				out = append(out, maskString)
				i += j + 2
				continue
			}
		}
		j := i
		for j < len(line) && line[j] != ' ' && line[j] != '\t' {
			if k := line[j]; j > i && (k == '"' || k == '\'' || k == '`') && !isWord(line[j-1]) {
				break
			}
			j++
		}
		out = maskWord(line[i:j], out)
		i = j
	}
	return out
}

// maskWord masks one word, keeping the punctuation around it as part of the
// token and splitting "key=value" and "key:value" at values.
func maskWord(word string, out []string) []string {
	head, body, tail := trimPunctuation(word)
	if k := strings.IndexAny(body, "=:"); k > 0 && k < len(body)-1 && !strings.Contains(body, "://") {
		left, right := body[:k], body[k+1:]
		if m := maskValue(right); m != "" && maskValue(body) == "" {
			if l := maskValue(left); l != "" {
				left = l
			}
			return append(out, head+left+body[k:k+1]+m+tail)
		}
	}
	if m := maskValue(body); m != "" {
		return append(out, head+m+tail)
	}
	return append(out, word)
}

func trimPunctuation(w string) (head, body, tail string) {
	i, j := 0, len(w)
	for i < j && strings.IndexByte("([{<,;=\"'`", w[i]) >= 0 {
		i++
	}
	for j > i && strings.IndexByte(")]}>,;:.=!?\"'`", w[j-1]) >= 0 {
		j--
	}
	return w[:i], w[i:j], w[j:]
}

// maskValue is the mask of a variable value, "" when the word is constant.
func maskValue(w string) string {
	if w == "" {
		return ""
	}
	digits, hex, dots, dashes, slashes, colons, letters := 0, 0, 0, 0, 0, 0, 0
	for i := 0; i < len(w); i++ {
		switch c := w[i]; {
		case c >= '0' && c <= '9':
			digits++
			hex++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			hex++
			letters++
		case c == '.':
			dots++
		case c == '-':
			dashes++
		case c == '/' || c == '\\':
			slashes++
		case c == ':':
			colons++
		default:
			letters++
		}
	}
	n := len(w)
	switch {
	case slashes > 0 && strings.Contains(w, "://"):
		return maskURL
	case slashes > 0 && n > 1:
		return maskPath
	case digits == 0:
		return ""
	case n == 36 && dashes == 4 && hex == 32:
		return maskUUID
	case dots == 3 && letters == 0 && digits >= 4:
		return maskAddr
	case strings.HasPrefix(w, "0x") || strings.HasPrefix(w, "0X"):
		return maskHex
	case letters == 0:
		return maskNumber
	case hex == n && n >= 7 && digits > 0 || hex+colons == n && colons > 2:
		return maskHex
	case w[0] >= '0' && w[0] <= '9' && letters <= 3:
		return maskNumber
	}
	return ""
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
