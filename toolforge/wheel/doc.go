// Package wheel brings the Python packages that a tool declares: each pinned
// to one version and one SHA-256, from a package index (the simple repository
// API, PEP 503 and PEP 691) or a folder of wheels.
//
// Data passes in one direction:
//
//	"name==1.2 --hash=sha256:..." -> Parse -> Pin -> Source.Get -> Package{Files}
//
// What it promises: nothing of a package is executed, here or by installing it;
// only wheels (PEP 427) are taken, since the source of a package runs code when
// it is built, and of them only those without native code; what is returned is
// what the wheel's RECORD says, and the wheel is what the pin says, byte for
// byte. Names that lead out of the folder, links, bombs and files that Python
// would run by itself are refused. The same pins give the same files.
package wheel
