package gateway

import (
	"bufio"
	"bytes"
	"io"
)

// readEvents yields the data of each event of a text/event-stream until it
// ends or yield says to stop. An event of more than limit bytes is errHuge.
func readEvents(in io.Reader, limit int, yield func(data []byte) bool) error {
	r := bufio.NewReaderSize(in, 16<<10)
	var data []byte
	some := false
	for {
		line, tail, err := readLine(r, limit)
		if tail || len(data)+len(line) > limit {
			return errHuge
		}
		switch name, value, _ := bytes.Cut(line, []byte(":")); {
		case len(line) == 0 && err == nil:
			if some && len(data) > 0 && !yield(data) {
				return nil
			}
			data, some = nil, false
		case string(name) == "data":
			if some {
				data = append(data, '\n')
			}
			data, some = append(data, bytes.TrimPrefix(value, []byte(" "))...), true
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads one line, without its end, of at most limit bytes.
func readLine(r *bufio.Reader, limit int) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit+64 {
			return nil, true, nil
		}
		line = append(line, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		return bytes.TrimRight(line, "\r\n"), false, err
	}
}
