package toolforge

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// instruction is a text that speaks to the model that reads a tool's
// description, not about the tool ("tool poisoning").
type instruction struct {
	rule string
	re   *lazyregexp.Regexp
}

// instructions are patterns of such texts. They are words in a row that
// documentation of a function has no use for.
func instructions() []instruction {
	var out []instruction
	for _, p := range []struct{ rule, re string }{
		{"override", `\b(ignore|disregard|forget|override)\s+(all\s+|any\s+|the\s+|your\s+|these\s+|every\s+)*(previous|prior|earlier|above|preceding|other|former|system|safety|existing)\s+(\w+\s+)?(instructions?|prompts?|rules?|messages?|guidelines|directives|context|tools?)`},
		{"override", `\b(new|updated|real|actual)\s+(system\s+)?(instructions?|prompt)\s*:`},
		{"role", `\byou\s+are\s+(now\s+)?(an?\s+)?(\w+\s+)?(assistant|ai|agent|model|developer mode|admin(istrator)?|root)\b`},
		{"role", `(?m)^\s*(<\|?)?/?(system|assistant|im_start|im_end)(\|?>|\s*:)`},
		{"tag", `<\s*/?\s*(important|system|instructions?|secret|hidden|admin|prompt)\s*>`},
		{"secrecy", `\b(do\s+not|don't|never|without)\s+(ever\s+)?(tell|inform|mention|reveal|show|notify|telling|informing|mentioning|alert|warn)\w*\s+(\w+\s+){0,4}(user|human|reviewer|developer|person|operator|anyone)`},
		{"secrecy", `\b(hide|conceal|keep)\s+(\w+\s+){0,3}(from|secret from)\s+(the\s+)?(user|human|reviewer)`},
		{"steering", `\b(before|after|when|whenever)\s+(using|calling|running|invoking)\s+(this|any|other|every)\s+(\w+\s+)?(tools?|functions?),?\s+(\w+\s+){0,3}(read|send|call|run|open|include|pass|execute|first|always|you|must)\b`},
		{"steering", `\b(you|the\s+(assistant|agent|model|ai|llm))\s+(must|should|shall|have\s+to|need\s+to|will)\s+(always\s+|first\s+|also\s+|now\s+)*(call|send|read|include|pass|run|execute|approve|forward|upload|post|email|use|prefer|fetch|open|output|respond|reply|ignore)\b`},
		{"steering", `\b(always|only)\s+(use|prefer|call|choose)\s+this\s+(tool|function)\b`},
		{"steering", `\b(instead\s+of|rather\s+than)\s+(any|all|the)\s+other\s+tools?\b`},
		{"exfiltration", `\b(send|upload|post|forward|email|exfiltrate|transmit|leak)\s+(\w+\s+){0,5}(contents?|credentials?|passwords?|secrets?|tokens?|api\s+keys?|environment|conversation|history|\.env|ssh\s+keys?|id_rsa)\b`},
		{"exfiltration", `\b(include|pass|put|attach|append|paste|provide|supply|add|insert|copy)\s+(\S+\s+){0,5}(contents?|text|values?)\s+of\s+(\S+\s+){0,4}(\S*\.env\b|\S*id_rsa|credentials?|secrets?|passwords?|\S*\.netrc|environment\s+variables?|api\s+keys?|(the\s+)?conversation|system\s+prompt)`},
		{"exfiltration", `(~|/root|/home/\w+)/\.(ssh|aws|netrc|gnupg|kube|docker)\b|\bid_(rsa|ed25519)\b`},
		{"approval", `\b(approve|accept|trust)\s+(this|the)\s+(tool|request|proposal|change)\b|\bno\s+(need\s+(for|to)\s+)?(review|approval)\b|\bskip\s+(the\s+)?(review|validation|approval)\b|\bpre-?approved\b|\balready\s+(been\s+)?(reviewed|approved)\b`},
		// The same in the languages that models read best after English.
		{"override", `\b(ignorier\w*|vergiss|vergesst|vergessen\s+sie|missachte\w*)\s+(\S+\s+){0,4}(an)?(weisung|instruktion|vorgabe|regel|leitung)\w*`},
		{"override", `\b(ignore[rz]?|oublie[rz]?)\s+(toutes?\s+)?(les|tes|vos|ces)\s+(\S+\s+){0,3}(instructions?|consignes?)`},
		{"override", `\b(ignor[ae]\w*|olvid[ae]\w*|esque[cç]\w*|dimentica\w*)\s+(\S+\s+){0,4}(instrucciones|instruções|istruzioni|reglas|regras|regole)`},
		{"override", `(игнорируй\S*|забудь\S*)\s+(\S+\s+){0,4}(инструкци|указани|правил)`},
		{"override", `(忽略|无视|無視|忘记|忘掉).{0,12}(指令|指示|提示|规则|規則)|(指示|命令|プロンプト).{0,6}(無視|忘れ)`},
	} {
		out = append(out, instruction{p.rule, lazyregexp.New(`(?i)` + p.re)})
	}
	return out
}

