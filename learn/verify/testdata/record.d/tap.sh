# TAP and SARIF: prove, bats, and reports read from files.
mkdir -p "$app/tap/t" "$app/tap/none"
if have prove; then
  printf 'use Test::More tests => 3;\nok(1, "one");\nok(1, "two");\nSKIP: { skip "later", 1; ok(0); }\n' >"$app/tap/t/good.t"
  printf 'use Test::More;\nok(1, "one");\nok(0, "is wrong");\nTODO: { local $TODO = "open"; ok(0, "not yet"); }\ndone_testing;\n' >"$app/tap/t/bad.t"
  printf 'use Test::More tests => 2;\nok(1, "one");\ndie "boom";\n' >"$app/tap/none/dies.t"
  printf 'use Test::More skip_all => "not here";\n' >"$app/tap/none/all.t"
  rec prove-pass tap "prove t/good.t"
  rec prove-fail tap "prove t"
  rec prove-verbose tap "prove -v t"
  rec prove-dies tap "prove none/dies.t"
  rec prove-skip tap "prove none/all.t"
  rec prove-absent tap "prove absent"
  rec prove-tail tap "prove t 2>&1 | tail -2"
  rec prove-tail-pass tap "prove t/good.t | tail -1"
  rec prove-head tap "prove t 2>/dev/null | head -1"
  rec tap-perl tap "perl t/good.t"
  rec tap-perl-fail tap "perl t/bad.t"
  rec tap-dies tap "perl none/dies.t"
  rec tap-file tap "perl t/bad.t >out.tap 2>/dev/null; cat out.tap"
  rec tap-read tap "cat out.tap"
  rec tap-cut tap "head -1 out.tap"
fi
if have bats; then
  printf '@test "one" { true; }\n@test "two" { [ 1 -eq 1 ]; }\n@test "later" { skip "not here"; }\n' >"$app/tap/good.bats"
  printf '@test "is wrong" { [ 1 -eq 2 ]; }\n@test "is fine" { true; }\n' >"$app/tap/bad.bats"
  rec bats-pass tap "bats good.bats"
  rec bats-fail tap "bats good.bats bad.bats"
  rec bats-pretty tap "bats --pretty bad.bats"
  rec bats-tail tap "bats bad.bats | tail -2"
fi
# An empty run's report, written by golangci-lint, and one read from a file.
if have golangci-lint; then
  rec sarif-pass go "golangci-lint run --output.sarif.path report.sarif --show-stats=false ./good; cat report.sarif"
  rec sarif-file go "golangci-lint run --output.sarif.path report.sarif --show-stats=false ./smell; cat report.sarif"
  rec sarif-read go "cat report.sarif"
  rec sarif-cut go "head -c 200 report.sarif"
fi
