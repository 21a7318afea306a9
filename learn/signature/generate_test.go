package signature

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// system is a program that writes logs, as the generator knows it: the head of
// its lines and its print statements. A slot in a statement is "{kind}", or
// "{a|b|c}" for a parameter of few values.
type system struct {
	name, head string
	templates  []string
}

// labelled is a line and the number of the print statement that wrote it.
type labelled struct {
	line  string
	label string
}

// lines writes n lines of the system, frequent statements much more often than
// rare ones; with its head or without.
func (s system) lines(n int, head bool, seed uint64) []labelled {
	r := rand.New(rand.NewPCG(seed, uint64(len(s.name))))
	order := r.Perm(len(s.templates))
	weights := make([]float64, len(order))
	total := 0.0
	for i := range weights {
		weights[i] = 1 / (float64(i) + 0.7)
		total += weights[i]
	}
	out := make([]labelled, 0, n)
	g := &slots{Rand: r}
	for range n {
		x, k := r.Float64()*total, 0
		for x -= weights[k]; x > 0 && k < len(weights)-1; {
			k++
			x -= weights[k]
		}
		template := s.templates[order[k]]
		if strings.Contains(template, "{errno}") { // another failure is another kind of message
			template = strings.ReplaceAll(template, "{errno}", g.pick(errorsStd))
		}
		line := g.fill(template)
		if head { // the statement's place in the program is always the same
			own := &slots{Rand: rand.New(rand.NewPCG(seed, uint64(order[k])))}
			line = g.fill(strings.NewReplacer("{class}", own.pick(classes_), "{noun}", own.pick(nouns), "{level}", own.pick("INFO|FATAL|WARN"),
				"{proc}", own.pick("kernel|mDNS|corecaptured"), "{daemon}", own.pick(daemons), "{cbs}", own.pick("CBS|CSI")).Replace(s.head)) + line
		}
		out = append(out, labelled{line, template})
	}
	return out
}

// slots makes values.
type slots struct {
	*rand.Rand
	clock int
}

func (g *slots) fill(t string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(t, '{')
		if i < 0 {
			b.WriteString(t)
			return b.String()
		}
		if strings.HasPrefix(t[i:], "{{") { // a brace of the text
			b.WriteString(t[:i+1])
			t = t[i+2:]
			continue
		}
		j := i + strings.IndexByte(t[i:], '}')
		if strings.HasPrefix(t[i:], "{token|") { // its values have braces
			b.WriteString(t[:i])
			b.WriteString(g.pick("null|WorkSource{10113}|WorkSource{1001}"))
			t = t[j+1:]
			continue
		}
		b.WriteString(t[:i])
		b.WriteString(g.value(t[i+1 : j]))
		t = t[j+1:]
	}
}

func (g *slots) pick(words string) string {
	w := strings.Split(words, "|")
	k := min(g.IntN(len(w)), g.IntN(len(w))) // the first ones are commoner
	return w[k]
}

func (g *slots) word(letters string, from, to int) string {
	b := make([]byte, from+g.IntN(to-from+1))
	for i := range b {
		b[i] = letters[g.IntN(len(letters))]
	}
	return string(b)
}

const (
	userNames = "root|admin|maria|jtk|deploy|backup|svc-build|ftp|oracle|test|guest|nils|peter.k|ubnt|www|anna|pi|git"
	hostNames = "gw-north|db1.lan|mail.kestrel.org|build|larch|fir.example.net|node17|cache-a|relay.osprey.com|hazel|ns1.birch.io"
	daemons   = "crond|sshd|klogger|portmapd|netwatch|irqd|lpd|smartmon|acpid|syslogd|xfs|rpcstat|gpm|atd|cupsd|httpd|rotate|named|snmpd|autofs"
	dirs      = "var|data|srv|tmp|home|opt|lib|cache|spool|export|images|log|blocks|users|work"
	nouns     = "alpha|ledger|orders|frames|index|journal|sessions|metrics|catalog|billing|stage|archive|photo|geo|router"
	classes_  = "TaskRunner|BlockStore|AuthManager|NetMonitor|DisplayPower|SessionPool|LeaseKeeper|MediaScanner|PowerHub|WindowStack"
	errorsStd = "No such file or directory|Permission denied|Connection refused|Connection reset by peer|Device or resource busy|Operation timed out|Input/output error"
)