// documentation looks at what people and models read of a tool: texts that
// give orders, characters that do not show, and words that contradict the
// manifest. Nothing is executed.
func documentation(_ context.Context, j *job) (learn.Check, error) {
	m := j.tool.Manifest
	names, err := parameterNames(m.Parameters)
	if err != nil {
		return learn.Check{}, err
	}
	texts := map[string]string{"tool.json": m.Description + "\n" + string(m.Parameters) + "\n" + string(m.Returns)}
	for name, content := range j.tool.Files {
		texts[name] = content
	}
	var all []learn.Finding
	for _, file := range append([]string{"tool.json"}, filesFor(m.Language)...) {
		all = append(all, orders(file, texts[file])...)
		all = append(all, unseen(file, texts[file])...)
	}
	words := m.Description + "\n" + texts["README.md"] + "\n" + sourceText(j.tool)
	all = append(all, contradictions(m, words)...)
	all = append(all, promises(m)...)
	if m.Language != languageShell {
		all = append(all, deletes(j.tool.Files[sourcePython], m.Description+"\n"+texts["README.md"], names)...)
	}
	all = append(all, aboutAnother(m, texts["README.md"], names)...)
	for _, file := range []string{"README.md", SourceName(m.Language)} {
		all = append(all, unknownArguments(file, texts[file], m.Name, names)...)
	}
	if strings.TrimSpace(texts["README.md"]) == "" {
		all = append(all, learn.Finding{File: "README.md", Rule: "no-readme", Severity: learn.SeverityWarning, Message: "there is no README.md: say what the tool is for, with an example"})
	}
	return findings(all), nil
}

func lineOf(text string, offset int) int { return strings.Count(text[:offset], "\n") + 1 }

// orders finds texts that speak to whoever reads them. Lines are joined, so
// that a break does not hide one.
func orders(file, text string) []learn.Finding {
	flat := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r): // no-break spaces too
			return ' '
		case r == '*' || r == '`': // emphasis
			return -1
		}
		return r
	}, text)
	// Long names are sentences too.
	spoken := strings.ReplaceAll(strings.Join(longName.FindAllString(text, 500), "\n"), "_", " ")
	var out []learn.Finding
	for _, in := range instructions() {
		for _, where := range []string{text, flat, spoken} {
			if at := in.re.FindStringIndex(where); at != nil {
				out = append(out, learn.Finding{File: file, Line: lineOf(text, min(at[0], len(text))), Rule: "instruction-" + in.rule,
					Message: fmt.Sprintf("a text that gives orders to whoever reads it: %q", clip(where[at[0]:at[1]], 120))})
				break
			}
		}
	}
	return out
}

var longName = lazyregexp.New(`\b[A-Za-z0-9]+(?:_[A-Za-z0-9]+){4,}\b`)

