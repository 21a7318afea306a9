package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ErrRule says that a text names no place that could be allowed.
var ErrRule = errors.New("egress: not a host, host:port, address or address:port")

// Rule is one place that may be reached.
type Rule struct {
	place
	port uint16 // 0: any
}

// place is a name or an address.
type place struct {
	name string     // lower case, without a dot at its end
	addr netip.Addr // in place of the name
}

// ParseRule reads HOST, HOST:PORT, ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT.
// Without a port, each may be reached. There are no patterns.
func ParseRule(s string) (Rule, error) {
	bad := func() (Rule, error) { return Rule{}, fmt.Errorf("%w: %.100q", ErrRule, s) }
	if p, ok := parsePlace(s); ok && p.addr.IsValid() {
		return Rule{place: p}, nil
	}
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '+' {
			return bad()
		}
	}
	p, ok := parsePlace(host)
	if !ok || strings.Contains(host, ":") && host[0] != '[' {
		return bad()
	}
	n, _ := strconv.ParseUint(port, 10, 16) // "" is 0
	return Rule{place: p, port: uint16(n)}, nil
}

// String is the rule as ParseRule reads it.
func (r Rule) String() string {
	host := r.place.String()
	if r.port == 0 {
		return host
	}
	if r.addr.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(r.port))
}

// Inside says that the rule names this machine or a private network, which only
// an address (or localhost) can.
func (r Rule) Inside() bool {
	return r.name == "localhost" || r.addr.IsValid() && !Public(r.addr)
}

func (p place) String() string {
	if p.addr.IsValid() {
		return p.addr.String()
	}
	return p.name
}

// parsePlace reads a name or an address, in brackets or not.
func parsePlace(s string) (place, bool) {
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		return place{addr: a.Unmap()}, a.Zone() == ""
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if len(name) == 0 || len(name) > 253 {
		return place{}, false
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return place{}, false
		}
	}
	// A name that ends in a number is an address to some resolvers: 127.1,
	// 2130706433, 0x7f.1.
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return place{}, false
	}
	return place{name: name}, true
}

func allowed(rules []Rule, p place, port uint16) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.place == p && (r.port == 0 || r.port == port) })
}
