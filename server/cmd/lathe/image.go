package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lathe/server"
	"lathe/toolforge/image"
)

func (a *app) imageCmd() *cobra.Command {
	c := &cobra.Command{Use: "image", Short: "Images that tools are validated and run in", Long: `Images that tools are validated and run in.

They are kept by digest in an OCI layout in the data directory. Two base images,
"runtime" and "validation", are built from this machine's own apt sources
(lathe setup), or come in as a file (import) or from a registry (pull) and are
named with --as. A tool is an image too: its base and one layer.

What comes in is checked in full: every byte against its digest, every entry of
every layer against reaching outside. "lathe image gc" removes what nothing needs.`}
	c.AddCommand(a.imageListCmd(), a.imageBuildCmd(), a.imageImportCmd(), a.imageExportCmd(), a.imagePullCmd(),
		a.imagePushCmd(), a.imageVerifyCmd(), a.imageCollectCmd())
	return c
}

// images opens the image store that the configuration names.
func (a *app) images() (*image.Store, error) {
	cfg, _, err := a.config()
	if err != nil {
		return nil, err
	}
	return server.OpenImages(cfg)
}

func (a *app) imageListCmd() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Images in the store", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		s, err := a.images()
		if err != nil {
			return err
		}
		all, err := s.List()
		if err != nil || a.json {
			return errors.Join(err, printIf(a, err == nil, all))
		}
		var rows [][]string
		for _, e := range all {
			rows = append(rows, []string{e.Digest, megabytes(e.Size), string(e.Kind), e.Tag})
		}
		a.table("DIGEST SIZE BASE TAG", rows)
		return nil
	}}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// imageNamed is the digest of an image given by digest, or as the base image
// of a kind: runtime or validation.
func imageNamed(s *image.Store, name string) (string, error) {
	switch kind := image.Kind(name); kind {
	case image.Runtime, image.Validation:
		return s.Base(kind)
	}
	return name, nil
}

func (a *app) imageBuildCmd() *cobra.Command {
	return &cobra.Command{Use: "build KIND", Short: "Build a base image (runtime or validation) from this machine's apt sources", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			kind := image.Kind(args[0])
			if kind != image.Runtime && kind != image.Validation {
				return usagef("there is no base image %.40q; there are runtime and validation", args[0])
			}
			digest, err := s.BuildBase(cmd.Context(), kind, a.errs)
			if err != nil {
				return err
			}
			return a.arrived(s, digest, "")
		}}
}

func (a *app) imageImportCmd() *cobra.Command {
	var as string
	c := &cobra.Command{Use: "import FILE", Short: "Take in an image from a .tar (an OCI layout, or what docker save writes)", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.admitAs(as)
			if err != nil {
				return err
			}
			digest, err := s.Import(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.arrived(s, digest, as)
		}}
	asFlag(c, &as)
	return c
}

func (a *app) imagePullCmd() *cobra.Command {
	var as string
	c := &cobra.Command{Use: "pull REFERENCE", Short: "Take in an image from a registry", Args: cobra.ExactArgs(1),
		Long: `Take in an image from a registry, with the credentials that docker login left.

A reference by digest (HOST/NAME@sha256:...) gives exactly that image or an error.
A tag can be moved by whoever owns the registry: the digest that it gave is
printed, so that it can be named from then on.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.admitAs(as)
			if err != nil {
				return err
			}
			digest, err := s.Pull(cmd.Context(), args[0], image.Credentials())
			if err != nil {
				return err
			}
			return a.arrived(s, digest, as)
		}}
	asFlag(c, &as)
	return c
}

func asFlag(c *cobra.Command, as *string) {
	c.Flags().StringVar(as, "as", "", "make it the base image of this kind: runtime or validation")
}

// admitAs opens the store for what will be the base image of that kind.
func (a *app) admitAs(kind string) (*image.Store, error) {
	switch image.Kind(kind) {
	case "", image.Runtime, image.Validation:
		return a.images()
	}
	return nil, usagef("--as %q: it is runtime or validation", kind)
}

// arrived names an image that came in, and prints its digest.
func (a *app) arrived(s *image.Store, digest, kind string) error {
	if kind != "" {
		if err := s.SetBase(image.Kind(kind), digest); err != nil {
			return err
		}
	}
	if a.json {
		return a.print(struct {
			Digest string `json:"digest"`
			As     string `json:"as,omitempty"`
		}{digest, kind})
	}
	fmt.Fprintln(a.out, digest)
	return nil
}

func (a *app) imageExportCmd() *cobra.Command {
	return &cobra.Command{Use: "export DIGEST FILE", Short: "Write an image to a .tar of an OCI layout, for lathe image import elsewhere", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			digest, err := imageNamed(s, args[0])
			if err != nil {
				return err
			}
			return s.Export(cmd.Context(), digest, args[1])
		}}
}

func (a *app) imagePushCmd() *cobra.Command {
	return &cobra.Command{Use: "push DIGEST REFERENCE", Short: "Send an image to a registry; prints the reference by digest", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			ref, err := s.Push(cmd.Context(), args[0], args[1], image.Credentials())
			if err != nil {
				return err
			}
			if a.json {
				return a.print(struct {
					Reference string `json:"reference"`
				}{ref})
			}
			fmt.Fprintln(a.out, ref)
			return nil
		}}
}

func (a *app) imageVerifyCmd() *cobra.Command {
	return &cobra.Command{Use: "verify DIGEST", Short: "Check every byte of an image", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		s, err := a.images()
		if err != nil {
			return err
		}
		digest, err := imageNamed(s, args[0])
		if err != nil {
			return err
		}
		return s.Verify(digest)
	}}
}

func (a *app) imageCollectCmd() *cobra.Command {
	var dry bool
	var age time.Duration
	var keep []string
	c := &cobra.Command{Use: "gc", Short: "Remove images that nothing needs", Args: cobra.NoArgs,
		Long: `Remove images that nothing needs: without a tag (every deployed version of a tool
has one), not a base image, not the base of a tool, not named with --keep, and
older than --min-age. With them go their unpacked folders, and what interrupted
imports left.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.images()
			if err != nil {
				return err
			}
			got, err := s.Collect(cmd.Context(), age, keep, dry)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(got)
			}
			verb := "removed"
			if dry {
				verb = "would remove"
			}
			for _, digest := range got.Images {
				fmt.Fprintln(a.out, digest)
			}
			fmt.Fprintf(a.out, "%s %d images, %d blobs and %d unpacked folders: %s\n", verb, len(got.Images), got.Blobs, got.Unpacked, megabytes(got.Bytes))
			return nil
		}}
	f := c.Flags()
	f.BoolVar(&dry, "dry-run", false, "only say what would go")
	f.DurationVar(&age, "min-age", 24*time.Hour, "what is younger stays")
	f.StringArrayVar(&keep, "keep", nil, "a digest that stays")
	return c
}
