// Package docs holds the documentation as Markdown, embedded, so that the
// program carries the pages that fit it. README.md is the first page; pages
// link to each other by relative file names. A test follows every link and
// looks up every package, format and setting that the pages name.
package docs

import "embed"

// FS holds the pages, *.md, without folders.
//
//go:embed *.md
var FS embed.FS
