"""What Python makes of random metrics, for tests/transformation/oracle.rs: one JSON array per line, of a transformation, its
parameters, the total and the labels before, and the same two after (texts are JSON or Python; null is NULL).

Numbers are computed with decimal and fractions, literals printed by repr and read by ast: nothing is shared with the library.
"""

import json
import random
import sys
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

EXACT = Context(prec=3000, Emax=10**6, Emin=-(10**6))


def number(rng):
    """A JSON number, spelled in one of many ways."""
    sign = rng.choice(["", "", "-"])
    whole = rng.choice(["0", str(rng.randrange(1, 10)), str(rng.randrange(1, 10**rng.randrange(1, 30)))])
    fraction = "." + "".join(rng.choices("0123456789", k=rng.randrange(1, 25))) if rng.random() < 0.7 else ""
    exponent = rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.randrange(0, 40)) if rng.random() < 0.2 else ""
    return sign + whole + fraction + exponent


def total(rng):
    return rng.choice([rng.uniform(-1, 1), rng.uniform(-1e6, 1e6), round(rng.random(), 3), 0.0, 5e-324, 1e300])


def labels(tokens):
    return "{%s}" % ", ".join('"l%d": %s' % pair for pair in enumerate(tokens))


def spelled(value):
    """Its digits and its exponent, as a JSON number."""
    sign, digits, exponent = value.as_tuple()
    magnitude = int("".join(map(str, digits)))
    return "%s%de%d" % ("-" if sign and magnitude else "", magnitude, exponent)


def scale(rng):
    factor, offset, before = number(rng), number(rng), total(rng)
    tokens = [number(rng) for _ in range(rng.randrange(1, 5))]
    new = lambda value: EXACT.fma(value, Decimal(factor), Decimal(offset))
    try:
        after = float(Fraction(new(Decimal(repr(before)))))
    except OverflowError:
        after = None
    after_labels = [spelled(new(Decimal(token))) for token in tokens]
    return "scale", '{"factor": %s, "offset": %s}' % (factor, offset), before, labels(tokens), after, after_labels


def round_(rng):
    digits, before = rng.randrange(-5, 20), total(rng)
    tokens = [rng.choice([number(rng), "%d.%d5" % (rng.randrange(9), rng.randrange(99))]) for _ in range(rng.randrange(1, 5))]
    unit = Decimal(1).scaleb(-digits)
    new = lambda value: value if value.as_tuple().exponent >= -digits else value.quantize(unit, ROUND_HALF_EVEN, EXACT)
    after_labels = [spelled(new(Decimal(token))) for token in tokens]
    after = float(Fraction(new(Decimal(repr(before)))))
    return "round", '{"digits": %d}' % digits, before, labels(tokens), after, after_labels


def aggregate(rng):
    tokens = [number(rng) for _ in range(rng.randrange(1, 8))]
    values = [Fraction(Decimal(token)) for token in tokens]
    name = rng.choice(["mean", "sum", "min", "max"])
    function = {"mean": lambda v: sum(v) / len(v), "sum": sum, "min": min, "max": max}[name]
    after = float(function(values))
    return "aggregate", '{"function": "%s"}' % name, total(rng), labels(tokens), after, None


def text(rng):
    alphabet = "ab_'\"\\/\n\t\r\x00\x07\x1f\x7f\xa0äß€😀\u2028\ud800 {}[],:"
    return "".join(rng.choices(alphabet, k=rng.randrange(0, 6)))


def value(rng, depth):
    kind = rng.randrange(0, 10 if depth < 3 else 7)
    if kind < 3:
        return rng.choice([rng.random(), rng.randrange(-10**20, 10**20), -0.0, 1e-7, 1e22, 3])
    if kind < 7:
        return rng.choice([None, True, False, text(rng)])
    if kind == 7:
        return [value(rng, depth + 1) for _ in range(rng.randrange(0, 3))]
    if kind == 8:
        return tuple(value(rng, depth + 1) for _ in range(rng.randrange(0, 3)))
    return mapping(rng, depth + 1)


def mapping(rng, depth=0):
    keys = [text(rng), text(rng), rng.randrange(9), rng.random(), None, True]
    return {key: value(rng, depth) for key in rng.sample(keys, rng.randrange(0, 5))}


def repair(rng):
    before = mapping(rng)
    return "repair_json", "{}", 0.5, repr(before), None, json.dumps(before)


def main():
    rng = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        for make in (scale, round_, aggregate, repair):
            name, params, before, labels_before, after, labels_after = make(rng)
            # Numbers as text: not every reader of JSON rounds correctly.
            print(json.dumps([name, params, repr(before), labels_before, None if after is None else repr(after), labels_after]))


if __name__ == "__main__":
    main()
