package action

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

const (
	tPath    = learn.TypePath
	tNumber  = learn.TypeNumber
	tPattern = learn.TypePattern
	tString  = learn.TypeString
	tAny     = learn.PlaceholderType("any") // by the value's shape
)

type flagTypes = map[string]learn.PlaceholderType

// valueFlags are the flags that take the next word, by program.
var valueFlags = map[string]flagTypes{
	"grep":    {"-A": tNumber, "-B": tNumber, "-C": tNumber, "-m": tNumber, "-e": tPattern, "-f": tPath, "--include": tPattern, "--exclude": tPattern, "--exclude-dir": tPattern},
	"rg":      {"-A": tNumber, "-B": tNumber, "-C": tNumber, "-m": tNumber, "-e": tPattern, "-g": tPattern, "--glob": tPattern, "-t": tString, "--type": tString, "-T": tString},
	"head":    {"-n": tNumber, "-c": tNumber},
	"tail":    {"-n": tNumber, "-c": tNumber},
	"find":    {"-name": tPattern, "-iname": tPattern, "-path": tPattern, "-ipath": tPattern, "-wholename": tPattern, "-regex": tPattern, "-type": tString, "-maxdepth": tNumber, "-mindepth": tNumber, "-size": tString, "-newer": tPath, "-mtime": tNumber, "-mmin": tNumber, "-user": tString, "-perm": tString},
	"sed":     {"-e": tPattern, "-f": tPath},
	"awk":     {"-F": tString, "-v": tString, "-f": tPath},
	"cut":     {"-d": tString, "-f": tString, "-c": tString},
	"sort":    {"-k": tString, "-t": tString, "-o": tPath},
	"pytest":  {"-k": tPattern, "-m": tString, "-n": tAny, "-p": tString, "-c": tPath, "-o": tString, "--tb": tString, "--rootdir": tPath, "--timeout": tNumber, "--maxfail": tNumber, "--deselect": tString, "--ignore": tPath},
	"python":  {"-c": tString, "-m": tString, "-W": tString, "-X": tString},
	"node":    {"-e": tString, "-p": tString, "--eval": tString, "-r": tString},
	"perl":    {"-e": tPattern, "-i": "", "-ne": tPattern, "-pe": tPattern},
	"git":     {"-C": tPath, "-c": tString, "-m": tString, "-n": tNumber, "-S": tPattern, "-G": tPattern, "--author": tString, "--since": tString, "--format": tString, "--pretty": tString, "-b": learn.TypeRef, "-B": learn.TypeRef, "-L": tString, "-F": tPath, "--depth": tNumber},
	"curl":    {"-H": tString, "-X": tString, "-d": tString, "--data": tString, "-o": tPath, "-u": tString, "-A": tString, "-F": tString, "-m": tNumber, "--max-time": tNumber, "-w": tString, "--retry": tNumber, "-T": tPath, "-b": tString, "-c": tPath, "-e": tString, "-x": tString},
	"wget":    {"-O": tPath, "-P": tPath, "-t": tNumber, "-T": tNumber},
	"docker":  {"-t": tString, "-f": tPath, "-v": tString, "-p": tString, "-e": tString, "--name": tString, "-w": tPath, "-u": tString, "--network": tString, "--entrypoint": tString, "--platform": tString},
	"kubectl": {"-n": tString, "-f": tPath, "-l": tString, "-o": tString, "-c": tString, "--namespace": tString},
	"go":      {"-run": tPattern, "-count": tNumber, "-timeout": tString, "-bench": tPattern, "-o": tPath, "-tags": tString, "-C": tPath, "-ldflags": tString, "-coverprofile": tPath},
	"cargo":   {"-p": tString, "--manifest-path": tPath, "--features": tString, "--test": tString, "--bin": tString, "--example": tString},
	"make":    {"-C": tPath, "-f": tPath, "-j": tNumber},
	"pip":     {"-r": tPath, "-e": tPath, "-c": tPath, "-i": learn.TypeURL, "--index-url": learn.TypeURL, "-t": tPath, "--target": tPath, "--requirement": tPath, "--timeout": tNumber},
	"npm":     {"--prefix": tPath, "-w": tString, "--workspace": tString, "-C": tPath},
	"tar":     {"-f": tPath, "-C": tPath},
	"timeout": {"-s": tString, "-k": tAny}, "xargs": {"-I": tString, "-n": tNumber, "-P": tNumber, "-d": tString, "-L": tNumber},
	"gcc": {"-o": tPath, "-I": tPath, "-L": tPath, "-x": tString, "-std": tString, "-include": tPath}, "patch": {"-i": tPath, "-p": tNumber, "-d": tPath, "-o": tPath},
	"mkdir": {"-m": tNumber}, "install": {"-m": tNumber}, "touch": {"-d": tString, "-t": tString}, "tree": {"-L": tNumber, "-I": tPattern, "-P": tPattern},
	"psql": {"-c": tString, "-h": tString, "-U": tString, "-d": tString, "-p": tNumber, "-f": tPath}, "mysql": {"-e": tString, "-u": tString, "-h": tString},
	"bash": {"-c": tString, "-o": tString, "-lc": tString}, "jq": {"--arg": tString, "-f": tPath}, "su": {"-c": tString, "-s": tString},
	"mypy": {"--config-file": tPath, "-p": tString, "-m": tString, "--python-version": tAny}, "sudo": {"-u": tString}, "nice": {"-n": tNumber},
	"runtests.py": {"--settings": tString, "-v": tNumber, "--verbosity": tNumber, "--parallel": tAny, "-k": tPattern},
	"manage.py":   {"--settings": tString, "-v": tNumber, "--verbosity": tNumber, "-k": tPattern},
	"unittest":    {"-k": tPattern, "-s": tPath, "-p": tPattern, "-t": tPath},
	"flake8":      {"--select": tString, "--config": tPath}, "pylint": {"--disable": tString, "--rcfile": tPath}, "eslint": {"-c": tPath, "--ext": tString},
	"jest": {"-t": tPattern, "--config": tPath, "-c": tPath}, "mocha": {"-g": tPattern, "-r": tString}, "vitest": {"-t": tPattern}, "tox": {"-e": tString, "-c": tPath},
	"tsc": {"-p": tPath, "--project": tPath, "--outDir": tPath}, "ls": {"-I": tPattern}, "diff": {"-U": tNumber}, "date": {"-d": tString}, "chmod": {}, "nl": {"-b": tString},
}

