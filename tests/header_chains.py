#!/usr/bin/env python3
"""header_chains.py INCLUDE DIRECTORY: writes sources into DIRECTORY that show that every header of INCLUDE/foxtrot compiles
alone, as few as possible, and prints their paths.

A source is a chain of headers, each of which includes the one before it, if only through others. What stands before a
header in its source is then what the header itself includes: it is compiled as if it were alone. That is strictly so
with FOXTROT_SEPARATE_COMPILATION; without, what the impl/ of a header includes stands before the headers after it.
foxtrot.hpp and src.hpp are the first include of a program each, the README's and foxtrot::compiled."""
import pathlib
import re
import sys

INCLUDE = pathlib.Path(sys.argv[1])
DIRECTORY = pathlib.Path(sys.argv[2])


def headers_and_includes():
    return {path.relative_to(INCLUDE).as_posix(): set(
        re.findall(r"^[ \t]*#[ \t]*include <(foxtrot/[^>]+)>", path.read_text(encoding="utf-8"), re.MULTILINE))
        for path in INCLUDE.glob("foxtrot/**/*.hpp")}


def is_impl(header):
    return "/impl/" in header


def stands_alone(header):
    return not is_impl(header) and header not in ("foxtrot/foxtrot.hpp", "foxtrot/src.hpp")


def closures(includes):
    """Of each header all that it includes, itself too, if only through others."""
    known = {}
    for header in includes:
        known[header], waiting = set(), [header]
        while waiting:
            one = waiting.pop()
            if one in includes and one not in known[header]:
                known[header].add(one)
                waiting += includes[one]
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
everything = headers_and_includes()
declared = {header: {i for i in included if not is_impl(i)} for header, included in everything.items()}
reached = closures(everything)
for header, included in sorted(declared.items()):
    if not is_impl(header) and any(header in reached[i] for i in included if i in reached):
        sys.exit(f"{header} includes what needs it: it would be needed before it is there. It belongs to impl/")
closure = {header: {i for i in all_of_it if stands_alone(i)} for header, all_of_it in closures(declared).items() if stands_alone(header)}
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
