# jest, vitest, mocha, node:test, tsc, eslint, npm scripts.
[ -n "$node_prefix" ] || return 0
mkdir -p "$app/js" && ln -sfn "$node_prefix/node_modules" "$app/js/node_modules"
mkdir -p "$app/js/"{jest,vitest,mocha,node,ts,lint,none}
printf '{"name":"app","private":true,"scripts":{"build":"tsc -p ts/good.json","lint":"eslint lint/good.js","test":"jest jest","broken":"tsc -p ts/bad.json","nothing":"echo \\"Error: no test specified\\" && exit 1","gone":"no-such-tool --run"}}' >"$app/js/package.json"
printf 'exports.add = (a, b) => a + b;\n' >"$app/js/add.js"
cat >"$app/js/jest/good.test.js" <<'JS'
const { add } = require('../add');
describe('add', () => {
  test('sums', () => expect(add(1, 2)).toBe(3));
  test.skip('later', () => {});
});
JS
cat >"$app/js/jest/bad.test.js" <<'JS'
const { add } = require('../add');
describe('add', () => {
  test('is wrong', () => expect(add(1, 2)).toBe(4));
  test('is right', () => expect(add(1, 1)).toBe(2));
});
test('at top', () => { throw new Error('boom'); });
JS
printf "const x = require('./absent');\ntest('x', () => {});\n" >"$app/js/jest/broken.test.js"
for f in good bad; do
  sed -e "s#const { add } = require('../add');#import { describe, test, expect } from 'vitest';\nimport { add } from '../add.js';#" "$app/js/jest/$f.test.js" >"$app/js/vitest/$f.spec.mjs"
  sed -e "s#const { add } = require('../add');#const assert = require('assert');\nconst { add } = require('../add');#" -e 's#test.skip#it.skip#; s#test(#it(#' \
      -e 's#expect(\(.*\)).toBe(\(.\))#assert.equal(\1, \2)#' "$app/js/jest/$f.test.js" >"$app/js/mocha/$f.js"
  sed -e "s#const { add } = require('../add');#const { test, describe } = require('node:test');\nconst assert = require('assert');\nconst { add } = require('../add');#" \
      -e 's#expect(\(.*\)).toBe(\(.\))#assert.equal(\1, \2)#' "$app/js/jest/$f.test.js" >"$app/js/node/$f.test.js"
done
B=node_modules/.bin
rec jest-pass js "npx jest jest/good"
rec jest-fail js "npx jest jest/good jest/bad"
rec jest-verbose js "npx jest --verbose jest/bad"
rec jest-color js "npx jest --color jest/bad"
rec jest-broken js "npx jest jest/broken"
rec jest-none js "npx jest absent"
rec jest-tail js "npx jest jest 2>&1 | tail -6"
rec vitest-pass js "npx vitest run vitest/good"
rec vitest-fail js "npx vitest run vitest"
rec vitest-none js "npx vitest run absent"
rec vitest-tail js "npx vitest run vitest 2>&1 | tail -8"
rec mocha-pass js "npx mocha mocha/good.js"
rec mocha-fail js "npx mocha mocha"
rec mocha-none js "npx mocha absent"
rec mocha-dot js "npx mocha -R dot mocha"
rec nodetest-pass js "node --test node/good.test.js"
rec nodetest-fail js "node --test node/"
rec nodetest-tap js "node --test --test-reporter=tap node/"
rec nodetest-spec js "node --test --test-reporter=spec node/"
rec nodetest-tail js "node --test node/ | tail -9"
rec nodetest-none js "node --test absent.js"
rec nodetest-script js "node node/bad.test.js"
printf 'export const n: number = 1;\n' >"$app/js/ts/good.ts"
printf 'export const n: number = "x";\nexport function f(a: string) { return a.absent; }\n' >"$app/js/ts/bad.ts"
printf '{"compilerOptions":{"noEmit":true,"strict":true,"types":[]},"files":["good.ts"]}' >"$app/js/ts/good.json"
printf '{"compilerOptions":{"noEmit":true,"strict":true,"types":[]},"files":["bad.ts"]}' >"$app/js/ts/bad.json"
rec tsc-pass js "npx tsc -p ts/good.json"
rec tsc-fail js "npx tsc -p ts/bad.json"
rec tsc-pretty js "npx tsc --pretty -p ts/bad.json"
rec tsc-head js "npx tsc -p ts/bad.json | head -1"
rec tsc-no-file js "npx tsc -p absent.json"
rec tsc-usage js "npx tsc --no-such-flag"
printf "export default [{ rules: { 'no-unused-vars': 'warn', 'no-undef': 'error', eqeqeq: 'error' } }];\n" >"$app/js/eslint.config.mjs"
printf 'const a = 1;\nif (a === 1) { module; }\n' | sed 's/{ module; }/{ a; }/' >"$app/js/lint/good.js"
printf 'const unused = 1;\nif (missing == 2) { alsoMissing(); }\n' >"$app/js/lint/bad.js"
printf 'const unused = 1;\n' >"$app/js/lint/warn.js"
printf 'const = ;\n' >"$app/js/lint/syntax.js"
rec eslint-pass js "npx eslint lint/good.js"
rec eslint-fail js "npx eslint lint/bad.js lint/syntax.js"
rec eslint-warn js "npx eslint lint/warn.js"
rec eslint-tail js "npx eslint lint 2>&1 | tail -4"
rec eslint-no-file js "npx eslint absent.js"
rec eslint-usage js "npx eslint --no-such-flag"
rec npm-test js "npm test"
rec npm-build js "npm run build"
rec npm-build-fail js "npm run broken"
rec npm-lint js "npm run lint"
rec npm-no-tests js "npm run nothing"
rec npm-no-script js "npm run absent"
rec npm-no-tool js "npm run gone"
