"""What a caption claims, and how much of it holds.

Captions are read by their sentences. One that isn't in the words of the canonical wording claims
nothing and makes the caption unreadable; nothing is guessed.
"""
import re
from collections import Counter
from dataclasses import dataclass, field

NUMBERS = {w: i for i, w in enumerate(["no", "one", "two", "three", "four", "five", "six"])}
PLURALS = {"circles": "circle", "squares": "square", "triangles": "triangle", "stars": "star", "hearts": "heart",
           "crosses": "cross", "moons": "moon", "flowers": "flower"}
DIAGONALS = {f"is {v} and to the {h} of" for v in ("above", "below") for h in ("left", "right")}
AXES = {"is to the left of", "is to the right of", "is above", "is below"}
TOUCHING = {"sits on top of", "lies inside"}
HELD_PAIRS = {("red", "moon"), ("blue", "star"), ("green", "heart"), ("yellow", "cross"), ("purple", "square"), ("white", "triangle")}

THING = r"(\w+) (\w+) (\w+) (\w+)"  # size, texture, colour, shape
OPENING = re.compile(rf"The picture shows (\w+) (?:objects?|{THING}) on a (\w+ \w+) background")
SINGLE = re.compile(rf"It is a {THING} (in the middle|at the [a-z ]+)")
FIRST = re.compile(rf"There is a {THING}")
LINK = re.compile(rf"A {THING} ({'|'.join(DIAGONALS | AXES | TOUCHING)}) the (\w+) (\w+)")
NAME = re.compile(r"The (\w+) (?:is|are) made by (\S+)")


@dataclass
class Facts:
    count: int = 0
    background: str = ""
    things: list = field(default_factory=list)  # (size, texture, colour, shape), equal ones repeated
    links: set = field(default_factory=set)  # ((colour, shape), relation, (colour, shape))
    where: str = ""
    name: tuple = ()  # (name, shape)
    readable: bool = True

    def pairs(self):
        return Counter(t[2:] for t in self.things)


def read(caption):
    f = Facts()
    for s in filter(None, (s.strip() for s in caption.split("."))):
        if m := OPENING.fullmatch(s):
            f.count, f.background = NUMBERS.get(m[1], 0), m[6]
            if m[2]:
                f.things += [(m[2], m[3], m[4], PLURALS.get(m[5], m[5]))] * f.count
        elif m := SINGLE.fullmatch(s):
            f.things.append(m.groups()[:4])
            f.where = m[5]
        elif m := FIRST.fullmatch(s):
            f.things.append(m.groups())
        elif m := LINK.fullmatch(s):
            f.things.append(m.groups()[:4])
            f.links.add(((m[3], m[4]), m[5], (m[6], m[7])))
        elif m := NAME.fullmatch(s):
            f.name = (m[2], PLURALS.get(m[1], m[1]))
        elif s != "They are spread out and do not touch":
            f.readable = False
    return f


class Score:
    """Right answers and questions, by kind of fact."""

    def __init__(self):
        self.right, self.asked = Counter(), Counter()

    def ask(self, fact, right):
        self.asked[fact] += 1
        self.right[fact] += bool(right)

    def add(self, record, caption):
        """Score the caption of a scene against its record (see data.record)."""
        holds, claims = read(record["caption"]), read(caption)
        self.ask("caption", caption == record["caption"])
        self.ask("readable", claims.readable)
        self.ask("object set", Counter(claims.things) == Counter(holds.things))
        self.ask("count", claims.count == holds.count)
        self.ask("background", claims.background == holds.background)
        for pair in holds.pairs():
            self.ask("binding of colour and shape", pair in claims.pairs())
            if pair in HELD_PAIRS:
                self.ask("pair never trained", pair in claims.pairs())
        for thing in set(holds.things):
            self.ask("all four attributes", thing in claims.things)
        for link in holds.links:
            self.ask("relation", link in claims.links)
            kind = "along an axis" if link[1] in AXES else "diagonal" if link[1] in DIAGONALS else "touching"
            self.ask(f"relation, {kind}", link in claims.links)
        if holds.where:
            self.ask("place of a single object", claims.where == holds.where)
        if holds.name:
            self.ask("name carried over", claims.name == holds.name)
        else:
            self.ask("no name invented", not claims.name)
        if record["wrong_colour"]:
            self.ask("wrong colour corrected", claims.pairs() == holds.pairs())

    def table(self):
        return {k: {"percent": round(100 * self.right[k] / n, 2), "n": n} for k, n in self.asked.items()}
