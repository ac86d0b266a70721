#!/bin/sh
# koffi 3.3.4 (Node 18.20, 20.20 and 24.21; Linux x86-64): what C is answered by a callback that throws.
#
# Its manual (callbacks.md, about exceptions) has C receive zero, or a null pointer, from a JavaScript callback that throws. In a
# synchronous call that is so only until a callback has returned another number. From then on the one that throws answers C that number
# once more, and so do all that follow in the call, for which JavaScript is not run. A C function that takes 0 for "stop" or "equal" goes
# on, as if the last answer had been given again; the exception comes out when it has returned.
#
# Seen with lsearch(3), which appends the key to the array unless a comparison answers 0:
#   returns 7, then 0:       10,20,30       found at the second element, as it should be
#   returns 7, then throws:  10,20,30,40    7 was answered, not 0: the key was appended
#
# Needs node, npm and glibc; installs koffi in a folder of its own. Fails if what is seen is something else.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund --save-exact koffi@3.3.4 >/dev/null

cat >program.js <<'END'
const koffi = require('koffi');
const libc = koffi.load('libc.so.6');
koffi.proto('int Compare(const void *key, const void *element)');
const lsearch = libc.func('void *lsearch(const int *key, int *base, size_t *count, size_t size, Compare *compare)');

function search(name, second) {
    const base = new Int32Array([10, 20, 30, 0]);
    const count = new BigUint64Array([3n]);
    let calls = 0;
    let thrown = '';
    try {
        lsearch(new Int32Array([40]), base, count, 4, () => (++calls === 1 ? 7 : second()));
    } catch (error) {
        thrown = `, throws "${error.message}"`;
    }
    console.log(`${name}: ${base.slice(0, Number(count[0]))}, ${calls} callbacks${thrown}`);
}

search('returns 7, then 0', () => 0);
search('returns 7, then throws', () => { throw new Error('mine'); });
END

cat >expected <<'END'
returns 7, then 0: 10,20,30, 2 callbacks
returns 7, then throws: 10,20,30,40, 2 callbacks, throws "mine"
END

echo "koffi $(node -p 'require("koffi").version'), node $(node --version)"
node program.js | tee seen
diff expected seen
