package signature

import "strings"

// What a word's form and place say of whether it is a parameter: the price of
// taking it for one. A price is compared with how many other words agree.
const (
	priceVerb    = 6.0 // inflected and function words are hardly ever parameters
	priceCommon  = 4.0 // nor are the words that logs are written with
	priceNeutral = 3.2
	priceEvent   = 3.0 // capitals only, of a word that is no name
	priceState   = 2.6 // capitals only: a name, or a state or an event
	priceHyphen  = 2.0 // may be a name or a compound
	priceName    = 1.2 // has the form of an identifier
	priceSlash   = 0.9 // may be a path or two alternatives
	priceHost    = 0.6 // has the form of the name of a host or file
)

// place is where a word stands in a line.
type wordPlace struct {
	first  bool   // begins the message
	before string // the word or mark before it
	after  string
}

// price is what taking word for a parameter costs.
func price(word string, at wordPlace) float64 {
	if at.after == "=" || at.first && (at.after == "set" || (at.after == "is" || at.after == ":") && identifier(word)) { // a key, or who speaks
		return priceVerb
	}
	p := form(word)
	switch {
	case at.first:
		return p * 1.8
	case p >= priceVerb:
		return p
	case p <= priceNeutral && named[at.after]:
		return p * 0.5
	case introduces[strings.ToLower(at.before)], enclosed(at.before, at.after):
		return p * 0.35
	case listed(at.before, at.after):
		return p * 0.6
	case at.before == ":":
		return p * 0.8
	}
	return p
}

// form is the price of a word for its form.
func form(word string) float64 {
	if k := strings.IndexByte(word, ':'); k > 0 && !strings.Contains(word, "::") {
		p := form(word[:k])
		if k < len(word)-1 { // "key:value"
			p = min(p, form(word[k+1:])/2)
		}
		return p
	}
	lower := strings.ToLower(word)
	switch {
	case len(word) == 1 && word[0] >= 'A' && word[0] <= 'Z': // a type or flag
		return priceName
	case capitals(word) && (inflected(lower) || common[lower]):
		return priceEvent
	case capitals(word):
		return priceState
	case inflected(word):
		return priceVerb
	case common[lower]:
		return priceCommon
	case dotted(word):
		return priceHost
	case strings.IndexByte(word, '/') > 0:
		return priceSlash
	case hyphened(word):
		return priceHyphen
	case identifier(word), unspoken(lower):
		return priceName
	}
	return priceNeutral
}

// enclosed reports whether a word stands alone in brackets or quotes.
func enclosed(before, after string) bool {
	switch before {
	case "(", "[", "<", "{":
		return after == ")" || after == "]" || after == ">" || after == "}"
	case "'", "\"", "`":
		return after == before
	}
	return false
}

// listed reports whether a word is alone between commas in brackets.
func listed(before, after string) bool {
	return (before == "," || before == "(" || before == "[" || before == "{") && (after == "," || after == ")" || after == "]" || after == "}")
}

// inflected reports whether a word is a verb form, an adverb, an abstract noun
// or a function word.
func inflected(w string) bool {
	l := strings.ToLower(w)
	if function[l] {
		return true
	}
	if len(l) < 5 || identifier(w) {
		return false
	}
	for _, end := range []string{"ed", "ing", "ly", "tion", "sion", "tions", "able", "ible"} {
		if strings.HasSuffix(l, end) {
			return true
		}
	}
	return false
}

// identifier reports whether a word has the form of a name: signs inside,
// capitals inside, or capitals only.
func identifier(w string) bool {
	upper, lower, sign := 0, 0, 0
	for i := 0; i < len(w); i++ {
		switch c := w[i]; {
		case c >= 'A' && c <= 'Z':
			if i > 0 {
				upper++
			}
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 0x80:
		case i > 0:
			sign++
		}
	}
	return sign > 0 || upper > 0
}

// dotted reports whether a word is small letters with dots inside, as the names
// of hosts and files are.
func dotted(w string) bool {
	dots := 0
	for i := 0; i < len(w); i++ {
		switch c := w[i]; {
		case c == '.' && i > 0:
			dots++
		case c >= 'a' && c <= 'z' || c == '-' || c == '_':
		default:
			return false
		}
	}
	return dots > 0
}

// capitals reports whether a word is, or ends in, several capitals.
func capitals(w string) bool {
	n := 0
	for i := len(w) - 1; i >= 0 && (w[i] >= 'A' && w[i] <= 'Z' || w[i] == '_'); i-- {
		n++
	}
	return n > 2 || n == len(w) && n > 1
}

// unspoken reports whether a word has no vowel, as abbreviations and names do.
func unspoken(w string) bool { return len(w) > 2 && !strings.ContainsAny(w, "aeiouy") }

// hyphened reports whether a word is letters with hyphens inside.
func hyphened(w string) bool {
	k := strings.IndexByte(w, '-')
	return k > 0 && strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz-") == ""
}

// listable reports whether a word may be one of a list of values.
func listable(w []byte) bool {
	if function[string(w)] || common[string(w)] {
		return false
	}
	for _, end := range [...]string{"ed", "ing", "ly", "ion"} {
		if n := len(w) - len(end); n > 0 && string(w[n:]) == end {
			return false
		}
	}
	return true
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// The closed classes of English, the verbs and opposites that logs are written
// with, and the words after which a parameter comes.
var (
	function = set(`a an the and or not no nor but if then else than as is are was were be been being has have had do does did
		can could cannot can't couldn't will would shall should may might must of in on at by to from with without into onto over under
		through during until after before since while again once here there when where why how all any both each more most other some such
		only own same so too very just now already still yet also never always this that these those it its they them we our you your`)
	common = set(`start stop begin end open close up down on off in out enable disable success successful failure fail failed ok okay error
		errors warning info read write get set put post delete create update insert select add remove send receive recv sent lost found
		first last new old next previous client server source target destination local remote request response reply online offline login logout
		connect disconnect connection session accept reject allow deny grant input output high low full empty idle busy active inactive
		ready done pending waiting complete incomplete valid invalid bad good unknown known missing present too many few enter exit
		load save import export push pull left right upper lower max min maximum minimum total used free available unavailable
		run running shutdown restart reset init abort commit rollback lock unlock acquire release bind unbind mount unmount attach detach
		register unregister subscribe unsubscribe retry timeout expired broken closed refused denied permission memory disk cpu network
		file directory message packet block page thread process task job event signal interrupt exception panic fault
		parity cache data instruction address register check hit miss change state status normal critical fatal debug notice
		primary secondary master slave leader follower internal external public private global shared single double
		machine node device driver port socket host user group key value type size time date count number limit level mode`)
	named = set(`command service thread daemon process task job queue module plugin driver filesystem interface database table partition
		session protocol server client handler worker controller manager`)
	introduces = set(`user users username account host hosts hostname server client node domain device interface module package class service
		process program command task job queue topic table database schema index key name named called id group role owner member
		for from by on via into file directory folder path volume bucket image container pod namespace zone region cluster
		driver component plugin extension feature option parameter property attribute field column variable method function action type
		state status reason code channel stream session tag version using`)
)
