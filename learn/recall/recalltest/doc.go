// Package recalltest makes learned objects in numbers, for the tests and
// benchmarks of what ranks them: a World is made from a seed, and gives the
// objects and the questions about them. The same seed makes the same world.
package recalltest
