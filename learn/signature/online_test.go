package signature

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oneByOne groups lines one at a time.
func oneByOne(o *Online, lines ...string) (out []string) {
	for _, l := range lines {
		o.Add([]byte(l))
		o.Flush(func(id, _ string) { out = append(out, id) })
	}
	return out
}

// TestTokens: what of a line is variable by its form, and what belongs together.
func TestTokens(t *testing.T) {
	for line, want := range map[string]string{
		"Received block blk_-16 of size 91178 from /10.250.10.6":        "Received block <*> of size <*> from <*>",
		"took 12 ms, 3.5 MB (0.5 sec) or <1 sec":                        "took <*> (<*>) or <*>",
		"at Thu Jun 16 10:11:12 2005 UTC":                               "at <*>",
		"to datanode(s) 10.0.0.1:50010 10.0.0.2:50010":                  "to datanode(s) <*>",
		"authentication failure; logname= uid=0 ruser= user=root":       "authentication failure; logname=<*> uid=<*> ruser=<*> user=<*>",
		`10.1.1.1 "GET /v2/x/servers HTTP/1.1" status: 200 len: 1893`:   `<*> "GET <*>" status: <*> len: <*>`,
		`tag="RIL J", name=com.a.b, ws=WorkSource{1 x}, uid=1001`:       `tag="<*>", name=<*>, ws=<*>, uid=<*>`,
		"allDrawn= false, startingDisplayed =  false":                   "allDrawn= <*>, startingDisplayed = <*>",
		"r00=0x0 r01=0x1 r02=0x2":                                       "<*>=<*>",
		"floating point instr. enabled.....1":                           "floating point instr. enabled.....<*>",
		`C:\Program Files\x\y.dll is in /usr/lib and http://a.b/c?d`:    "<*> is in <*> and <*>",
		"read/write I/O of client's file, don't":                        "read/write I/O of client's file, don't",
		"dest 00:ad:be:ef:00:01, fe80::1, 12:30:01":                     "dest <*>",
		"ScheduledMaps:9 PendingReds:0":                                 "ScheduledMaps:<*> PendingReds:<*>",
		"larch:8080 open":                                               "larch:<*> open",
		"Fan speeds ( 3552 **** 3375 )":                                 "Fan speeds ( <*> )",
		"nodes:node-[40-63] of init() and chdir(/a b)":                  "nodes:<*> of init() and chdir(<*>)",
		"ping n[1-3,7] and n[2] of x[a]":                                "ping <*> and n[<*>] of x[a]",
		"listening on :: port 22, ::1 and std::string":                  "listening on <*> port <*> and std::string",
		"[10:11:12.5] [1.batch] debug:  Waiting for IO":                 "<*> Waiting for IO",
		"back dead/<NOSRV> SC-- drwxr-xr-- a--b":                        "back <*> a--b",
		"[req-1 9a - - -] x":                                            "[<*>] x",
		"2024-05-06 10:11:12,123 - INFO [main] - Started":               "<*> [main] - Started",
		"Dec 10 07:02:47 larch sshd[24203]: Connection closed":          "<*> sshd[<*>]: Connection closed",
		`{"level":"info","n":3,"ok":true,"msg":"it is up","u":"jo"}`:    `{level:"<*>",n:<*>,ok:<*>,msg:"it is up",u:"<*>"}`,
		"\x1b[31mred\x1b[0m alert\x00 now":                              "red alert now",
		"AirPort_Brcm43xx::syncPowerState: Class::method is deprecated": "syncPowerState: Class::method is deprecated",
		"stop of [Engine[main].Host[a b]] in [] to [DONE] at [x]":       "stop of [<*>] in [<*>] to [DONE] at [x]",
		"mail.larch.org is no alias of db1.lan, e.g. a.b or Store.add":  "<*> is no alias of <*>, e.g. a.b or Store.add",
		"SIGTERM[hard,] and SIGUSR1[soft,init] of #Ref<0.2.3>":          "SIGTERM[<*>] and <*>[<*>] of <*>",
		"SSH2_MSG_KEXINIT sent to node2_B by X_17":                      "SSH2_MSG_KEXINIT sent to <*> by <*>",
		"of these classes: ALL, larch, fir":                             "of these classes: <*>",
		"my.own.key = on and my.key=off":                                "my.own.key = <*> and my.key=<*>",
		"of these: ALL, larch failed":                                   "of these: ALL, larch failed",
		"register, A = [exchange,<<x>>, to larch":                       "register, A = <*> to larch",
		"query failed (timed out) for larch at `x' (not found)":         "query failed (<*>) for larch at `<*>' (not found)",
		"": "",
	} {
		var s scanner
		b := []byte(line)
		if got := newMiner(1).hash.shape(b, s.join(s.scan(b))).String(); got != want {
			t.Errorf("%q:\n got %s\nwant %s", line, got, want)
		}
	}
}

