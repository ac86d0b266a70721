"""Self-tests of canonical_json.py and digest.py: JSON text, timestamps, numbers, texts, blobs; a digest spelled out byte by byte."""
import os
import struct
import sys
import unittest
from datetime import datetime, timezone

from blake3 import blake3

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import digest
import test_digest as base
from canonical_json import canonical_json

DIGITS = os.environ.get("EXPMIG_DIGITS_DB", os.path.join(HERE, "..", "data", "digits.db"))
T = "2023-12-01T10:00:00"


class Json(unittest.TestCase):
    def same(self, *texts):
        forms = {canonical_json(text.encode()) for text in texts}
        self.assertEqual(len(forms), 1, texts)
        self.assertNotIn(None, forms)

    def differ(self, *texts):
        self.assertEqual(len({canonical_json(text.encode()) for text in texts}), len(texts), texts)

    def refused(self, *texts):
        for text in texts:
            data = text if isinstance(text, bytes) else text.encode()
            self.assertIsNone(canonical_json(data), data[:60])

    def number(self, token):
        form = canonical_json(token.encode())
        self.assertEqual(struct.unpack("<Q", form[1:9])[0], len(form) - 9)
        return (form[:1] + form[9:]).decode()

    def test_bytes(self):
        u64 = lambda n: struct.pack("<Q", n)
        text = ' {"b" : [null, true,false ],\n"a":"x", "b": -1.50 , "": {}, "c":[] }\r\n'
        expected = (b"o" + u64(5) + u64(0) + b"o" + u64(0) + u64(1) + b"a" + b"s" + u64(1) + b"x"
                    + u64(1) + b"b" + b"a" + u64(3) + b"ntf" + u64(1) + b"b" + b"r" + u64(6) + b"-15e-1"
                    + u64(1) + b"c" + b"a" + u64(0))
        self.assertEqual(canonical_json(text.encode()), expected)

    def test_numbers(self):
        for token, form in [("0", "i0e0"), ("-0", "i-0e0"), ("0.10", "r1e-1"), ("1.0", "r1e0"), ("1200", "i12e2"), ("-0.00", "r-0e0"),
                            ("0e5", "r0e0"), ("1E+2", "r1e2"), ("1e-0", "r1e0"), ("100.5e-3", "r1005e-4"), ("0.00012", "r12e-5"),
                            ("1e1000000000", "r1e1000000000"), ("10e1000000000", "r1e1000000001"), ("0.1e-1000000000", "r1e-1000000001"),
                            ("1e0000000000000000000007", "r1e7"), ("1e" + "0" * 5000 + "7", "r1e7"),
                            ("9" * 5000, "i" + "9" * 5000 + "e0"), ("18446744073709551617", "i18446744073709551617e0")]:
            self.assertEqual(self.number(token), form)
        self.same("[0.1, 1e2]", "[ 0.10,100.0 ]", "[1e-1,\t1E+2]")
        self.differ("0.1", "0.1000000000000000055", "0.10000000000000001", "-0.1")
        self.differ("1", "1.0", "-1", '"1"', "[1]")
        self.refused("1e1000000001", "1e-1000000001", "0e1000000001", "1e99999999999999999999", "01", "-", "+1", ".5", "1.", "1.e5", "1e",
                     "1e+", "0x10", "1_000", "--1", "1 2", "\u0661", "- 1")

    def test_strings(self):
        self.same(r'"a\/b\u00e9\n"', '"a/b\u00e9\\u000a"', r'"\u0061\u002F\u0062\u00E9\u000A"')
        self.same(r'"\ud83d\ude00"', '"\U0001F600"', r'"\uD83D\uDE00"')
        self.same(r'"\"\\\b\f\r\t"', r'"\u0022\u005c\u0008\u000c\u000d\u0009"')
        self.same(r'"\\ud83d"', r'"\u005cud83d"')
        self.same('"\x7f"', r'"\u007f"')
        self.assertEqual(canonical_json(rb'"\ud83d"')[9:], b"\xed\xa0\xbd")
        self.assertEqual(canonical_json(rb'"\ude00\ud83d"')[9:], b"\xed\xb8\x80\xed\xa0\xbd")
        self.assertEqual(canonical_json(rb'"\ud83d\ud83d\ude00"')[9:], b"\xed\xa0\xbd\xf0\x9f\x98\x80")
        self.assertEqual(canonical_json(rb'"\ud83dx\ude00"')[9:], b"\xed\xa0\xbdx\xed\xb8\x80")
        self.assertEqual(canonical_json(rb'"\u0000"')[9:], b"\0")
        self.refused(*(f'"{chr(c)}"' for c in range(32)), r'"\x41"', r'"\u12"', r'"\u00g0"', r'"\U0041"', '"', '"\\"', "'a'", '"a" "b"',
                     b'"\xff"', b'"\xed\xa0\xbd"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"')

    def test_objects(self):
        self.same('{"a":1,"b":2}', '{ "b" : 2 , "a" : 1 }', r'{"\u0062":2,"\u0061":1}')
        self.differ('{"a":1,"a":2}', '{"a":2,"a":1}', '{"a":2}', '{"a":1}')
        self.same('{"a":1,"b":0,"a":2}', r'{"b":0,"a":1,"\u0061":2}')
        # Sorted by the bytes of UTF-8, not by UTF-16 units.
        form = canonical_json('{"\U0001F600":1,"\uffee":2,"a":3,"":4,"ab":5}'.encode())
        self.assertEqual(sorted(form.find(k) for k in (b"\x01" + bytes(7) + b"a", b"ab", b"\xef\xbf\xae", b"\xf0\x9f\x98\x80")),
                         [form.find(k) for k in (b"\x01" + bytes(7) + b"a", b"ab", b"\xef\xbf\xae", b"\xf0\x9f\x98\x80")])
        self.refused('{"a":1,}', '{"a"}', "{a:1}", '{1:1}', '{"a":1 "b":2}', "{,}", "{", '{"a":', '{"a":}', '{"a"::1}')

    def test_documents(self):
        self.refused("", " ", "NaN", "[NaN]", '{"a":NaN}', "Infinity", "-Infinity", "nan", "nul", "nullx", "True", "None",
                     "[1,]", "[,]", "[", "]", "[1", "[1 2]", "[]]", "1,", "/**/1", "1//", "\ufeff1", "1\ufeff", "\xa01", "\v1", "\f1", "1\0", "\0",
                     b"\xef\xbb\xbf{}", b"{\xff}", "undefined")
        self.same(" \t\r\n1 \t\r\n", "1")

    def test_depth(self):
        for opening, closing in ("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"):
            per_level = opening.count("[") + opening.count("{")
            levels = 128 // per_level
            self.assertIsNotNone(canonical_json((opening * levels + "1" + closing * levels).encode()))
            self.refused(opening * levels + "[]" + closing * levels, opening * 5000, opening * 5000 + "1" + closing * 5000)
        self.assertIsNotNone(canonical_json(b"[" * 128 + b"]" * 128))
        self.refused("[" * 129 + "]" * 129)


