# cargo test, cargo build, cargo check.
have cargo || return 0
for p in good bad broken empty; do
  mkdir -p "$app/rs/$p/src"
  printf '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2021"\n' $p >"$app/rs/$p/Cargo.toml"
done
cat >"$app/rs/good/src/lib.rs" <<'RS'
/// Adds.
///
/// ```
/// assert_eq!(good::add(1, 2), 3);
/// ```
pub fn add(a: i32, b: i32) -> i32 {
    a + b
}

#[cfg(test)]
mod tests {
    #[test]
    fn sums() {
        assert_eq!(super::add(1, 2), 3);
    }

    #[test]
    #[ignore]
    fn slow() {}
}
RS
mkdir -p "$app/rs/good/tests"
printf '#[test]\nfn outside() {\n    assert_eq!(good::add(2, 2), 4);\n}\n' >"$app/rs/good/tests/api.rs"
sed -e 's/super::add(1, 2), 3/super::add(1, 2), 4/' -e 's/good::/bad::/' "$app/rs/good/src/lib.rs" >"$app/rs/bad/src/lib.rs"
printf 'pub fn f() -> i32 {\n    "text"\n}\n\npub fn g() {\n    absent();\n}\n' >"$app/rs/broken/src/lib.rs"
printf 'pub fn f() {}\n' >"$app/rs/empty/src/lib.rs"
rec cargotest-pass rs/good "cargo test"
rec cargotest-fail rs/bad "cargo test"
rec cargotest-broken rs/broken "cargo test"
rec cargotest-empty rs/empty "cargo test"
rec cargotest-no-match rs/good "cargo test absent"
rec cargotest-tail rs/bad "cargo test 2>&1 | tail -20"
rec cargotest-usage rs/good "cargo test --no-such-flag"
rec cargotest-quiet rs/good "cargo test -q"
rec cargobuild-pass rs/good "cargo build"
rec cargobuild-fail rs/broken "cargo build"
rec cargobuild-tail rs/broken "cargo build 2>&1 | tail -3"
rec cargobuild-no-manifest "" "cargo build"
rec cargocheck-pass rs/good "cargo check --quiet"
