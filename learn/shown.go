package learn

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Shown makes recorded text safe to put before a person or an agent: one line
// of at most limit runes in which what cannot be seen is escaped. A cut text
// ends in "…", and is never cut within an escape.
func Shown(s string, limit int) string {
	var units []string
	runes := 0
	for i := 0; i < len(s) && runes <= limit; {
		r, size := utf8.DecodeRuneInString(s[i:])
		unit := s[i : i+size]
		switch {
		case r == utf8.RuneError && size == 1:
			unit = fmt.Sprintf(`\x%02x`, s[i])
		case r == '\n' || r == '\t' || r == '\r':
			unit = " "
		case Hidden(r):
			unit = fmt.Sprintf(`\u{%x}`, r)
		}
		units = append(units, unit)
		runes += utf8.RuneCountInString(unit)
		i += size
	}
	if runes <= limit {
		return strings.Join(units, "")
	}
	for len(units) > 0 && runes > limit-1 {
		runes -= utf8.RuneCountInString(units[len(units)-1])
		units = units[:len(units)-1]
	}
	if limit < 1 {
		return ""
	}
	return strings.Join(units, "") + "…"
}

// Hidden reports runes that show nothing, or change how others are shown.
func Hidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xad || r == 0x61c || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
		r >= 0x2060 && r <= 0x206f || r == 0xfeff || r >= 0xfff9 && r <= 0xfffb || r >= 0xe0000 && r <= 0xe0fff
}

// Duration is how long something took, given in milliseconds, as every surface
// says it.
func Duration(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 120_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms < 7_200_000:
		return fmt.Sprintf("%.0f min", ms/60_000)
	}
	return fmt.Sprintf("%.1f h", ms/3_600_000)
}

// Age is how long ago something was, as every surface says it.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
