// Package codegraph knows the code of a workspace: which files define which
// classes, functions and methods, who imports and calls whom, and which
// packages the project declares to need. Diagnosis asks it what an error
// touches.
//
// Update walks the folder and reads each source file (Python, Go, JavaScript)
// with tree-sitter when its content hash changed; a file's facts hold only
// what the file itself says (names, not targets). What a name refers to is
// resolved when it is asked for, against the files as they are then, so a
// change costs the file that changed and nothing else.
//
// Resolution is by scope: the same file, what it imports, the class of self or
// this or of a Go receiver and its bases, the same Go package. A call on an
// unknown object resolves only when the project has exactly one method of that
// name (and the name is not one of the languages' own), and says so. What
// leaves the project, or is ambiguous, is not resolved: no edge rather than a
// wrong one.
//
// The folder is hostile: symbolic links are not followed, dependency and
// version control folders are not entered, and files, their size, their
// entities and their nesting are bounded; what was left out is counted. A file
// with syntax errors yields what could be read of it.
//
// The parsers are C and need cgo. Facts are plain Go values; no C memory
// outlives a parse but the parsers, which Close frees.
package codegraph
