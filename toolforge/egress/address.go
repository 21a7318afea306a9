package egress

import (
	"net"
	"net/netip"
)

// reserved are the addresses that are not of the public network: the IANA
// registries of special-purpose addresses (RFC 6890, 2013, and additions),
// multicast, and the addresses at which clouds serve a machine's credentials
// that are not in these.
func reserved() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "168.63.129.16/32",
		"2001::/23", "2001:db8::/32", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Public says whether an address belongs to the public network, and so may be
// what an allowed name leads to. An address that holds another (mapped, NAT64,
// 6to4) is what that is.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	if a.Zone() != "" {
		return false
	}
	if a.Is6() {
		b := a.As16()
		switch {
		case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
			return Public(netip.AddrFrom4([4]byte(b[12:16])))
		case netip.MustParsePrefix("2002::/16").Contains(a):
			return Public(netip.AddrFrom4([4]byte(b[2:6])))
		case !netip.MustParsePrefix("2000::/3").Contains(a): // the only part in use
			return false
		}
	}
	for _, p := range reserved() {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

// interfaceAddresses are those that this machine has now.
func interfaceAddresses() (out []netip.Addr) {
	found, _ := net.InterfaceAddrs() // none known: what is private is refused all the same
	for _, a := range found {
		if n, ok := a.(*net.IPNet); ok {
			if at, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, at.Unmap())
			}
		}
	}
	return out
}
