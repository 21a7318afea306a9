package diagnose

import (
	"path"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// nature is what sort of trouble an error tells of.
type nature int

const (
	natureOther   nature = iota
	natureMissing        // something is not there
	natureBroken         // something that is there is wrong
	natureRights         // something must not be touched
	natureUsage          // the call itself was wrong
)

var (
	missingWords = lazyregexp.New(`(?i)not.?found|no such|missing|does not exist|doesn't exist|cannot find|can't find|could not (find|open)|not installed|no module|unresolved|absent|no required module|not a git repository`)
	rightsWords  = lazyregexp.New(`(?i)permission|denied|not permitted|read.?only|unauthori[sz]ed|forbidden`)
	usageWords   = lazyregexp.New(`(?i)usage|unknown (option|flag|command|argument)|unrecogni[sz]ed|invalid (option|argument|choice)|bad (option|flag)|unexpected argument|required argument|illegal option|flag provided but not defined`)
	brokenWords  = lazyregexp.New(`(?i)syntax|indent|type|assert|import|undefined|attribute|name|value|key|test|parse|compil|division|index|nil|null|panic|json|yaml|config|version|conflict|mismatch|broken|fail`)
)

// natureOf reads it from the pattern's name, and from the text where no
// pattern is known. A symbol that is missing was changed where it is defined,
// or where it is used: that is broken.
func natureOf(sig *learn.ErrorSignature) nature {
	n := natureOfText(sig)
	if n == natureMissing && (sig.Captures["symbol"] != "" || sig.Captures["attribute"] != "") {
		return natureBroken
	}
	return n
}

func natureOfText(sig *learn.ErrorSignature) nature {
	for _, text := range []string{sig.Name + " " + strings.ReplaceAll(sig.PatternID, "-", " "), sig.Salient} {
		switch {
		case usageWords.MatchString(text):
			return natureUsage
		case rightsWords.MatchString(text):
			return natureRights
		case missingWords.MatchString(text):
			return natureMissing
		case brokenWords.MatchString(text):
			return natureBroken
		}
	}
	return natureOther
}

// named is something that an error names, and what sort of trouble with it.
// Kind is an entity's, or else "where" for the file in which the error came
// up, and "place" for other files that the output mentions.
type named struct {
	learn.Entity
	of   nature
	rank int // of the signature that names it; places come last
}

// namesOf lists what the errors name and an action could have touched, what
// the first cause, whose nature is known, names first.
func namesOf(r *Request, first nature) []named {
	var out []named
	add := func(kind, name string, of nature, rank int) {
		if rank > 0 && kind == "symbol" {
			return // what a later line of the same trouble calls something
		}
		n := named{learn.Entity{Kind: kind, Name: strings.Trim(name, `"'`)}, of, rank}
		if len(n.Name) >= 2 && len(out) < maxEntities && !slices.ContainsFunc(out, func(o named) bool { return o.Name == n.Name }) {
			out = append(out, n)
		}
	}
	for i := range r.Signatures[:min(len(r.Signatures), maxCauses)] {
		sig := &r.Signatures[i]
		of := first
		if i > 0 {
			of = natureOf(sig)
		}
		for _, c := range capturedKinds {
			add(c.kind, sig.Captures[c.capture], of, i)
		}
		for _, p := range pathInText.FindAllString(sig.Name+" "+sig.Salient, maxPlaces) {
			if p != sig.File {
				add("file", p, of, i)
			}
		}
		add("where", sig.File, of, i)
		for _, e := range sig.Entities {
			add(e.Kind, e.Name, of, i)
		}
	}
	for _, p := range placesIn(r.Event) {
		add("place", p, first, maxCauses)
	}
	return out
}

// maxCauses is the number of an output's signatures that are looked at: a
// test's summary comes before what it failed of.
const maxCauses = 3

// capturedKinds are the captures of patterns that name things.
var capturedKinds = []struct{ capture, kind string }{
	{"path", "file"}, {"module", "module"}, {"package", "package"}, {"symbol", "symbol"}, {"attribute", "symbol"},
	{"command", "program"}, {"program", "program"}, {"key", "symbol"}, {"argument", "symbol"}, {"value", "symbol"},
}

var placeInText = lazyregexp.New(`(?m)(?:File "([^"\n]{1,200})", line \d+|(?:^|[\s('"])((?:/|\.{1,2}/)?[\w@+-][\w./@+-]{0,200}\.[A-Za-z]{1,5})(?::\d+|\(\d+))`)

// pathInText is a path with a folder and an extension, or a file that projects
// are configured by.
var pathInText = lazyregexp.New(`\b(?:package\.json|tsconfig\.json|go\.mod|Cargo\.toml|pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|Makefile|Dockerfile|CMakeLists\.txt)\b|(?:/|\.{1,2}/)?[\w@+-][\w.@+-]*/[\w./@+-]{0,200}\.[A-Za-z]{1,5}\b`)

// maxPlaces bounds the places that are read of an output, in number and bytes.
const (
	maxPlaces    = 12
	maxPlaceText = 32 << 10
)

// placesIn lists the files that an output mentions with a line, without what
// belongs to a language or a package.
func placesIn(ev *learn.ActionOutcome) []string {
	var out []string
	for _, m := range placeInText.FindAllStringSubmatch(middleCut(ev.ToolOutput.Text(), maxPlaceText), 200) {
		p := m[1] + m[2]
		if len(out) < maxPlaces && !slices.Contains(out, p) && !foreignPath(p) {
			out = append(out, p)
		}
	}
	return out
}

func foreignPath(p string) bool {
	for _, part := range []string{"site-packages/", "dist-packages/", "/lib/python", "node_modules/", "/usr/", "/go/pkg/mod/", "<frozen"} {
		if strings.Contains(p, part) {
			return true
		}
	}
	return false
}

// relation is how closely a step's effect concerns an entity: 0 not at all, 3
// it is the very one.
func relation(e effect, command string, of named) float64 {
	best := 0.0
	for _, name := range e.Names {
		best = max(best, nameRelation(e.Kind, name, of.Entity))
	}
	location := of.Kind == "place" || of.Kind == "where" || of.Kind == "file"
	if best < 2.5 && !location && speaksOf(command, of.Name) {
		best = 2.5 // of the symbol, key or package itself
	}
	if best == 0 && len(e.Names) == 0 {
		best = 0.5 // it may concern anything
	}
	switch of.Kind {
	case "where":
		best = min(best, 2) // where it came up need not be where it comes from
	case "place":
		best = min(best, 0.8)
	}
	return best
}

// speaksOf reports whether a command mentions a name, or the last part of a
// qualified one.
func speaksOf(command, name string) bool {
	last := name[strings.LastIndexAny(name, ".:")+1:]
	return len(name) >= 3 && mentions(command, name) || len(last) >= 3 && mentions(command, last)
}

func nameRelation(kind effectKind, name string, of learn.Entity) float64 {
	switch of.Kind {
	case "file", "where", "place":
		return pathRelation(kind, name, of.Name)
	case "module":
		asPath := strings.ReplaceAll(strings.ReplaceAll(of.Name, ".", "/"), "::", "/")
		stem := strings.TrimSuffix(name, path.Ext(name))
		switch {
		case strings.EqualFold(name, of.Name), samePath(stem, asPath), samePath(name, of.Name):
			return 3
		case path.Base(stem) == path.Base(asPath) && (kind == effectRemove || kind == effectMove || kind == effectEdit):
			return 2.5
		case inside(asPath, stem) && kind != effectEdit:
			return 2
		case manifests[path.Base(name)]:
			return 2.5
		}
	case "package", "program", "symbol":
		if strings.EqualFold(name, of.Name) || path.Base(name) == of.Name || strings.HasPrefix(name, of.Name+"==") || strings.HasPrefix(name, of.Name+"@") {
			return 3
		}
		if of.Kind == "package" && manifests[path.Base(name)] {
			return 2.5
		}
		if strings.EqualFold(strings.TrimSuffix(path.Base(name), path.Ext(name)), of.Name) {
			return 1.5 // files are called after what they define
		}
	}
	return 0
}

func pathRelation(kind effectKind, name, of string) float64 {
	switch {
	case samePath(name, of), path.Ext(of) == "" && samePath(strings.TrimSuffix(name, path.Ext(name)), of):
		return 3
	case (kind == effectRemove || kind == effectMove || kind == effectRights) && inside(of, name):
		return 2.5
	case path.Base(name) == path.Base(of) && len(path.Base(of)) >= 3:
		return 1.5
	case kind == effectEdit && path.Dir(name) != "." && samePath(path.Dir(name), path.Dir(of)):
		return 1
	}
	return 0
}

// manifests declare what a project depends on.
var manifests = map[string]bool{"go.mod": true, "package.json": true, "requirements.txt": true, "pyproject.toml": true, "setup.py": true,
	"setup.cfg": true, "Cargo.toml": true, "pom.xml": true, "build.gradle": true, "Gemfile": true, "composer.json": true}

// configures lists the files by which a program is told what to do.
var configures = map[string][]string{
	"npm": {"package.json"}, "yarn": {"package.json"}, "pnpm": {"package.json"}, "make": {"Makefile", "makefile", "GNUmakefile"},
	"go": {"go.mod"}, "cargo": {"Cargo.toml"}, "pytest": {"pytest.ini", "conftest.py", "pyproject.toml", "setup.cfg", "tox.ini"},
	"tox": {"tox.ini"}, "tsc": {"tsconfig.json"}, "eslint": {".eslintrc", "eslint.config.js"}, "docker": {"Dockerfile"}, "mvn": {"pom.xml"},
	"gradle": {"build.gradle"}, "cmake": {"CMakeLists.txt"},
}

// configuresCall reports whether the effect is on a file that tells the
// failing call's program what to do.
func configuresCall(e effect, act *learn.Action) bool {
	return slices.ContainsFunc(e.Names, func(n string) bool { return slices.Contains(configures[act.Program], path.Base(n)) })
}

// inside reports whether the path lies in the folder, of which the path may
// know only the tail.
func inside(p, folder string) bool {
	folder = strings.Trim(path.Clean(folder), "/")
	return folder != "" && folder != "." && strings.Contains("/"+strings.Trim(p, "/")+"/", "/"+folder+"/")
}
