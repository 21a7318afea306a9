package wheel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Source brings packages from one place, and keeps the wheels.
type Source struct {
	// Place is the address of an index's simple API, such as
	// https://packages.example.org/simple/, or a folder of wheels. "" has none.
	Place string
	// Cache is a folder for wheels by their SHA-256; "" keeps none.
	Cache string
	// Client fetches; nil is one that follows at most 5 redirects and never
	// leaves https.
	Client *http.Client
}

// ErrNoSource says that no index and no folder is configured.
var ErrNoSource = errors.New("no package index is configured")

const maxPage = 16 << 20 // bytes of an index's page

// Get brings the packages of pins and holds them against each other: nothing
// that one needs is missing, no two bring the same file, and all together stay
// within the bounds. An error that is ErrRefused is about the pins.
func (s Source) Get(ctx context.Context, pins []Pin) ([]Package, error) {
	var out []Package
	have, owner := map[string]bool{}, map[string]string{}
	files, total := 0, 0
	for _, p := range pins {
		k, err := s.one(ctx, p)
		if err != nil {
			return nil, err
		}
		have[p.Name] = true
		for name, text := range k.Files {
			if other := owner[strings.ToLower(name)]; other != "" {
				return nil, refused(p, "%.120q is in %s, too", name, other)
			}
			owner[strings.ToLower(name)] = p.Name
			files++
			total += len(text)
		}
		if files > MaxFiles || total > MaxBytes {
			return nil, refused(p, "all dependencies together have %d files and %d bytes, at most %d and %d", files, total, MaxFiles, MaxBytes)
		}
		out = append(out, k)
	}
	for _, k := range out {
		for _, need := range k.Needs {
			if !have[need] {
				return nil, refused(k.Pin, "it needs %s, which is not declared: every package is pinned", need)
			}
		}
	}
	return out, nil
}

// one brings one package: from the cache, or from the place.
func (s Source) one(ctx context.Context, p Pin) (Package, error) {
	if k, ok := s.kept(p); ok {
		return k, nil
	}
	var raw []byte
	var file, origin string
	var err error
	switch {
	case s.Place == "":
		return Package{}, fmt.Errorf("%s %s: %w: set packages in the [tools] of your configuration to an index's simple API, or to a folder of wheels", p.Name, p.Version, ErrNoSource)
	case strings.HasPrefix(s.Place, "https://") || strings.HasPrefix(s.Place, "http://"):
		raw, file, origin, err = s.fetch(ctx, p)
	default:
		raw, file, err = fromFolder(s.Place, p)
		origin = file
	}
	if err != nil {
		return Package{}, err
	}
	k, err := Open(raw, file, p)
	if err != nil {
		return k, err
	}
	k.Origin = origin
	return k, s.keep(k, raw)
}

// kept is a wheel of the cache; its name lies in that of its folder.
func (s Source) kept(p Pin) (Package, bool) {
	if s.Cache == "" {
		return Package{}, false
	}
	found, err := filepath.Glob(filepath.Join(s.Cache, p.SHA256, "*.whl"))
	if err != nil || len(found) != 1 {
		return Package{}, false
	}
	raw, err := readBounded(found[0], MaxWheel)
	if err != nil {
		return Package{}, false
	}
	k, err := Open(raw, filepath.Base(found[0]), p)
	k.Origin = k.File
	return k, err == nil
}

func (s Source) keep(k Package, raw []byte) error {
	if s.Cache == "" {
		return nil
	}
	dir := filepath.Join(s.Cache, k.SHA256)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the wheel %s: %w", k.File, err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("keep the wheel %s: %w", k.File, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, k.File))
	}
	return err
}

func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return readUpTo(f, most)
}

func readUpTo(r io.Reader, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(raw)) > most {
		err = fmt.Errorf("more than %d bytes", most)
	}
	return raw, err
}

// offer is one file of an index.
type offer struct {
	file, address, sha256 string
	yanked                bool
	why                   string
}

// choose picks the file of a pin: the one with its hash, or, when there is
// none, the reason why none will do.
func choose(p Pin, all []offer) (offer, error) {
	var mine []string
	var first error
	for _, o := range all {
		named := CheckName(o.file, p)
		if o.sha256 == p.SHA256 {
			switch {
			case named != nil:
				return o, named
			case o.yanked:
				return o, refused(p, "it was yanked from the index: %.200q", o.why)
			}
			return o, nil
		}
		if named == nil {
			mine = append(mine, o.file+" (sha256:"+o.sha256+")")
			if o.sha256 == "" { // the index says no hash: Open compares it
				return o, nil
			}
		} else if strings.Contains(o.file, p.Version) && first == nil {
			first = named
		}
	}
	switch {
	case len(mine) > 0:
		return offer{}, refused(p, "no file of it has the SHA-256 %s; there are %s", p.SHA256, strings.Join(mine[:min(len(mine), 3)], ", "))
	case first != nil:
		return offer{}, first
	}
	return offer{}, refused(p, "there is no such version")
}

