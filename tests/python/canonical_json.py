"""JSON text as docs/digest.md defines it: what counts as a document, and its canonical form `J`.

A parser of its own, because json.loads() takes NaN and infinities, rounds numbers to binary64 and merges repeated keys.
"""
import re
import struct

MAX_DEPTH = 128
MAX_EXPONENT = 1_000_000_000


class NotJson(Exception):
    """The text is not a JSON document as the page defines it."""


def u64(n):
    return struct.pack("<Q", n)


def counted(data):
    """`bytes(b)` of the page."""
    return u64(len(data)) + data


SPACE = re.compile(r"[ \t\n\r]*")
STRING = re.compile(r'"([^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*)"')
ESCAPE = re.compile(r"\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)|\\u(....)|\\(.)")
NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")
SHORT_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LITERALS = {"null": b"n", "true": b"t", "false": b"f"}


def unescape(match):
    high, low, single, short = match.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    if single:
        return chr(int(single, 16))
    return SHORT_ESCAPES.get(short, short)


def decimal(sign, whole, fraction, exponent_sign, exponent_digits):
    """The exact value of a number token, as digits and a decimal exponent."""
    exponent_digits = exponent_digits.lstrip("0") or "0"
    if len(exponent_digits) > 10 or int(exponent_digits) > MAX_EXPONENT:
        raise NotJson
    exponent = int(exponent_sign + exponent_digits) - len(fraction)
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return (sign + "0e0").encode()
    significant = digits.rstrip("0")
    return f"{sign}{significant}e{exponent + len(digits) - len(significant)}".encode()


class JsonText:
    """A parser that writes the canonical form while it reads."""

    def __init__(self, text):
        self.text = text
        self.at = 0

    def space(self):
        self.at = SPACE.match(self.text, self.at).end()

    def take(self, char):
        """Skip `char` and the white space after it; False if something else stands here."""
        if not self.text.startswith(char, self.at):
            return False
        self.at += 1
        self.space()
        return True

    def document(self):
        self.space()
        result = self.value(0)
        if self.at != len(self.text):
            raise NotJson
        return result

    def string(self):
        match = STRING.match(self.text, self.at)
        if not match:
            raise NotJson
        self.at = match.end()
        self.space()
        return ESCAPE.sub(unescape, match[1]).encode("utf-8", "surrogatepass")

    def value(self, depth):
        """One value and the white space after it; `depth` containers are open around it."""
        char = self.text[self.at:self.at + 1]
        if char == '"':
            return b"s" + counted(self.string())
        if char and char in "[{":
            if depth == MAX_DEPTH:
                raise NotJson
            return self.array(depth + 1) if char == "[" else self.object(depth + 1)
        for literal, code in LITERALS.items():
            if self.text.startswith(literal, self.at):
                self.at += len(literal)
                self.space()
                return code
        match = NUMBER.match(self.text, self.at)
        if not match:
            raise NotJson
        self.at = match.end()
        self.space()
        sign, whole, fraction, exponent_sign, exponent = (group or "" for group in match.groups())
        return (b"r" if fraction or exponent else b"i") + counted(decimal(sign, whole, fraction, exponent_sign, exponent))

    def array(self, depth):
        self.take("[")
        elements = []
        if not self.take("]"):
            elements.append(self.value(depth))
            while self.take(","):
                elements.append(self.value(depth))
            if not self.take("]"):
                raise NotJson
        return b"a" + u64(len(elements)) + b"".join(elements)

    def object(self, depth):
        self.take("{")
        members = []
        if not self.take("}"):
            members.append(self.member(depth))
            while self.take(","):
                members.append(self.member(depth))
            if not self.take("}"):
                raise NotJson
        members.sort(key=lambda member: member[0])  # stable: equal keys stay in the order of the text
        return b"o" + u64(len(members)) + b"".join(counted(key) + value for key, value in members)

    def member(self, depth):
        key = self.string()
        if not self.take(":"):
            raise NotJson
        return key, self.value(depth)


def canonical_json(data):
    """`J(text)` of a document given as bytes, or None if they are not JSON text."""
    try:
        return JsonText(data.decode("utf-8")).document()
    except (UnicodeDecodeError, NotJson):
        return None
