#!/usr/bin/env python3
"""Checks the form of every header (first line, guard, length, includes) and that every test includes its header first."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
MAX_LINES = 300

problems = []
headers = sorted(INCLUDE.glob("foxtrot/**/*.hpp"))
for path in headers:
    header = path.relative_to(INCLUDE).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    # No copyright word and no licence text may stand before it: the first line is what a reader sees.
    if not lines or not re.fullmatch(rf"// {re.escape(header)}: \S.*", lines[0]):
        problems.append(f"{header}: the first line must be '// {header}: purpose'")
    if text.count("#pragma once\n") != 1:
        problems.append(f"{header}: needs one #pragma once")
    if len(lines) > MAX_LINES:
        problems.append(f"{header}: {len(lines)} lines, at most {MAX_LINES}")
    if not text.endswith("\n"):
        problems.append(f"{header}: the last line does not end")
    for kind, target in re.findall(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', text, re.MULTILINE):
        if kind == '"':
            problems.append(f'{header}: "{target}" must be written <foxtrot/...>')
        elif target.startswith("foxtrot/") and not (INCLUDE / target).is_file():
            problems.append(f"{header}: <{target}> does not exist")
    for name in re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", text, re.MULTILINE):
        if not name.startswith("FOXTROT_"):
            problems.append(f"{header}: defines the macro {name}")
    if re.search(r"#[ \t]*pragma[ \t]+GCC[ \t]+target", text):
        problems.append(f"{header}: #pragma GCC target")

for path in sorted((ROOT / "tests").glob("**/*_test.cpp")):
    test = path.relative_to(ROOT / "tests").as_posix()
    own = f"foxtrot/{test.removesuffix('_test.cpp')}.hpp"
    first = re.search(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.MULTILINE)
    if (INCLUDE / own).is_file() and (first is None or first.group(1) != own):
        problems.append(f"tests/{test}: must include <{own}> first")

for problem in problems:
    print(problem)
print(f"{len(headers)} headers, {len(problems)} problems")
sys.exit(1 if problems else 0)
