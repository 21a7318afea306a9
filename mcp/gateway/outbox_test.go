package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// What is put in comes out whole and in order, however much the pipe takes at
// once, and who puts it in does not wait for who reads.
func TestOutboxKeepsTheOrder(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := newOutbox(w)
	const each = 300
	var putting sync.WaitGroup
	for _, who := range []string{"a", "b"} {
		putting.Go(func() {
			for i := range each { // more than a pipe holds, by far
				if err := b.put([]byte(fmt.Sprintf("%s %d %s\n", who, i, strings.Repeat("x", i%7*1500)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	putting.Wait() // nobody has read
	next := map[string]int{}
	lines := bufio.NewReader(r)
	for range 2 * each {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		who, rest, _ := bytes.Cut(line, []byte(" "))
		n := next[string(who)]
		if want := fmt.Sprintf("%d %s\n", n, strings.Repeat("x", n%7*1500)); string(rest) != want {
			t.Fatalf("%s: %.40q at %d", who, rest, n)
		}
		next[string(who)]++
	}
	b.stop(errGone)
	<-b.done
	if err := b.put([]byte("late\n")); !errors.Is(err, errGone) {
		t.Errorf("after its end: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
