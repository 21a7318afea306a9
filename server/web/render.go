package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lathe/learn"
)

// pages are the parsed templates by name, and what the navigation holds.
type pages struct {
	byName map[string]*template.Template
	nav    []navItem
}

type navItem struct{ Path, Name string }

func readPages(o Options) (pages, error) {
	funcs := template.FuncMap{
		"shown": func(s string) string { return shown(cut(s, maxText)) },
		"short": func(n int, s string) string { return short(s, n) },
		"stamp": stamp,
		"age":   func(t time.Time) string { return learn.Age(o.Now().Sub(t)) },
		"words": func(s any) string { return strings.ReplaceAll(short(fmt.Sprint(s), 100), "_", " ") },
		"pct":   func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) },
		"ms":    learn.Duration,
		"id8":   func(s string) string { return short(s, 12) },
		"known": func(s string) bool { return o.Events != nil && learn.ValidID(s) },
		"class": stateClass,
		"base":  func(s string) string { return cssName(s) },
		"kind":  kindWords,
		"path":  url.PathEscape,
		"span":  plotSpan,
		"inc":   func(i int) int { return i + 1 },
	}
	base, err := template.New("base.html").Funcs(funcs).ParseFS(files, "templates/base.html")
	if err != nil {
		return pages{}, fmt.Errorf("web: %w", err)
	}
	p := pages{byName: map[string]*template.Template{}, nav: []navItem{{"/", "Queue"}}}
	for _, name := range []string{"unlock", "queue", "detail", "bulk", "bulkdone", "event", "log", "task", "fixes", "kpi", "editors", "graph", "graphfind", "problem"} {
		t, err := template.Must(base.Clone()).ParseFS(files, "templates/"+name+".html")
		if err != nil {
			return pages{}, fmt.Errorf("web: %w", err)
		}
		p.byName[name] = t
	}
	if o.Log != nil {
		p.nav = append(p.nav, navItem{"/log", "Log"})
	}
	if o.KPIs != nil {
		p.nav = append(p.nav, navItem{"/kpi", "Figures"})
	}
	if o.Experience != nil && o.Teacher != nil {
		p.nav = append(p.nav, navItem{"/fixes", "Fixes"})
	}
	if o.Graph != nil {
		p.nav = append(p.nav, navItem{"/graph", "Graph"})
	}
	if o.Editors != nil {
		p.nav = append(p.nav, navItem{"/editors", "Editors"})
	}
	return p, nil
}

// render writes one page, whole or not at all.
func (h *Handler) render(w http.ResponseWriter, s *session, status int, name, title string, data any) {
	view := struct {
		Title, Page, CSRF string
		Live              bool
		Nav               []navItem
		Data              any
	}{short(title, 200), name, "", s != nil && h.o.Watch != nil, nil, data}
	if s != nil {
		view.CSRF, view.Nav = s.csrf, h.pages.nav
	}
	var b bytes.Buffer
	if err := h.pages.byName[name].Execute(&b, view); err != nil {
		h.o.Logger.Error("review page: render", "page", name, "error", err)
		http.Error(w, "this page could not be made; the daemon's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser may have left
}

// fail shows a problem in words.
func (h *Handler) fail(w http.ResponseWriter, s *session, status int, problem string) {
	h.render(w, s, status, "problem", http.StatusText(status), problem)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// stateClass is the colour of a state, a status or a risk.
func stateClass(v any) string {
	switch fmt.Sprint(v) {
	case "approved", "active", "success", "low":
		return "good"
	case "rejected", "quarantined", "rolled_back", "failure", "timeout", "high":
		return "bad"
	case "in_review", "medium":
		return "open"
	}
	return "plain"
}

// cssName is a file's name as an element id.
func cssName(s string) string {
	return "f-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, short(s, 64))
}
