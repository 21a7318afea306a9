package llm

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// words cleans what a model wrote in free text, for showing it to people and
// agents as a quotation: one line of at most n bytes; compatibility forms
// folded (NFKC), so that no look-alike passes what follows; letters, digits
// and plain punctuation only, so no markup, role marker or call of a tool; and
// without the sentences that hold an address, a command line, or an order to
// the reader. What is left may be nothing.
func words(s string, n int) string {
	s = strings.Join(strings.Fields(visible(norm.NFKC.String(cutMiddle(s, 4*n)))), " ")
	var kept []string
	for _, sentence := range sentences(s) {
		if !hasAddress(sentence) && !hasMarkup(sentence) && !hasCommand(sentence) && !hasOrder(sentence) {
			kept = append(kept, sentence)
		}
	}
	s = strings.Map(plainRune, strings.Join(kept, " "))
	fields := strings.Fields(s)
	for i, f := range fields {
		if len(f) > maxWord {
			fields[i] = "..." // encoded, or no word at all
		}
	}
	s = strings.Join(fields, " ")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:max(n-3, 0)], "") + "..."
	}
	return s
}

const maxWord = 60 // bytes

func plainRune(r rune) rune {
	switch {
	case r == '`', r == '"': // no end to what it is quoted in
		return '\''
	case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(" .,:;'()/-_%+=!?", r):
		return r
	}
	return ' '
}

var sentenceEnd = regexp.MustCompile(`[.!?;]["')]*\s+`)

func sentences(s string) []string {
	var out []string
	for {
		at := sentenceEnd.FindStringIndex(s)
		if at == nil {
			break
		}
		out = append(out, strings.TrimSpace(s[:at[1]]))
		s = s[at[1]:]
	}
	if s = strings.TrimSpace(s); s != "" {
		out = append(out, s)
	}
	return out
}

var (
	addresses = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*:\s*/\s*/|\bwww\.|\S@\S|(?:\d{1,3}\.){3}\d{1,3}|\[?[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,}` +
		`|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|io|dev|app|ai|co|cn|ru|xyz|info|biz|top|site|online|cloud|me|us|uk|de|eu|tk|onion|gov|edu|link|click|page|pw|cc|ws|su)\b` +
		`|(?:^|[\s'"(])[a-z0-9-]+\.[a-z0-9.-]*[a-z]/\S|\blocalhost\b|(?:^|[\s'"(])(?:data|javascript|mailto|file|ftp|ssh|git):\S` +
		`|\b[a-z0-9-]+ ?(?:\[|\(|\{)(?:dot|\.)(?:\]|\)|\}) ?[a-z]+|hxxp`)
	markup = regexp.MustCompile(`(?i)<\||\|>|\[/?inst\]|<<|>>|\]\(|</?[a-z][^>]*>|\{\s*["']|^\s*#|(?:^|\s)(?:system|assistant|user|human|developer|tool)\s*:` +
		`|tool_?calls?\b|function_?calls?\b|\bEND OF DATA\b|\bDATA>|<DATA`)
	orders = regexp.MustCompile(`(?i)\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|instructions?|rules?|prompts?|guidelines?|fences?)\b` +
		`|\bsystem prompts?\b|\b(?:new|following|these|my|your) instructions?\b|\byou (?:must|should|shall|need to|have to|will now|are now|may now)\b|\bdo not (?:tell|mention|reveal|inform|warn)\b` +
		`|\b(?:exfiltrat|jailbreak|pretend to|act as)|\b(?:send|upload|post|reveal|print|leak|email)\b.{0,30}\b(?:key|keys|token|tokens|secret|secrets|password|passwords|credential|credentials|env|environment)\b` +
		`|\bapprove\b.{0,20}\b(?:proposal|tool|request|review|all|every)`)
)

func hasAddress(s string) bool { return addresses.MatchString(s) }
func hasMarkup(s string) bool  { return markup.MatchString(s) }
func hasOrder(s string) bool   { return orders.MatchString(s) }

// programs are what command lines begin with.
func programs() []string {
	return strings.Fields("sh bash zsh dash fish curl wget sudo su doas rm rmdir mv cp ln chmod chown dd mkfs kill pkill killall nc ncat netcat ssh scp sftp " +
		"rsync eval exec source python python2 python3 perl ruby node npx npm pip pip3 pipx uv uvx yarn pnpm bun deno go cargo apt apt-get brew dnf yum apk " +
		"docker podman kubectl git make cat echo printf export tee crontab systemctl powershell pwsh iex cmd env xargs find sed awk base64 openssl gpg tar")
}

// does are subcommands that change something.
func does() []string {
	return strings.Fields("install add push clone exec config reset publish rm remove uninstall delete run apply checkout clean upgrade update login get")
}

// told are words that make of a command what was said about it.
func told() []string {
	return strings.Fields("failed fails failing fail cannot could did does was were is needs requires exited returned ran has had with because when")
}

// hasCommand reports whether a sentence holds something to type: a program
// with an option, a path, or a subcommand that changes something, unless it is
// only told what became of it; or pipes and the like.
func hasCommand(s string) bool {
	if strings.ContainsAny(s, "|&$\\") || strings.Contains(s, "> ") {
		return true
	}
	fields := strings.Fields(strings.ToLower(s))
	for i := range fields {
		fields[i] = strings.Trim(fields[i], "'\"`(),:;.!?")
	}
	for i, f := range fields[:max(0, len(fields)-1)] {
		if at := strings.LastIndexByte(f, '/'); at >= 0 {
			f = f[at+1:]
		}
		if !slices.Contains(programs(), f) {
			continue
		}
		next := fields[i+1]
		if next == "" {
			continue
		}
		if next[0] == '-' || next[0] == '/' || next[0] == '~' || f == "sudo" || f == "eval" || f == "rm" && next != "is" {
			return true
		}
		if slices.Contains(does(), next) && !slices.ContainsFunc(fields[i+2:min(i+5, len(fields))], func(w string) bool { return slices.Contains(told(), w) }) {
			return true
		}
	}
	return false
}
