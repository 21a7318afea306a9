package eventlog

// indexBits is how many bits of a location tell the record within its message.
const indexBits = 20

// location is where a record stands: sequence number of its message in the
// upper 44 bits, index within the message in the lower 20.
type location uint64

func locate(seq uint64, index int) location {
	return location(seq<<indexBits | uint64(index))
}

func (l location) seq() uint64 { return uint64(l) >> indexBits }
func (l location) index() int  { return int(l & (1<<indexBits - 1)) }

// idSet knows where every record stands. Keys and values hold no pointers, so
// the garbage collector does not look into it: about 33 bytes a record.
type idSet map[idKey]location