// TestWhatVaries: which words become one parameter, seen line by line.
func TestWhatVaries(t *testing.T) {
	for name, tc := range map[string]struct {
		lines []string
		one   bool
	}{
		"users":            {[]string{"session opened for user root by (uid=0)", "session opened for user maria by (uid=0)"}, true},
		"opposites":        {[]string{"session opened for user root by (uid=0)", "session closed for user root by (uid=0)"}, false},
		"states of a line": {[]string{"[instance: 1f] VM Started (Lifecycle Event)", "[instance: 2f] VM Paused (Lifecycle Event)"}, false},
		"methods":          {[]string{`1.1.1.1 "GET /a" status: 200`, `1.1.1.1 "POST /a" status: 200`}, false},
		"empty or not":     {[]string{"login failure; user= host=a", "login failure; user=jo host="}, true},
		"who speaks":       {[]string{"req_send: request 0x1", "req_destroy: request 0x2"}, false},
		"settings":         {[]string{"minAge set to 40", "maxAge set to 40"}, false},
		"hosts":            {[]string{"reverse mapping for larch.example.org failed at once", "reverse mapping for fir.example.org failed at once"}, true},
		"list lengths":     {[]string{"to replicate blk_1 to 10.0.0.1:80", "to replicate blk_2 to 10.0.0.1:80 10.0.0.2:80"}, true},
		"units":            {[]string{"stored in memory (size 3.0 KB, free 1 GB)", "stored in memory (size 12 B, free 900.5 MB)"}, true},
		"word or number":   {[]string{"Failed password for guest from 1.1.1.1 port 1 ssh2", "Failed password for 0101 from 1.1.1.2 port 2 ssh2"}, true},
	} {
		got := oneByOne(NewOnline(0, false), tc.lines...)
		if (got[0] == got[1]) != tc.one {
			t.Errorf("%s: one template %v, want %v", name, got[0] == got[1], tc.one)
		}
	}
}

// TestNamedKinds: what stands before the word for its kind is a name.
func TestNamedKinds(t *testing.T) {
	o := NewOnline(0, true)
	for _, n := range []string{"ruok", "srvr", "stat"} {
		o.Add([]byte("Processing " + n + " command from 10.0.0.1:5"))
	}
	for _, n := range []string{"Opened", "Closed", "Restored"} {
		o.Add([]byte(n + " session for client 10.0.0.1:5"))
	}
	seen := map[string]int{}
	o.Flush(func(_, template string) { seen[template]++ })
	if len(seen) != 4 || seen["Processing <*> command from <*>"] != 3 {
		t.Errorf("got %v", seen)
	}
}

// TestLookAhead: names that nothing introduces are known by their number, when
// the lines are judged together.
func TestLookAhead(t *testing.T) {
	o := NewOnline(0, true)
	names := strings.Fields("cron sshd portmap netfs xinetd gpm smartd acpid cups nfslock")
	for _, n := range names {
		o.Add([]byte(n + " startup succeeded"))
	}
	o.Add([]byte("disk limit not specified, defaulting to unlimited"))
	o.Add([]byte("vcpu limit not specified, defaulting to unlimited"))
	seen := map[string]int{}
	o.Flush(func(_, template string) { seen[template]++ })
	if len(seen) != 3 || seen["<*> startup succeeded"] != len(names) {
		t.Errorf("got %v", seen)
	}
}