// aliases share a program's flags.
var aliases = map[string]string{"egrep": "grep", "fgrep": "grep", "zgrep": "grep", "gawk": "awk", "mawk": "awk", "g++": "gcc", "clang": "gcc", "cc": "gcc",
	"clang++": "gcc", "podman": "docker", "gmake": "make", "py.test": "pytest", "python3": "python", "python2": "python", "sh": "bash", "zsh": "bash", "dash": "bash",
	"pnpm": "npm", "yarn": "npm"}

// bundled programs take single letters in one word: -rn is -n -r.
var bundled = set("grep", "egrep", "fgrep", "zgrep", "ls", "rm", "cp", "mv", "cat", "sort", "wc", "mkdir", "sed", "uniq",
	"diff", "du", "df", "ln", "rmdir", "touch", "chmod", "chown", "git", "curl", "rg", "pytest", "tail", "head", "cut", "tee", "ps", "unzip", "zip")

// ordered programs keep their words in place: order is meaning.
var ordered = set("find", "docker", "podman", "kubectl", "tar", "ssh", "test", "[", "gcc", "g++", "ffmpeg", "convert", "parallel", "dd", "helm", "aws")

var (
	letters      = lazyregexp.New(`^-[A-Za-z]{2,8}$`)
	letterNumber = lazyregexp.New(`^-([A-Za-z]?)(\d+)$`)
	letterPath   = lazyregexp.New(`^-([ILF])(\S*/\S*)$`)
)

func flagsOf(program string) flagTypes {
	name := stem(program)
	if python.MatchString(name) {
		name = "python"
	}
	if to, ok := aliases[name]; ok {
		name = to
	}
	return valueFlags[name]
}

// word is one positional word.
type word struct {
	index int
	value string
	kind  learn.PlaceholderType
}

// positionals are the words that are neither flags, nor their values, nor the
// program's name and subcommands.
func (c *simple) positionals() []word {
	var out []word
	flags := flagsOf(c.program)
	after := false
	for i := c.start + 1; i < len(c.words); i++ {
		w := c.words[i]
		switch {
		case c.keep[i]:
		case !after && w == "--":
			after = true
		case !after && isFlag(w):
			if flags[w] != "" || takesNext(c.program, flags, w) {
				i++
			}
		default:
			out = append(out, word{i, w, c.positional(len(out), w, after)})
		}
	}
	return out
}

// isFlag reports whether a word is an option.
func isFlag(w string) bool {
	return len(w) > 1 && w[0] == '-' && len(w) <= 200 && !strings.ContainsAny(w[:min(len(w), 3)], " \n\t'\"")
}

// takesNext reports whether the last of several bundled letters takes the next
// word: "git commit -am MESSAGE".
func takesNext(program string, types flagTypes, text string) bool {
	return bundled[program] && letters.MatchString(text) && types["-"+text[len(text)-1:]] != "" && types[text] == ""
}
