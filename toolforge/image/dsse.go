package image

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Errors of signatures that callers decide on.
var (
	// ErrUnsigned says that an image has no signature at all.
	ErrUnsigned = errors.New("image: not signed")
	// ErrUntrusted says that nobody who is trusted signed it, or not this.
	ErrUntrusted = errors.New("image: not signed by a trusted key")
	// ErrMismatch says that what was signed is not what was asked for.
	ErrMismatch = errors.New("image: what was signed is something else")
)

// Bounds of an envelope, in bytes and in signatures.
const (
	maxEnvelope   = 1 << 20
	maxSignatures = 16
)

// Envelope is a DSSE envelope (Dead Simple Signing Envelope, specification
// 1.0.2): a payload with its type and signatures over both.
type Envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"` // base64
	Signatures  []Signature `json:"signatures"`
}

// Signature is one signature of an Envelope. KeyID is a hint, nothing more.
type Signature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"` // base64
}

// PAE is the pre-authentication encoding of the DSSE specification: what the
// signature is made over, so that a payload cannot be taken for one of another
// type.
func PAE(payloadType string, payload []byte) []byte {
	out := make([]byte, 0, len(payloadType)+len(payload)+32)
	out = append(out, "DSSEv1 "...)
	out = strconv.AppendInt(out, int64(len(payloadType)), 10)
	out = append(append(append(out, ' '), payloadType...), ' ')
	out = strconv.AppendInt(out, int64(len(payload)), 10)
	return append(append(out, ' '), payload...)
}

// Seal signs a payload and returns the envelope as JSON.
func (k *SigningKey) Seal(payloadType string, payload []byte) ([]byte, error) {
	e := Envelope{PayloadType: payloadType, Payload: base64.StdEncoding.EncodeToString(payload),
		Signatures: []Signature{{KeyID: k.Public().ID(), Sig: base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, PAE(payloadType, payload)))}}}
	raw, err := json.Marshal(e)
	if err == nil && len(raw) > maxEnvelope {
		err = fmt.Errorf("%d bytes, at most %d", len(raw), maxEnvelope)
	}
	if err != nil {
		return nil, fmt.Errorf("image: sign: %w", err)
	}
	return raw, nil
}

// OpenEnvelope returns the payload of an envelope that one of the keys signed,
// and that key. It fails with ErrUntrusted when none did: the key id that the
// envelope names is not believed, every key is tried.
func OpenEnvelope(raw []byte, payloadType string, keys []PublicKey) (payload []byte, by PublicKey, err error) {
	var e Envelope
	if len(raw) > maxEnvelope {
		return nil, nil, fmt.Errorf("image: envelope of %d bytes, at most %d: %w", len(raw), maxEnvelope, ErrUntrusted)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, nil, fmt.Errorf("image: envelope is not JSON: %w: %w", err, ErrUntrusted)
	}
	switch {
	case e.PayloadType != payloadType:
		return nil, nil, fmt.Errorf("image: envelope of type %.80q, not %s: %w", e.PayloadType, payloadType, ErrUntrusted)
	case len(e.Signatures) == 0 || len(e.Signatures) > maxSignatures:
		return nil, nil, fmt.Errorf("image: envelope with %d signatures, 1 to %d are allowed: %w", len(e.Signatures), maxSignatures, ErrUntrusted)
	}
	if payload, err = unbase64(e.Payload); err != nil {
		return nil, nil, fmt.Errorf("image: envelope's payload: %w: %w", err, ErrUntrusted)
	}
	message := PAE(e.PayloadType, payload)
	for _, s := range e.Signatures {
		sig, err := unbase64(s.Sig)
		if err != nil {
			continue
		}
		for _, k := range keys {
			if len(k) == ed25519.PublicKeySize && ed25519.Verify(ed25519.PublicKey(k), message, sig) {
				return payload, k, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("%w: the signature says it is by key %.64q, which is not trusted or did not sign this", ErrUntrusted, e.Signatures[0].KeyID)
}

// unbase64 takes both alphabets, as the specification asks.
func unbase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return base64.URLEncoding.DecodeString(s)
	}
	return b, nil
}
