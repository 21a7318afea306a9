// Package codegraph knows the code of a workspace: which files define which
// types, functions and values, who imports and calls whom, which packages the
// project declares and which are installed, and what git knows of each part.
// Diagnosis asks it what an error touches.
//
// Update walks the folder. Of a file whose size and time are as they were it
// reads nothing, of one whose content is as it was it parses nothing. The
// readers (tree-sitter for Python, Go, JavaScript, TypeScript, Java and Rust)
// make facts of a file that hold only what the file itself says: names, not
// targets; and types as written, or as the expression that gives them. What a
// name refers to is resolved when it is asked for, against the files as they
// are then, so a change costs the file that changed and nothing else.
//
// Resolution goes by scope (the file, what it imports, the class of self or
// this and its bases, the Go or Java package, the Rust crate) and by type:
// what is known of a variable, field, parameter or result leads to the method.
// A call on an unknown object resolves only when the project has exactly one
// method of that name (and the name is not one of the languages' own), and
// says so. What leaves the project, or is ambiguous, is not resolved: no edge
// rather than a wrong one.
//
// Watch keeps the graph up to date by the system's notifications, or says why
// it polls. Save and New keep it over a restart, in a file that is checked and
// versioned. The history of files and entities is read from git when asked
// for, with the checkout's own configuration kept from starting programs; what
// the working tree adds is compared here, as git would pass it through filters.
//
// The folder is hostile: symbolic links are not followed; what git ignores,
// dependency and version control folders are not entered; files, their size,
// their entities and their nesting are bounded; what a program wrote is passed
// over; what was left out is counted. A tracked file that a rule ignores is
// left out too. A file with syntax errors yields what could be read of it.
//
// The parsers are C and need cgo; no C memory outlives a parse but the
// parsers, which Close frees. Without cgo Go is read by the standard library
// and the rest by its lines; Lost says what that costs.
package codegraph
