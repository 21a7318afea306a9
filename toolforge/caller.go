package toolforge

// The names of a caller's files, below the folder where they are put.
const (
	// CallerName is the Python program that calls a deployed tool: `call.py DIR
	// NAME`, arguments as JSON on stdin, the result as JSON on stdout. The gates
	// call tools with the same.
	CallerName = "call.py"
	// RehearsalName goes through what a call does with a tool of its own, which
	// is RehearsedName: for an interpreter that waits for calls.
	RehearsalName = "rehearse.py"
	RehearsedName = "rehearsal/tool.py"
)

// CallerFiles are the files that calls of tools of that language need, by
// their names, and the modules that those use once they are called.
func CallerFiles(language string) (files map[string][]byte, modules []string) {
	files = map[string][]byte{CallerName: caller(CallerName)}
	if language == languageShell {
		return files, []string{"inspect", "subprocess", "types"}
	}
	files[RehearsalName], files[RehearsedName] = caller(RehearsalName), caller("rehearsal.py")
	return files, nil
}

func caller(name string) []byte {
	source, err := guest.ReadFile("guest/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return source
}