// unseen finds characters that do not show: zero-width ones, tags (which
// models read and people do not), variation selectors in a row, and other
// controls, those that turn the direction of writing among them.
func unseen(file, text string) []learn.Finding {
	for i, r := range text {
		hidden := r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff && i > 0 || r >= 0xe0000 && r <= 0xe01ef || r == 0xad ||
			unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r'
		if hidden {
			return []learn.Finding{{File: file, Line: lineOf(text, i), Rule: "unseen-character", Message: fmt.Sprintf("a character that does not show: U+%04X", r)}}
		}
	}
	if at := mixedWord.FindStringIndex(text); at != nil {
		return []learn.Finding{{File: file, Line: lineOf(text, at[0]), Rule: "unseen-character",
			Message: fmt.Sprintf("a word of letters that only look alike: %+q", clip(text[at[0]:at[1]], 60))}}
	}
	return nil
}

// mixedWord is Latin and Cyrillic in one word, or a letter in another width: no
// language writes so, but a text does that a filter should not read.
var mixedWord = lazyregexp.New(`[A-Za-z]\p{Cyrillic}|\p{Cyrillic}[A-Za-z]|[\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}]`)

var (
	saysReadOnly = lazyregexp.New(`(?i)\bread[- ]only\b|\b(never|does\s+not|doesn't|will\s+not|cannot)\s+(ever\s+)?(write|modify|change|delete|alter|touch)\w*\s+(any\s+)?(files?|anything|the\s+(file\s*system|workspace|disk))`)
	// Words of a sentence that may go on: "only reads x, and writes y".
	saysReads     = lazyregexp.New(`(?i)\bonly\s+reads?\b[^.;]*|\bnothing\s+is\s+(changed|modified|deleted|written|touched)\b[^.;]*`)
	saysMore      = lazyregexp.New(`(?i)\b(writ|unless|when|if|until|but|except|other|else)`)
	saysNoNetwork = lazyregexp.New(`(?i)\b(no|without(\s+any)?|never\s+uses?(\s+the)?|does\s+not\s+(use|need|access)(\s+the)?)\s+network\b|\bworks?\s+offline\b|\boffline\s+only\b`)
	saysNoFiles   = lazyregexp.New(`(?i)\b(never|does\s+not|doesn't)\s+(read|open|access|touch)\w*\s+(any\s+)?files?\b`)
)

// contradictions compares the words with the permissions.
func contradictions(m learn.ToolManifest, words string) []learn.Finding {
	var out []learn.Finding
	found := func(what string) {
		out = append(out, learn.Finding{File: "tool.json", Rule: "misleading", Message: what})
	}
	p := m.Permissions
	reads := slices.ContainsFunc(saysReads.FindAllString(words, 50), func(s string) bool { return !saysMore.MatchString(s) })
	if p.Filesystem == "write" && (reads || saysReadOnly.MatchString(words)) {
		found("the documentation says that it writes nothing, and the manifest asks to write files")
	}
	if len(p.Network) > 0 && saysNoNetwork.MatchString(words) {
		found("the documentation says that it does without the network, and the manifest asks for hosts")
	}
	if p.Filesystem != "none" && saysNoFiles.MatchString(words) {
		found("the documentation says that it reads no files, and the manifest asks for them")
	}
	return out
}

var (
	removal  = lazyregexp.New(`\b(\w+)\.(?:unlink|rmdir)\(|\b(?:os\.(?:remove|unlink|rmdir|removedirs)|shutil\.rmtree)\(\s*(\w+)`)
	saysGone = lazyregexp.New(`(?i)delet|remov|clean|prun|purg|\bmov|renam|replac|eras|unlink|discard|trash|consum`)
)

