#!/usr/bin/env python3
"""header_chains.py INCLUDE DIRECTORY: writes sources into DIRECTORY that show that every header of INCLUDE/foxtrot compiles
alone, as few as possible, and prints their paths.

A source is a chain of headers, each of which includes the one before it, if only through others. What stands before a
header in its source is then what the header itself includes: it is compiled as if it were alone. impl/ comes by the header
of its name, after all that this one declares; so what it includes helps nobody. foxtrot.hpp and src.hpp are the first
include of a program each, the README's and foxtrot::compiled."""
import pathlib
import re
import sys

INCLUDE = pathlib.Path(sys.argv[1])
DIRECTORY = pathlib.Path(sys.argv[2])


def headers_and_includes():
    found = {}
    for path in INCLUDE.glob("foxtrot/**/*.hpp"):
        header = path.relative_to(INCLUDE).as_posix()
        if "impl" not in path.parts and header not in ("foxtrot/foxtrot.hpp", "foxtrot/src.hpp"):
            found[header] = set(
                re.findall(r"^[ \t]*#[ \t]*include <(foxtrot/[^>]+)>", path.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def closures(includes):
    known = {}

    def closure(header):
        if header not in known:
            known[header] = {header}  # for those that include each other
            known[header] = {header}.union(*(closure(i) for i in includes[header] if i in includes))
        return known[header]

    for header in includes:
        closure(header)
    return known


def successors(closure):
    """A header that includes it for as many as possible, the most costly first: the last of a chain is what is paid for."""
    wider = {h: sorted(w for w in closure if w != h and h in closure[w]) for h in closure}
    before = {}

    def place(header, tried):
        for w in wider[header]:
            if w not in tried:
                tried.add(w)
                if w not in before or place(before[w], tried):
                    before[w] = header
                    return True
        return False

    for header in sorted(closure, key=lambda h: (-len(closure[h]), h)):
        place(header, set())
    return before


sys.setrecursionlimit(10_000)
closure = closures(headers_and_includes())
before = successors(closure)
for last in sorted(set(closure) - set(before.values())):
    chain = [last]
    while chain[-1] in before:
        chain.append(before[chain[-1]])
    text = "".join(f"#include <{header}>\n" for header in reversed(chain))
    source = DIRECTORY / last.removeprefix("foxtrot/").replace(".hpp", ".cpp")
    source.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_file() or source.read_text(encoding="utf-8") != text:
        source.write_text(text, encoding="utf-8")
    print(source)
