package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"lathe/learn/lazyregexp"
)

// pageSize bounds one page of a list.
const pageSize = 500

// catalog is what all servers have together, as of one moment. It is not
// changed once it is made.
type catalog struct {
	tools, prompts, resources map[string]*entry // by the agent's name, or URI
	templates                 []template
	listed                    map[string][]*entry // by list method: what is told, in order

	indexing sync.Once
	words    map[string][]wordIn
	length   float64 // words of a tool, on average
}

type template struct {
	entry *entry
	fits  *regexp.Regexp
}

// merge makes the catalog of the servers' lists, in the servers' order. Of two
// entries with one name the first stands; the other is returned in clashes.
func merge(all []lists, own []*entry, above int) (c *catalog, clashes []string) {
	c = &catalog{tools: map[string]*entry{}, prompts: map[string]*entry{}, resources: map[string]*entry{}, listed: map[string][]*entry{}}
	add := func(method, what string, to map[string]*entry, entries []entry) {
		for i := range entries {
			e := &entries[i]
			if to[e.name] != nil {
				clashes = append(clashes, fmt.Sprintf("%s %s of %s: %s has one of this name", what, plain(e.name, 200), e.u.cfg.Name, to[e.name].u.cfg.Name))
				continue
			}
			to[e.name] = e
			c.listed[method] = append(c.listed[method], e)
		}
	}
	templates := map[string]*entry{}
	for _, l := range all {
		add("tools/list", "tool", c.tools, l.tools)
		add("prompts/list", "prompt", c.prompts, l.prompts)
		add("resources/list", "resource", c.resources, l.resources)
		add("resources/templates/list", "template", templates, l.templates)
	}
	for _, e := range c.listed["resources/templates/list"] {
		if re := templateRE(e.own); re != nil {
			c.templates = append(c.templates, template{e, re})
		}
	}
	if above > 0 && len(c.tools) > above {
		kept := slices.DeleteFunc(c.listed["tools/list"], func(e *entry) bool { return !e.u.cfg.always(e.own) })
		c.listed["tools/list"] = append(slices.Clone(own), kept...)
	}
	return c, clashes
}

var templatePartRE = lazyregexp.New(`\{[^{}]*\}`)

// templateRE matches the URIs of a template (RFC 6570), loosely.
func templateRE(uri string) *regexp.Regexp {
	var b strings.Builder
	b.WriteByte('^')
	at := 0
	for _, part := range templatePartRE.FindAllStringIndex(uri, 16) {
		b.WriteString(regexp.QuoteMeta(uri[at:part[0]]) + `.*`)
		at = part[1]
	}
	b.WriteString(regexp.QuoteMeta(uri[at:]) + `$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil
	}
	return re
}

// owner finds the server of a resource; nil when no list names it.
func (c *catalog) owner(uri string) *upstream {
	if e := c.resources[uri]; e != nil {
		return e.u
	}
	for _, t := range c.templates {
		if t.fits.MatchString(uri) {
			return t.entry.u
		}
	}
	return nil
}

// listKeys are the members of the answers to list requests.
var listKeys = map[string]string{"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources",
	"resources/templates/list": "resourceTemplates"}

// page is the answer to one list request.
func (c *catalog) page(method, cursor string) ([]byte, error) {
	all := c.listed[method]
	from := 0
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil || n < 0 || n > len(all) {
			return nil, fmt.Errorf("there is no such cursor: ask for the list without one")
		}
		from = n
	}
	to := min(from+pageSize, len(all))
	out := append(append([]byte(`{"`), listKeys[method]...), `":[`...)
	for i, e := range all[from:to] {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e.def...)
	}
	out = append(out, ']')
	if to < len(all) {
		out = append(append(append(out, `,"nextCursor":"`...), strconv.Itoa(to)...), '"')
	}
	return append(out, '}'), nil
}