func fromFolder(dir string, p Pin) ([]byte, string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, "", fmt.Errorf("folder of wheels: %w", err)
	}
	var all []offer
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), "-")
		if e.Type().IsRegular() && Normal(name) == p.Name || strings.HasPrefix(Normal(e.Name()), p.Name+"-") {
			all = append(all, offer{file: e.Name(), address: filepath.Join(dir, e.Name())})
		}
	}
	o, err := choose(p, all)
	if err != nil {
		return nil, "", err
	}
	raw, err := readBounded(o.address, MaxWheel)
	if err != nil {
		return nil, "", refused(p, "%.120q cannot be read: %v", o.file, err)
	}
	return raw, o.file, nil
}

// fetch asks an index for a package's files and fetches the one that is
// pinned.
func (s Source) fetch(ctx context.Context, p Pin) (raw []byte, file, origin string, err error) {
	page, err := url.Parse(strings.TrimSuffix(s.Place, "/") + "/" + p.Name + "/")
	if err != nil {
		return nil, "", "", fmt.Errorf("package index: %w", err)
	}
	body, kind, at, err := s.get(ctx, page, maxPage)
	if err != nil {
		return nil, "", "", fmt.Errorf("ask the package index for %s: %w", p.Name, err)
	}
	all, err := readPage(body, kind, at)
	if err != nil {
		return nil, "", "", fmt.Errorf("the package index's answer about %s: %w", p.Name, err)
	}
	o, err := choose(p, all)
	if err != nil {
		return nil, "", "", err
	}
	address, err := url.Parse(o.address)
	if err != nil || address.Scheme != "https" && address.Scheme != "http" || page.Scheme == "https" && address.Scheme != "https" {
		return nil, "", "", refused(p, "its file lies at %.200q, which is no address to fetch from", o.address)
	}
	raw, _, _, err = s.get(ctx, address, MaxWheel)
	if err != nil {
		return nil, "", "", fmt.Errorf("fetch %s: %w", o.file, err)
	}
	address.User, address.RawQuery, address.Fragment = nil, "", ""
	return raw, o.file, address.String(), nil
}

func (s Source) get(ctx context.Context, u *url.URL, most int64) ([]byte, string, *url.URL, error) {
	client := s.Client
	if client == nil {
		client = &http.Client{CheckRedirect: careful}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", nil, err
	}
	req.Header.Set("Accept", "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1, */*;q=0.01")
	res, err := client.Do(req)
	if err != nil {
		return nil, "", nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, "", nil, fmt.Errorf("it answered %s", res.Status)
	}
	body, err := readUpTo(res.Body, most)
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return body, kind, res.Request.URL, err
}

// careful follows few redirects, and none from https to http.
func careful(req *http.Request, via []*http.Request) error {
	if len(via) > 5 {
		return errors.New("more than 5 redirects")
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("a redirect from https to http")
	}
	return nil
}

// readPage reads an index's page about one package: JSON (PEP 691) or HTML
// (PEP 503, PEP 592).
func readPage(body []byte, kind string, at *url.URL) ([]offer, error) {
	var out []offer
	if strings.HasSuffix(kind, "json") {
		var page struct {
			Files []struct {
				Filename string
				URL      string
				Hashes   map[string]string
				Yanked   any
			}
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		for _, f := range page.Files {
			o := offer{file: f.Filename, sha256: strings.ToLower(f.Hashes["sha256"])}
			switch y := f.Yanked.(type) {
			case bool:
				o.yanked = y
			case string:
				o.yanked, o.why = true, y
			}
			if u, err := at.Parse(f.URL); err == nil {
				o.address = u.String()
			}
			out = append(out, o)
		}
		return out, nil
	}
	tokens := html.NewTokenizer(strings.NewReader(string(body)))
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); err != io.EOF {
				return nil, err
			}
			return out, nil
		case html.StartTagToken:
			if t := tokens.Token(); t.Data == "a" {
				out = append(out, anchor(t, at))
			}
		}
	}
}

func anchor(t html.Token, at *url.URL) offer {
	var o offer
	for _, a := range t.Attr {
		switch a.Key {
		case "href":
			u, err := at.Parse(a.Val)
			if err != nil {
				continue
			}
			if h, ok := strings.CutPrefix(u.Fragment, "sha256="); ok {
				o.sha256 = strings.ToLower(h)
			}
			u.Fragment = ""
			o.address, o.file = u.String(), path.Base(u.Path)
		case "data-yanked":
			o.yanked, o.why = true, a.Val
		}
	}
	return o
}

// Together are the files of all packages, by name.
func Together(all []Package) map[string][]byte {
	out := map[string][]byte{}
	for _, k := range all {
		maps.Copy(out, k.Files)
	}
	return out
}

// Modules are what can be imported of all packages.
func Modules(all []Package) []string {
	var out []string
	for _, k := range all {
		out = append(out, k.Modules...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
