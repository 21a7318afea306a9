package toolforge

// Recorded feeds a Finder with real recorded sessions, for the tests outside
// the package.
var Recorded = recorded
