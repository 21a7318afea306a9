# go test, go build, go vet.
have go || return 0
mkdir -p "$app/go/good" "$app/go/bad" "$app/go/none" "$app/go/broken" "$app/go/panics" "$app/go/vet"
printf 'module example.com/app\n\ngo 1.21\n' >"$app/go/go.mod"
for p in good bad panics; do printf 'package %s\n\nfunc Add(a, b int) int { return a + b }\n' $p >"$app/go/$p/add.go"; done
printf 'package none\n\nconst X = 1\n' >"$app/go/none/none.go"
printf 'package broken\n\nfunc F() int { return undefinedName }\n\nfunc G() string { return 3 }\n' >"$app/go/broken/broken.go"
printf 'package broken\n\nimport "testing"\n\nfunc TestF(t *testing.T) { F() }\n' >"$app/go/broken/broken_test.go"
printf 'package vet\n\nimport "fmt"\n\nfunc F() { fmt.Printf("%%d\\n", "x") }\n' >"$app/go/vet/vet.go"
cat >"$app/go/good/add_test.go" <<'GO'
package good

import "testing"

func TestAdd(t *testing.T) {
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) {
			if Add(1, 1) != 2 {
				t.Fatal("no")
			}
		})
	}
}

func TestSkipped(t *testing.T) { t.Skip("not here") }
GO
cat >"$app/go/bad/add_test.go" <<'GO'
package bad

import "testing"

func TestAdd(t *testing.T) {
	t.Run("sub case", func(t *testing.T) { t.Errorf("Add(1, 1) = %d, want 3", Add(1, 1)) })
}

func TestFine(t *testing.T) {}
GO
cat >"$app/go/panics/add_test.go" <<'GO'
package panics

import "testing"

func TestBoom(t *testing.T) { var m map[string]int; m["x"] = 1 }
GO
rec gotest-pass go "go test ./good"
rec gotest-pass-v go "go test -v ./good"
rec gotest-fail go "go test ./good ./bad ./none"
rec gotest-fail-v go "go test -v ./good ./bad"
rec gotest-json go "go test -json ./good ./bad"
rec gotest-json-broken go "go test -json ./broken"
rec gotest-build-failed go "go test ./good ./broken"
rec gotest-panic go "go test ./panics"
rec gotest-none go "go test ./none"
rec gotest-no-match go "go test -run Absent ./good"
rec gotest-tail go "go test ./... 2>&1 | tail -3"
rec gotest-no-package go "go test ./absent"
rec gotest-usage go "go test -no-such-flag ./good"
rec gotest-cd go "cd good && go test ./... && echo fine"
rec gobuild-pass go "go build ./good"
rec gobuild-fail go "go build ./broken"
rec gobuild-head go "go build ./good ./bad 2>&1 | head -20"
rec gobuild-fail-head go "go build ./... 2>&1 | head -3"
rec gobuild-no-package go "go build ./absent"
rec gobuild-then go "go build ./good && echo built"
rec govet-pass go "go vet ./good"
rec govet-fail go "go vet ./vet"
rec govet-broken go "go vet ./broken"
