package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lathe/learn"
	"lathe/toolforge"
	"lathe/toolforge/image"
	"lathe/toolforge/wheel"
)

// packageSetting is where the packages that tools declare come from. A
// workspace cannot set it: it decides which code runs.
func packageSetting() setting {
	return setting{toolsPrefix + "packages", true,
		func(c *Config) string { return c.Packages },
		func(c *Config, v string) error {
			if strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://") || v == "" {
				c.Packages = v
				return nil
			}
			if info, err := os.Stat(v); !filepath.IsAbs(v) || err != nil || !info.IsDir() {
				return fmt.Errorf("%q is neither the address of an index's simple API nor a folder of wheels (with its whole path)", v)
			}
			c.Packages = v
			return nil
		}}
}

// wheels is the folder, in the data directory, of the wheels that were
// fetched, by their SHA-256.
const wheels = "wheels"

// packages brings the dependencies of a tool, from the configured place or from
// what was fetched before.
func (f *forge) packages(ctx context.Context, tool learn.ProposedTool) ([]wheel.Package, error) {
	pins, err := wheel.ParseAll(tool.Manifest.Dependencies)
	if err != nil || len(pins) == 0 {
		return nil, err
	}
	return wheel.Source{Place: f.d.cfg.Packages, Cache: filepath.Join(f.d.cfg.DataDir, wheels)}.Get(ctx, pins)
}

// addPackages puts the files of a tool's dependencies beside its own, for its
// layer, and says what they are, for its provenance.
func (f *forge) addPackages(ctx context.Context, tool learn.ProposedTool, files map[string][]byte) ([]image.Material, error) {
	all, err := f.packages(ctx, tool)
	if err != nil {
		return nil, err
	}
	for name, text := range wheel.Together(all) {
		files[toolforge.DependencyFolder+"/"+name] = text
	}
	var out []image.Material
	for _, k := range all {
		out = append(out, image.Material{Name: k.File, URI: "pkg:pypi/" + k.Name + "@" + k.Version, SHA256: k.SHA256})
	}
	return out, nil
}
