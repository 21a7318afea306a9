package wheeltest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Build makes a wheel of files, which may take the place of its METADATA and
// WHEEL; edit, when not nil, may change the archive's entries after RECORD was
// written.
func Build(name, version string, files map[string]string, edit func(entries map[string]string)) ([]byte, error) {
	info := name + "-" + version + ".dist-info/"
	entries := map[string]string{
		info + "METADATA": "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nLicense: MIT\n\nText.\n",
		info + "WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
	}
	maps.Copy(entries, files)
	var record strings.Builder
	for _, n := range slices.Sorted(maps.Keys(entries)) {
		sum := sha256.Sum256([]byte(entries[n]))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", n, base64.RawURLEncoding.EncodeToString(sum[:]), len(entries[n]))
	}
	entries[info+"RECORD"] = record.String() + info + "RECORD,,\n"
	if edit != nil {
		edit(entries)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range slices.Sorted(maps.Keys(entries)) {
		w, err := z.Create(n)
		if err == nil {
			_, err = io.WriteString(w, entries[n])
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", n, err)
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// SHA256 is the hash that a pin of a wheel has.
func SHA256(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Index serves one package's wheels, by their file names, at /simple/NAME/, as
// HTML.
func Index(name string, files map[string][]byte) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /simple/"+name+"/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		for f, raw := range files {
			fmt.Fprintf(w, "<a href=\"../../files/%s#sha256=%s\">%s</a>\n", f, SHA256(raw), f)
		}
	})
	for f, raw := range files {
		mux.HandleFunc("GET /files/"+f, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(raw)
		})
	}
	return mux
}