// deletes finds a Python source that deletes what an argument names, while
// neither the description nor the README says so.
func deletes(source, words string, names []string) []learn.Finding {
	if saysGone.MatchString(words) {
		return nil
	}
	for _, m := range removal.FindAllStringSubmatchIndex(source, 50) {
		from, to := m[2], m[3]
		if from < 0 {
			from, to = m[4], m[5]
		}
		name := source[from:to]
		made := lazyregexp.New(`(?m)^\s*` + regexp.QuoteMeta(name) + `(?::\s*[\w.]+)?\s*=\s*(?:pathlib\.)?Path\(\s*(\w+)\s*\)`)
		if given := made.FindStringSubmatch(source); slices.Contains(names, name) || given != nil && slices.Contains(names, given[1]) {
			return []learn.Finding{{File: "tool.py", Line: lineOf(source, from), Rule: "misleading",
				Message: fmt.Sprintf("it deletes what %s names, and neither the description nor the README says so", clip(name, 60))}}
		}
	}
	return nil
}

// docstring is the text of the docstrings of a Python source, roughly: what
// stands between triple quotes.
func docstring(source string) string {
	parts := strings.Split(source, `"""`)
	var out []string
	for i := 1; i < len(parts); i += 2 {
		out = append(out, parts[i])
	}
	return strings.Join(out, "\n")
}

var (
	keyword = lazyregexp.New(`(?:^|[(,]\s*)([a-z_][a-z0-9_]*)\s*=[^=]`)
	section = lazyregexp.New(`(?m)^[ \t]*(?:Args|Arguments|Parameters|Params):[ \t]*\n((?:[ \t]+.*\n|[ \t]*\n)+)`)
	listed  = lazyregexp.New(`(?m)^([ \t]+)([a-z_][a-z0-9_]*)\s*(?:\([^)]*\))?\s*:`)
)

// unknownArguments finds documentation of parameters that the tool lacks: in
// calls that it shows, and in the list of arguments of its docstring.
func unknownArguments(file, text, name string, names []string) []learn.Finding {
	var out []learn.Finding
	found := func(at int, argument string) {
		if !slices.Contains(names, argument) {
			out = append(out, learn.Finding{File: file, Line: lineOf(text, at), Rule: "misleading",
				Message: fmt.Sprintf("it speaks of an argument %s; %s has %s", clip(argument, 60), name, strings.Join(names, ", "))})
		}
	}
	call := lazyregexp.New(`(?:^|[^\w.])` + regexp.QuoteMeta(name) + `\(([^()"'\n]*(?:"[^"\n]*"[^()"'\n]*|'[^'\n]*'[^()"'\n]*)*)\)`)
	quoted := lazyregexp.New(`"[^"\n]*"|'[^'\n]*'`)
	for _, m := range call.FindAllStringSubmatchIndex(text, 50) {
		if strings.HasSuffix(strings.TrimRight(text[:m[0]+1], " "), "def") {
			continue
		}
		inside := quoted.ReplaceAllString(text[m[2]:m[3]], "''")
		for _, k := range keyword.FindAllStringSubmatch(inside, 50) {
			found(m[0], k[1])
		}
	}
	if file != "tool.py" {
		return out
	}
	for _, doc := range docstringsOf(text, name) {
		for _, s := range section.FindAllStringSubmatch(doc+"\n", 5) {
			indent := ""
			for _, l := range listed.FindAllStringSubmatch(s[1], 50) {
				if indent == "" {
					indent = l[1]
				}
				if l[1] == indent {
					found(max(strings.Index(text, doc), 0), l[2])
				}
			}
		}
	}
	return out
}

// docstringsOf is the docstring of the function of that name.
func docstringsOf(source, name string) []string {
	_, rest, ok := strings.Cut(source, "def "+name+"(")
	if !ok {
		return nil
	}
	_, rest, ok = strings.Cut(rest, `"""`)
	if !ok {
		return nil
	}
	doc, _, _ := strings.Cut(rest, `"""`)
	return []string{doc}
}
