package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("record", flag.ContinueOnError)
	only := flags.String("only", "", "record only scenarios whose pattern matches this expression")
	jobs := flags.Int("jobs", 2, "areas at a time")
	nearOnly := flags.Bool("near", false, "only pick near misses")
	list := flags.Bool("list", false, "list the scenarios and stop")
	npm := flags.String("npm", "", "folder whose node_modules has the JavaScript tools (see needed)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	areas, err := loadAreas()
	if err != nil {
		return err
	}
	if *list {
		for _, a := range areas {
			for _, s := range a.Scenarios {
				fmt.Println(s.ID)
			}
		}
		return nil
	}
	dir, err := testdata()
	if err != nil {
		return err
	}
	if !*nearOnly {
		err = recordAreas(areas, filepath.Join(dir, "recorded"), match, *npm, *jobs)
	}
	return errors.Join(err, writeNear(dir))
}

// testdata finds learn/signature/testdata from the working directory upward.
func testdata() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "learn", "signature", "testdata"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory: run this in the repository")
		}
	}
}

func recordAreas(areas []area, out string, match *regexp.Regexp, npm string, jobs int) error {
	if missing := missingPrograms(); len(missing) > 0 {
		return fmt.Errorf("programs that the scenarios call are missing, install: %v", missing)
	}
	site, err := startSite()
	if err != nil {
		return err
	}
	defer site.Close()
	errs := make([]error, len(areas))
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, jobs))
	for i, a := range areas {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = recordArea(a, out, match, npm)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
