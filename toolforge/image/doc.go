// Package image keeps the file systems that generated code runs in: OCI images
// in an image-layout directory, addressed by digest.
//
// Two base images are built on this machine from its own apt sources (Runtime,
// what a deployed tool runs in, and Validation, the same userland with the
// analysers), or come in by Import or Pull. A tool is an image too: its base by
// digest plus one layer below ToolPath, with annotations.
//
// Data passes through like this:
//
//	mmdebstrap -> normalise -> layer --\
//	Import, Pull -> validate in full ----> blobs by digest -> RootFS, ToolDir
//	files -> AddTool -> layer ---------/
//
// Promises: the digest of an image depends only on its content (the same inputs
// give the same digest); nothing enters the store unvalidated; index.json is
// replaced atomically under a lock, so that a crash or a second process never
// tears it; unpacking is bounded in size and count and cannot reach outside its
// directory, whatever an archive says; a directory that RootFS or ToolDir
// returned is complete.
package image
