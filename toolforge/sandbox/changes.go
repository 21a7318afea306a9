package sandbox

// What a Change is.
const (
	ChangeWrite  = "write"  // a file with this content
	ChangeFolder = "folder" // a folder is there; what was in it stays
	ChangeEmpty  = "empty"  // a folder is there, and what was in it is not
	ChangeRemove = "remove" // nothing is there
)

// Change is one thing that a run did to a staged bind.
type Change struct {
	Bind int    // index in Spec.Binds
	Path string // below the bind, slash-separated
	Kind string
	Mode uint32 // permission bits, of a file
	Data []byte // of a file
}