// TestForward: a line that was seen before has the identity that it had, or
// the one that this identity leads to.
func TestForward(t *testing.T) {
	word := rapid.SampledFrom(strings.Fields(`error disk full node lost 1 /a/b 0xff cron sshd a.b.c user from root maria jo opened closed = : ( ) [ ] " x=3 k= A:b 10.0.0.1:80 - * .`))
	rapid.Check(t, func(t *rapid.T) {
		o := NewOnline(0, rapid.Bool().Draw(t, "ahead"))
		every := rapid.IntRange(1, 30).Draw(t, "flush after")
		var lines, got []string
		each := func(id, _ string) { got = append(got, id) }
		for range rapid.IntRange(1, 200).Draw(t, "lines") {
			line := strings.Join(rapid.SliceOfN(word, 0, 7).Draw(t, "words"), " ")
			lines = append(lines, line)
			if o.Add([]byte(line)); o.Pending() >= every {
				o.Flush(each)
			}
		}
		o.Flush(each)
		now := map[string]string{} // asked before the lines come again
		for _, id := range got {
			if now[id] = o.Forward(id); now[id] == "" {
				t.Fatalf("%s leads nowhere", id)
			}
		}
		for i, line := range lines {
			if id := oneByOne(o, line)[0]; id != now[got[i]] {
				t.Fatalf("%q is %s, was %s, which leads to %s", line, id, got[i], now[got[i]])
			}
		}
	})
}

// TestSnapshotKeepsIdentities: after a restart lines are called as before.
func TestSnapshotKeepsIdentities(t *testing.T) {
	m := newMiner(maxTemplates)
	logs := append(generated(tunedSystems, false), generated(heldOutSystems, true)...)
	for _, c := range logs {
		for _, l := range c.lines {
			m.learn([]byte(l.line))
		}
	}
	data, err := m.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	back, err := restoreMiner(data, maxTemplates)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.snapshot()
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("a restored snapshot differs (%v)", err)
	}
	other, total := 0, 0
	for _, c := range logs {
		for _, l := range c.lines {
			total++
			if m.learn([]byte(l.line)).id != back.learn([]byte(l.line)).id {
				other++
			}
		}
	}
	if other*1000 > total {
		t.Errorf("%d of %d lines have another identity after a restart", other, total)
	}
}

// TestMemoryIsBounded: by the number of templates, whatever comes.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 200
	o := NewOnline(limit, true)
	g := &slots{Rand: rand.New(rand.NewPCG(1, 2))}
	const first = "(((the first)) of (all)) [lines]"
	was := oneByOne(o, first)[0]
	for range 30000 {
		line := ""
		for range 1 + g.IntN(9) {
			line += g.word("abcdefghijklmnop", 1, 9) + g.pick(" |, |: |=| (|) |/|.|-|[|]")
		}
		if o.Add([]byte(line)); o.Pending() > 100 {
			o.Flush(func(string, string) {})
		}
	}
	o.Flush(func(string, string) {})
	m := o.m
	if len(m.byID) > limit || len(m.cache) > 8*limit+2 || len(m.forward) > 4*limit+1 || len(m.merged) > 4*limit+1 ||
		len(m.fams.counted) > 4*limit || len(m.fams.of) > 16*limit+maxTokens {
		t.Errorf("%d templates, %d shapes, %d and %d forwards, %d and %d counted", len(m.byID), len(m.cache), len(m.forward), len(m.merged), len(m.fams.counted), len(m.fams.of))
	}
	listed := 0
	for _, l := range m.frames {
		listed += len(l)
	}
	if listed != len(m.byID) {
		t.Errorf("%d templates in frames, %d by identity", listed, len(m.byID))
	}
	if o.Forward(was) != "" {
		t.Error("the first template was not evicted")
	}
	if now := oneByOne(o, first)[0]; now != was {
		t.Errorf("what was evicted came back as %s, was %s", now, was)
	}
}

// FuzzOnline: hostile lines are grouped without a panic, each gets a template
// without line ends, and the same line at once again gets the same.
func FuzzOnline(f *testing.F) {
	for _, s := range append(tunedSystems, heldOutSystems...) {
		for _, l := range s.lines(5, true, 1) {
			f.Add([]byte(l.line))
		}
	}
	f.Add([]byte("a=\"b c{d[e(f:g::h\\'i'''\x00\xff<1><<>==>:::///...,,,"))
	f.Add([]byte(strings.Repeat("x(", 5000)))
	o := NewOnline(1000, false)
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := bytes.Split(in, []byte("\n"))
		for _, l := range lines {
			o.Add(l)
		}
		n := 0
		o.Flush(func(id, template string) {
			n++
			if id == "" || strings.ContainsAny(template, "\r\n\t") || len(template) > 16*maxLine {
				t.Fatalf("%q: %q", id, template)
			}
		})
		if n != len(lines) {
			t.Fatalf("%d answers to %d lines", n, len(lines))
		}
		if two := oneByOne(o, string(lines[0]), string(lines[0])); two[0] != two[1] {
			t.Fatalf("%q is %v", lines[0], two)
		}
	})
}
