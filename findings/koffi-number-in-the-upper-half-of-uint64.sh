#!/bin/sh
# koffi 3.3.4 (Node 18.20, 20.20 and 24.21; Linux x86-64): a Number of 2^63 or more that C takes as an unsigned 64-bit integer.
#
# 2^63, 2^63 + 2048 and 2^64 - 2048 are exact Numbers of JavaScript and within what uint64_t holds; its manual (primitives.md) promises
# nothing only for what is outside of that. C is given 2^63 - 1 for each of them, without an error, as an argument and in memory
# (koffi.encode). The same values as BigInt arrive as they are, and so does every Number below 2^63 that was tried.
#
# Seen, with what snprintf(3) printed of it by %llu, as Number and as BigInt:
#   4611686018427387904  -> 4611686018427387904  4611686018427387904
#   9223372036854774784  -> 9223372036854774784  9223372036854774784
#   9223372036854775808  -> 9223372036854775807  9223372036854775808
#   9223372036854777856  -> 9223372036854775807  9223372036854777856
#   18446744073709549568 -> 9223372036854775807  18446744073709549568
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
const snprintf = libc.func('int snprintf(_Out_ uint8_t *text, size_t size, const char *format, ...)');

function printed(value) {
    const text = Buffer.alloc(32);
    const length = snprintf(text, text.length, '%llu', 'uint64_t', value);
    return text.toString('latin1', 0, length);
}

const memory = koffi.alloc('uint64_t', 1);
function stored(value) {
    koffi.encode(memory, 'uint64_t', value);
    return BigInt(koffi.decode(memory, 'uint64_t'));
}

for (const number of [2 ** 62, 2 ** 63 - 1024, 2 ** 63, 2 ** 63 + 2048, 2 ** 64 - 2048]) {
    const exact = BigInt(number);
    console.log(`${exact} -> ${printed(number)} ${printed(exact)}, in memory ${stored(number)} ${stored(exact)}`);
}
END

cat >expected <<'END'
4611686018427387904 -> 4611686018427387904 4611686018427387904, in memory 4611686018427387904 4611686018427387904
9223372036854774784 -> 9223372036854774784 9223372036854774784, in memory 9223372036854774784 9223372036854774784
9223372036854775808 -> 9223372036854775807 9223372036854775808, in memory 9223372036854775807 9223372036854775808
9223372036854777856 -> 9223372036854775807 9223372036854777856, in memory 9223372036854775807 9223372036854777856
18446744073709549568 -> 9223372036854775807 18446744073709549568, in memory 9223372036854775807 18446744073709549568
END

echo "koffi $(node -p 'require("koffi").version'), node $(node --version)"
node program.js | tee seen
diff expected seen