// value makes the value of one slot.
func (g *slots) value(kind string) string {
	switch kind {
	case "num":
		return fmt.Sprint(int(g.ExpFloat64() * 500))
	case "small":
		return fmt.Sprint(g.IntN(9))
	case "big":
		return fmt.Sprint(g.Int64N(1e12))
	case "neg":
		return fmt.Sprint(g.IntN(40) - 20)
	case "float":
		return fmt.Sprintf("%.*f", 1+g.IntN(6), g.ExpFloat64()*10)
	case "hex":
		return fmt.Sprintf("0x%x", g.Uint32())
	case "hex8":
		return fmt.Sprintf("%08x", g.Uint32())
	case "hash":
		return g.word("0123456789abcdef", 32, 32)
	case "uuid":
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", g.Uint32(), g.IntN(65536), g.IntN(65536), g.IntN(65536), g.Int64N(1<<48))
	case "ip":
		return fmt.Sprintf("%d.%d.%d.%d", 10+g.IntN(200), g.IntN(256), g.IntN(256), g.IntN(256))
	case "port":
		return fmt.Sprint(1024 + g.IntN(60000))
	case "mac":
		return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256), g.IntN(256))
	case "user":
		return g.pick(userNames)
	case "host":
		return g.pick(hostNames)
	case "daemon":
		return strings.Split(daemons, "|")[g.IntN(20)]
	case "noun":
		return g.pick(nouns)
	case "class":
		return g.pick(classes_)
	case "path":
		p := ""
		for range 1 + g.IntN(5) {
			p += "/" + g.pick(dirs)
		}
		return p + g.pick("|/part-0"+fmt.Sprint(g.IntN(999))+"|/x.conf|/"+g.word("abcdefgh", 3, 8))
	case "winpath":
		return `C:\` + g.pick(`Windows\Logs\|Program Files\Common\|Users\`+g.pick(userNames)+`\`) + g.word("abcdefXYZ", 4, 9) + g.pick(".dll|.log|.exe|")
	case "file":
		return g.word("abcdefghijklm", 3, 9) + g.pick(".conf|.log|.c|.so|.txt")
	case "url":
		return g.pick("http|https") + "://" + g.pick(hostNames) + "/" + g.word("abcdef", 2, 7) + g.pick("|?id="+fmt.Sprint(g.IntN(999))+"&v=2|/list")
	case "size":
		return fmt.Sprintf("%.1f %s", g.Float64()*900, g.pick("KB|B|MB|GB"))
	case "dur":
		return g.pick(fmt.Sprintf("%dms|%d ms|%.2fs|%dm%ds", g.IntN(900), g.IntN(900), g.Float64()*9, g.IntN(9), g.IntN(60)))
	case "life":
		return g.pick(fmt.Sprintf("%02d:%02d|<1 sec|%02d:%02d:%02d", g.IntN(60), g.IntN(60), g.IntN(9), g.IntN(60), g.IntN(60)))
	case "nums":
		return g.list(1, 8, " ", "num")
	case "ips":
		return g.list(1, 4, " ", "ip")
	case "hosts":
		return g.list(1, 4, ", ", "host")
	case "regs":
		return g.list(4, 4, " ", "hex8")
	case "ident":
		return g.word("abcdefghijklmnopqrst", 4, 10) + g.pick("|_"+g.word("abcdefgh", 2, 5)+"|.service|-"+g.word("klmnop", 3, 4))
	case "app":
		return g.pick("com.android.phone|com.lark.chat|org.maple.player|com.tern.video|android|com.osprey.maps") + g.pick("|/.Main|.Service")
	case "clock":
		g.clock += g.IntN(3)
		return fmt.Sprintf("%02d:%02d:%02d", g.clock/3600%24, g.clock/60%60, g.clock%60)
	case "date":
		return fmt.Sprintf("%s %s %2d %02d:%02d:%02d %d", g.pick("Mon|Tue|Wed|Sat"), g.pick("Jan|Mar|Jun|Nov"), 1+g.IntN(28), g.IntN(24), g.IntN(60), g.IntN(60), 2005+g.IntN(9))
	case "orempty":
		return g.pick("|" + userNames)
	}
	if strings.Contains(kind, "|") {
		return g.pick(kind)
	}
	panic("no such slot: " + kind)
}

func (g *slots) list(from, to int, sep, kind string) string {
	parts := make([]string, from+g.IntN(to-from+1))
	for i := range parts {
		parts[i] = g.value(kind)
	}
	return strings.Join(parts, sep)
}
