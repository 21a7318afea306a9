package eventlog

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// codec compresses and decompresses message bodies. It is safe for concurrent
// use and holds no goroutines between calls.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	// One encoder state per stream's committer is enough; decoding is done by
	// any number of readers, two at a time.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	if err != nil {
		return nil, fmt.Errorf("making the zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return nil, fmt.Errorf("making the zstd decoder: %w", err)
	}
	return &codec{enc: enc, dec: dec}, nil
}

func (c *codec) compress(b []byte) []byte {
	return c.enc.EncodeAll(b, make([]byte, 0, len(b)/2+64))
}

// decompress expects exactly size bytes, which the caller has bounded.
func (c *codec) decompress(b []byte, size int) ([]byte, error) {
	return c.dec.DecodeAll(b, make([]byte, 0, size))
}

func (c *codec) close() {
	// Neither can fail: the encoder has no writer behind it.
	_ = c.enc.Close()
	c.dec.Close()
}