class Values(unittest.TestCase):
    def test_timestamps(self):
        for text in ("1970-01-01T00:00:00", "2023-12-01 10:00:00.5", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999",
                     "2000-02-29T12:30:00.000001", "1969-12-31T23:59:59.999999", "2023-12-01T10:00:00.120"):
            utc = datetime.fromisoformat(text).replace(tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
            expected = (utc.days * 86400 + utc.seconds) * 1_000_000 + utc.microseconds
            self.assertEqual(digest.V(b"text", text.encode(), "time"), b"\x03" + struct.pack("<q", expected), text)
            self.assertEqual(digest.V(b"text", text.encode(), "text")[:1], b"\x04")
        self.assertEqual(digest.microseconds(b"0001-01-01T00:00:00"), -62135596800000000)
        self.assertEqual(digest.microseconds(b"9999-12-31T23:59:59.999999"), 253402300799999999)

    def test_no_timestamps(self):
        for text in ("2023-12-01", "2023-12-01T10:00", "2023-12-01T10:00:00.", "2023-12-01T10:00:00.1234567", "2023-12-01T10:00:00Z",
                     "2023-12-01T10:00:00+00:00", " 2023-12-01T10:00:00", "2023-12-01T10:00:00\n", "2023-12-01t10:00:00",
                     "2023-12-01  10:00:00",
                     "2023-02-29T10:00:00", "1900-02-29T10:00:00", "2023-13-01T10:00:00", "2023-00-01T10:00:00", "2023-12-00T10:00:00",
                     "2023-12-01T24:00:00", "2023-12-01T23:59:60", "2023-12-01T23:60:00", "0000-01-01T00:00:00", "10000-01-01T00:00:00",
                     "-001-01-01T00:00:00", "2023-12-01T10:00:00,5", "2023-1-01T10:00:00", "\u0662023-12-01T10:00:00",
                     "", "2023-12-01T10:00:00\0"):
            data = text.encode()
            self.assertEqual(digest.V(b"text", data, "time"), b"\x04" + struct.pack("<Q", len(data)) + data, text)
        self.assertEqual(digest.V(b"integer", 5, "time")[:1], b"\x01")
        self.assertEqual(digest.V(b"blob", T.encode(), "time")[:1], b"\x05")

    def test_numbers(self):
        integer = lambda n: b"\x01" + struct.pack("<q", n)
        real = lambda x: b"\x02" + struct.pack("<d", x)
        for x, n in ((3.0, 3), (-0.0, 0), (-2.0 ** 63, -2 ** 63), (2.0 ** 62, 2 ** 62)):
            self.assertEqual(digest.V(b"real", x, "integer"), integer(n))
        for x in (0.5, 2.0 ** 63, -2.0 ** 63 * 1.5, float("inf"), float("-inf")):
            self.assertEqual(digest.V(b"real", x, "integer"), real(x))
        for n in (0, 1, -7, 2 ** 53, 2 ** 53 + 2, -2 ** 63, 2 ** 62):
            self.assertEqual(digest.V(b"integer", n, "real"), real(float(n)))
        for n in (2 ** 53 + 1, -2 ** 53 - 1, 2 ** 63 - 1, 2 ** 63 - 513):
            self.assertEqual(digest.V(b"integer", n, "real"), integer(n))
        self.assertNotEqual(digest.V(b"real", -0.0, "real"), digest.V(b"real", 0.0, "real"))
        self.assertEqual(digest.V(b"real", 1.0, "text"), real(1.0))
        self.assertEqual(digest.V(b"integer", 1, "text"), integer(1))

    def test_text_and_blobs(self):
        self.assertEqual(digest.V(b"null", None, "json"), b"\x00")
        self.assertEqual(digest.V(b"text", b"{}", "json")[:1], b"\x06")
        self.assertEqual(digest.V(b"text", b"{", "json")[:1], b"\x04")
        self.assertEqual(digest.V(b"blob", b"{}", "json")[:1], b"\x05")
        self.assertEqual(digest.V(b"text", b"{}", "text")[:1], b"\x04")
        self.assertEqual(digest.V(b"text", b"1", "real")[:1], b"\x04")


class Golden(base.Scratch):
    def test_spelled_out(self):
        """One experiment, one trial, one run, an epoch with a shared metric: every byte written by hand."""
        H = lambda data: blake3(data).digest()
        u64 = lambda n: struct.pack("<Q", n)
        counted = lambda b: u64(len(b)) + b
        when, none, text = b"\x03" + struct.pack("<q", 1701424800_000000), b"\x00", lambda b: b"\x04" + counted(b)
        total = lambda s: u64(len(s)) + (sum(int.from_bytes(d, "little") for d in s) % 2 ** 256).to_bytes(32, "little")
        metric = H(counted(b"METRIC") + text(b"f1") + b"\x02" + struct.pack("<d", 2.0) + none + u64(1) + counted(b"note") + text(b"x"))
        epoch = H(counted(b"EPOCH") + b"\x01" + struct.pack("<q", 7) + when + u64(0))
        link = H(counted(b"EPOCH_METRIC") + b"\x01" + struct.pack("<q", 7) + u64(0) + metric)
        other = H(counted(b"RESULTS_METRIC") + u64(0) + metric)
        dangling = H(counted(b"TRIAL_RUN_ARTIFACT") + u64(0) + bytes(32))
        run = H(H(counted(b"TRIAL_RUN") + text(b"started") + when + when + u64(0)) + total([epoch, link, other, dangling]))
        trial = H(H(counted(b"TRIAL") + text(b"t") + when + when + u64(0)) + total([run]))
        row = counted(b"EXPERIMENT") + text(b"e") + none + when + when + u64(0)
        expected = H(counted(b"expmig.digest/1") + H(row) + total([trial]) + total([metric]) + total([]))
        rows = [("EXPERIMENT", dict(id=1, title="e", start_time=T, update_time=T)),
                ("TRIAL", dict(id=1, experiment_id=1, name="t", start_time=T, update_time=T)),
                ("TRIAL_RUN", dict(id=1, trial_id=1, status="started", start_time=T, update_time=T)),
                ("EPOCH", dict(idx=7, trial_run_id=1, time=T)),
                ("METRIC", dict(id=1, type="f1", total_val=2, Note="x")),
                ("EPOCH_METRIC", dict(epoch_idx=7, epoch_trial_run_id=1, metric_id=1)),
                ("RESULTS_METRIC", dict(results_id=1, metric_id=1)),
                ("TRIAL_RUN_ARTIFACT", dict(trial_run_id=1, artifact_id=9))]
        self.assertEqual(self.of(rows, extra=[("METRIC", "Note")]), expected)

    def test_digits(self):
        if not os.path.exists(DIGITS):
            self.fail(f"no database at {DIGITS}; EXPMIG_DIGITS_DB can name another place")
        self.assertEqual({i: d.hex()[:16] for i, d in digest.digests(DIGITS).items()},
                         {1: "4c2e7633f67ab7c6", 2: "94ba62bd4976b1d7", 3: "49097496f0f94705"})


if __name__ == "__main__":
    unittest.main()
