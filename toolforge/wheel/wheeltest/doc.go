// Package wheeltest makes wheels and serves them as an index, for tests.
//
// Data passes from Build, which packs files as a wheel with its RECORD, to
// Index, which serves wheels as a simple repository API does. It promises
// valid wheels, unless the caller breaks them on purpose.
package wheeltest
