package mine

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
)

// ReadSPMF reads sequences in the text format of the SPMF library: numbers
// from 0 for items, -1 after each itemset, -2 after each sequence, lines that
// begin with #, % or @ being comments. Sequences here are of single items: an
// itemset of several is refused, with its line.
func ReadSPMF(r io.Reader) (*Database, error) {
	p := spmf{in: bufio.NewReaderSize(r, 1<<16), db: &Database{}, line: 1}
	for {
		n, err := p.number()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = p.take(n)
		}
		if err != nil {
			return nil, fmt.Errorf("read SPMF file: line %d: %w", p.line, err)
		}
	}
	if len(p.sequence) > 0 || p.inSet > 0 {
		return nil, fmt.Errorf("read SPMF file: line %d: the last sequence does not end with -2; is the file cut off?", p.line)
	}
	return p.db, nil
}

type spmf struct {
	in       *bufio.Reader
	db       *Database
	sequence []int32
	inSet    int // items since the last -1
	line     int
}

func (p *spmf) take(n int64) error {
	switch {
	case n == -1:
		p.inSet = 0
		return nil
	case n == -2:
		err := p.db.Add(p.sequence)
		p.sequence, p.inSet = p.sequence[:0], 0
		return err
	case n < 0 || n > math.MaxInt32:
		return fmt.Errorf("item %d is out of range: items are 0 to %d", n, math.MaxInt32)
	}
	if p.inSet++; p.inSet > 1 {
		return fmt.Errorf("an itemset has several items; only sequences of single items are mined")
	}
	if len(p.sequence) == math.MaxInt32/2 {
		return ErrTooLarge
	}
	p.sequence = append(p.sequence, int32(n))
	return nil
}

// number reads the next number, or io.EOF at the end of the file.
func (p *spmf) number() (int64, error) {
	c, err := p.skip()
	if err != nil {
		return 0, err
	}
	negative := c == '-'
	if negative {
		if c, err = p.in.ReadByte(); err != nil {
			return 0, fmt.Errorf("a minus sign ends the file")
		}
	}
	n, digits := int64(0), 0
	for ; err == nil && c >= '0' && c <= '9'; c, err = p.in.ReadByte() {
		if n, digits = n*10+int64(c-'0'), digits+1; digits > 10 {
			return 0, fmt.Errorf("a number has more than ten digits")
		}
	}
	if digits == 0 || err == nil && c != ' ' && c != '\t' && c != '\r' && c != '\n' {
		return 0, fmt.Errorf("%s is not part of a number", strconv.QuoteRuneToASCII(rune(c)))
	}
	if err == nil {
		err = p.in.UnreadByte() // skip counts the lines
	}
	if err != nil && err != io.EOF {
		return 0, err
	}
	if negative {
		n = -n
	}
	return n, nil
}

// skip passes blanks and comment lines and returns the first byte after them.
func (p *spmf) skip() (byte, error) {
	comment := false
	for {
		c, err := p.in.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case c == '\n':
			p.line++
			comment = false
		case comment || c == ' ' || c == '\t' || c == '\r':
		case (c == '#' || c == '%' || c == '@') && len(p.sequence) == 0:
			comment = true
		default:
			return c, nil
		}
	}
}

// WriteSPMF prints patterns as SPMF does: items, each with -1, and the support
// in sequences after #SUP:.
func WriteSPMF(w io.Writer, patterns []Pattern) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var b []byte
	for _, p := range patterns {
		b = b[:0]
		for _, it := range p.Items {
			b = append(strconv.AppendInt(b, int64(it), 10), " -1 "...)
		}
		b = append(strconv.AppendInt(append(b, "#SUP: "...), int64(p.Support), 10), '\n')
		if _, err := out.Write(b); err != nil {
			return fmt.Errorf("write patterns: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write patterns: %w", err)
	}
	return nil
}
