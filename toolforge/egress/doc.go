// Package egress is the filtering proxy between a sandbox and the hosts that a
// person allowed it to reach. Programs speak HTTP to it: CONNECT for HTTPS, and
// requests in absolute form for plain HTTP.
//
//	request ---> rule? ---> resolve ---> address public? ---> dial that address
//	                                                            |
//	CONNECT: the TLS client hello must name the same host       |
//	HTTP: the request is written anew, its Host from its URL <--+
//
// Promises: a name that no rule has is neither resolved nor dialled. What is
// dialled is the address that was checked, so a name that changes its address
// in between changes nothing. A name that leads to an address of this machine
// or of a private network is refused; such an address is reached only when a
// rule names the address itself (or localhost). Nothing that a client sends
// reaches a host other than in a request that was parsed and written anew, or
// within TLS. Bytes, requests, connections and time are bounded, and each
// request is recorded.
//
// What is inside TLS is not seen: a host that serves several names can be asked
// for another one there.
package egress
