package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxForm is the size of a posted form, in bytes.
const maxForm = 64 << 10

// headers are the same on every answer. The referrer policy is not
// "no-referrer": browsers would then send "Origin: null" with our own forms.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// allowed refuses requests that reach this machine under another's name (DNS
// rebinding), and writes that another page sent. It returns 0 or the status
// and the reason.
func allowed(r *http.Request) (int, string) {
	if !loopbackHost(r.Host) {
		return http.StatusMisdirectedRequest, "this page answers to localhost, 127.0.0.1 and [::1] only"
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return 0, ""
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return http.StatusForbidden, "this form was not sent by this page"
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	if origin := r.Header.Get("Origin"); origin != scheme+r.Host {
		return http.StatusForbidden, "this form was not sent by this page (its Origin is another)"
	}
	return 0, ""
}

// loopbackHost reports whether a Host header names this machine by a loopback
// name or address.
func loopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	return err == nil && addr.IsLoopback()
}
