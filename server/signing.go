package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"lathe/learn"
	"lathe/server/review"
	"lathe/toolforge/image"
)

// installationKey is the file, in the data directory, of the key with which
// this installation signs the tools that it builds.
const installationKey = "installation.pem"

const toolsPrefix = "tools."

// toolSettings are the settings of [tools].
func toolSettings() []setting {
	return []setting{packageSetting(), {toolsPrefix + "trusted_keys", true,
		func(c *Config) string {
			var out []string
			for _, k := range c.TrustedKeys {
				out = append(out, k.String())
			}
			return strings.Join(out, " ")
		},
		func(c *Config, v string) error {
			c.TrustedKeys = nil
			for _, word := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune("[], \t\n", r) }) {
				k, err := image.ParsePublicKey(word)
				if err != nil {
					return err
				}
				c.TrustedKeys = append(c.TrustedKeys, k)
			}
			return nil
		}}}
}

// ToolKeys are the keys that tools may be signed with here.
type ToolKeys struct {
	Public  string   `json:"public"` // this installation's own
	ID      string   `json:"id"`
	Trusted []string `json:"trusted"` // of the team, from the configuration
}

// OpenToolKeys reads this installation's key, which it makes at its first use,
// and the team's.
func OpenToolKeys(cfg Config) (*image.SigningKey, ToolKeys, error) {
	own, err := image.OpenKey(filepath.Join(cfg.DataDir, installationKey))
	if err != nil {
		return nil, ToolKeys{}, err
	}
	out := ToolKeys{Public: own.Public().String(), ID: own.Public().ID(), Trusted: []string{}}
	for _, k := range cfg.TrustedKeys {
		out.Trusted = append(out.Trusted, k.String())
	}
	return own, out, nil
}

// keys are those that a tool's signature may be by: this installation's, first,
// and the team's.
func (f *forge) keys() (*image.SigningKey, []image.PublicKey, error) {
	own, _, err := OpenToolKeys(f.d.cfg)
	if err != nil {
		return nil, nil, err
	}
	return own, append([]image.PublicKey{own.Public()}, f.d.cfg.TrustedKeys...), nil
}

// sign puts the signed provenance of an image that was just built beside it.
func (f *forge) sign(digest, base string, it review.Item, files map[string][]byte, brought []image.Material, decision learn.Decision) error {
	own, _, err := f.keys()
	if err != nil {
		return err
	}
	envelope, err := own.Sign(image.Build{Tool: it.Tool.Tool, Digest: digest, Base: base, Files: files, Materials: brought, Validation: it.Tool.Validation,
		Decision: decision, Review: it.ID, Lathe: Version, Finished: f.d.now()})
	if err != nil {
		return err
	}
	return f.images.Attach(digest, envelope)
}

// signed checks the signature of a deployed tool's image.
func (f *forge) signed(ctx context.Context, m learn.ToolManifest, hash string) error {
	_, keys, err := f.keys()
	if err != nil {
		return err
	}
	p, err := f.images.Signed(ctx, m.Digest, m.Name, m.Version, keys)
	switch {
	case errors.Is(err, image.ErrUnsigned):
		return fmt.Errorf("%s %s is not run: its image has no signature; make the tool anew and approve it, or pull it", m.Name, m.Version)
	case err != nil:
		return fmt.Errorf("%s %s is not run: %w", m.Name, m.Version, err)
	case p.ContentHash != hash:
		return fmt.Errorf("%s %s is not run: its image was signed with the content %s, approved was %s", m.Name, m.Version, p.ContentHash, hash)
	}
	return nil
}
