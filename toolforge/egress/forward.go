package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// forward answers a plain HTTP request by one that is written anew.
func (p *Proxy) forward(ctx context.Context, w http.ResponseWriter, hr *http.Request, r *request) error {
	u := hr.URL
	if u.Scheme != "http" || u.Host == "" || u.User != nil {
		err := &refusal{http.StatusBadRequest, "a proxy takes CONNECT, and http:// requests in absolute form"}
		answer(w, err)
		return err
	}
	out, err := http.NewRequestWithContext(ctx, hr.Method, u.String(), hr.Body)
	if err != nil {
		answer(w, &refusal{http.StatusBadRequest, "not a request"})
		return err
	}
	if out.ContentLength = hr.ContentLength; out.ContentLength == 0 {
		out.Body = http.NoBody
	}
	out.Header = endToEnd(hr.Header)
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "") // none, rather than this library's
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	way := &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHead,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.open(ctx, u.Hostname(), port, r) }}
	res, err := way.RoundTrip(out)
	if err == nil && res.StatusCode == http.StatusSwitchingProtocols {
		res.Body.Close()
		err = errors.New("the host switched to another protocol")
	}
	if err != nil {
		answer(w, err)
		return err
	}
	defer res.Body.Close()
	for name, values := range endToEnd(res.Header) {
		w.Header()[name] = values
	}
	if res.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(res.ContentLength, 10))
	}
	w.WriteHeader(res.StatusCode)
	return copyBody(w, res.Body)
}

var errCut = errors.New("the answer was cut short")

// copyBody passes on an answer as it comes.
func copyBody(w http.ResponseWriter, body io.Reader) error {
	out := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return nil // the program is gone
			}
			_ = out.Flush()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errCut, err)
		}
	}
}

// endToEnd are the headers that are not for the next hop (RFC 9110, 7.6.1).
func endToEnd(h http.Header) http.Header {
	out := h.Clone()
	for _, named := range h.Values("Connection") {
		for name := range strings.SplitSeq(named, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range []string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "Content-Length"} {
		out.Del(name)
	}
	return out
}
