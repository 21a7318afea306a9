package mine

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// ReadSPMF reads sequences in the text format of the SPMF library: numbers
// from 0 for items, -1 after each itemset, -2 after each sequence, lines that
// begin with #, % or @ being comments. An item counts once in an itemset.
// Errors tell line and column (from 1, in bytes).
func ReadSPMF(r io.Reader) (*Database, error) {
	p := spmf{db: &Database{}, line: 1}
	buf := make([]byte, 1<<18)
	for {
		n, err := r.Read(buf)
		if fail := p.feed(buf[:n]); fail != nil {
			return nil, p.at(fail)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read SPMF file: after line %d: %w", p.line-1, err)
		}
	}
	if err := p.end(); err != nil {
		return nil, p.at(err)
	}
	if p.open {
		return nil, p.at(fmt.Errorf("the last sequence does not end with -2; is the file cut off?"))
	}
	return p.db, nil
}

// spmf is the state between two bytes.
type spmf struct {
	db        *Database
	set       []int32 // the itemset so far
	open      bool    // within a sequence
	comment   bool
	negative  bool // the number so far
	digits    int
	value     int64
	line, col int // of the byte
	begin     int // column of the number
}

func (p *spmf) at(err error) error {
	col := p.col
	if p.begin > 0 {
		col = p.begin
	}
	return fmt.Errorf("read SPMF file: line %d, column %d: %w", p.line, max(1, col), err)
}

func (p *spmf) feed(chunk []byte) error {
	for _, c := range chunk {
		p.col++
		switch {
		case p.comment && c != '\n':
		case c >= '0' && c <= '9':
			if p.begin == 0 {
				p.begin = p.col
			}
			p.value = p.value*10 + int64(c-'0')
			if p.digits++; p.digits > 10 {
				return fmt.Errorf("a number has more than ten digits")
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			if err := p.end(); err != nil {
				return err
			}
			if c == '\n' {
				p.line, p.col, p.comment = p.line+1, 0, false
			}
		case c == '-' && p.begin == 0:
			p.negative, p.begin = true, p.col
		case (c == '#' || c == '%' || c == '@') && p.begin == 0 && !p.open:
			p.comment = true
		default:
			p.begin = 0
			return fmt.Errorf("%s is not part of a number", strconv.QuoteRuneToASCII(rune(c)))
		}
	}
	return nil
}

// end takes the number that ends here, when there is one.
func (p *spmf) end() error {
	if p.begin == 0 {
		return nil
	}
	if p.digits == 0 {
		return fmt.Errorf("a minus sign without a number")
	}
	if p.negative {
		p.value = -p.value
	}
	if err := p.take(p.value); err != nil {
		return err
	}
	p.begin, p.digits, p.value, p.negative = 0, 0, 0, false
	return nil
}

func (p *spmf) take(n int64) error {
	p.open = n != -2
	switch {
	case n == -1:
		err := p.db.add(p.set)
		p.set = p.set[:0]
		return err
	case n == -2:
		err := p.db.add(p.set) // of files that end the last itemset by this
		p.set = p.set[:0]
		if err == nil {
			err = p.db.endSequence()
		}
		return err
	case n < 0 || n > math.MaxInt32:
		return fmt.Errorf("item %d is out of range: items are 0 to %d", n, math.MaxInt32)
	}
	if len(p.set) == maxItems {
		return ErrTooLarge
	}
	p.set = append(p.set, int32(n))
	return nil
}

// WriteSPMF prints patterns as SPMF does: items, -1 after each itemset, and the
// support in sequences after #SUP:.
func WriteSPMF(w io.Writer, patterns []Pattern) error { return writeSPMF(w, slices.Values(patterns)) }

// WriteSPMF prints the patterns as the function of that name does.
func (r *Result) WriteSPMF(w io.Writer) error { return writeSPMF(w, r.All) }

func writeSPMF(w io.Writer, patterns func(yield func(Pattern) bool)) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var b []byte
	for p := range patterns {
		b = b[:0]
		for i, it := range p.Items {
			if i > 0 && !p.joined(i) {
				b = append(b, "-1 "...)
			}
			b = append(strconv.AppendInt(b, int64(it), 10), ' ')
		}
		b = append(strconv.AppendInt(append(b, "-1 #SUP: "...), int64(p.Support), 10), '\n')
		if _, err := out.Write(b); err != nil {
			return fmt.Errorf("write patterns: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write patterns: %w", err)
	}
	return nil
}
