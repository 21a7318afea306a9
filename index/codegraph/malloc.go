package codegraph

/*
#include <stddef.h>
void ts_set_allocator(void *(*)(size_t), void *(*)(size_t, size_t), void *(*)(void *, size_t), void (*)(void *));
static void plain_allocator(void) { ts_set_allocator(NULL, NULL, NULL, NULL); }
*/
import "C"

// plainAllocator lets tree-sitter call libc's allocator itself. The Go binding
// makes every allocation a call back into Go, which ends at the same allocator
// and costs more than the parsing. Memory of either way can be freed by the
// other, so it does not matter what was allocated before.
func plainAllocator() { C.plain_allocator() }
