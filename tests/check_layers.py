#!/usr/bin/env python3
"""Checks that includes follow the layers: each folder of include/foxtrot/ uses only what the table below allows it, and
each entry point reaches only what it promises, followed through every include."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
INCLUDE = (ROOT if len(sys.argv) > 1 else ROOT.parent.parent) / "include"

BASE = ["core", "queue", "thread", "market"]
UP_TO_EXCHANGE = BASE + ["net", "feed", "exchange"]
NETWORK = ["asio", "openssl", "simdjson", "zlib", "c-ares"]

# folder: (foxtrot folders, third-party libraries)
LAYERS = {
    "core": (["core"], []),
    "queue": (["core", "queue"], []),
    "thread": (["core", "queue", "thread"], []),
    "market": (["core", "queue", "market"], []),
    "net": (["core", "queue", "thread", "net"], ["asio", "openssl", "zlib", "c-ares"]),
    "feed": (BASE + ["net", "feed"], NETWORK),
    "exchange": (UP_TO_EXCHANGE, NETWORK),
    "capture": (UP_TO_EXCHANGE + ["capture"], NETWORK),
    "sim": (UP_TO_EXCHANGE + ["capture", "sim"], NETWORK),
    "observe": (UP_TO_EXCHANGE + ["observe"], NETWORK),
}
# entry point: (foxtrot folders, third-party libraries) it may reach
ENTRIES = {
    "strategy.hpp": (BASE, []),
    "foxtrot.hpp": (UP_TO_EXCHANGE, NETWORK + ["moodycamel"]),
    "capture.hpp": (UP_TO_EXCHANGE + ["capture"], NETWORK + ["moodycamel"]),
    "sim.hpp": (UP_TO_EXCHANGE + ["capture", "sim"], NETWORK + ["moodycamel"]),
    "observe.hpp": (UP_TO_EXCHANGE + ["observe"], NETWORK + ["moodycamel"]),
    "src.hpp": (UP_TO_EXCHANGE + ["capture", "sim"], NETWORK + ["moodycamel"]),
}
# entry point: the libraries that its declarations alone reach, where the definitions are compiled elsewhere
DECLARING = {"foxtrot.hpp": ["asio", "moodycamel"], "sim.hpp": ["asio", "moodycamel"]}
DEFINITIONS = r"#ifdef FOXTROT_DEFINITIONS\n.*?#endif\n"
MOODYCAMEL_HEADER = "foxtrot/queue/mpmc_queue.hpp"
# So that a model checker can run them as they are: nothing but the C++ standard library, the machine's hints, and the
# base class that counts objects where asked to.
MODEL_CHECKED = ["spsc_ring", "broadcast_ring", "payload_arena", "overwriting_arena", "conflating_table"]

LIBRARIES = [
    ("asio", r"asio(\.hpp|/.*)"),
    ("openssl", r"openssl/.*"),
    ("simdjson", r"simdjson(\.h|/.*)"),
    ("moodycamel", r"(concurrentqueue/)?(blocking)?concurrentqueue\.h"),
    ("zlib", r"zlib\.h"),
    ("c-ares", r"ares(_.*)?\.h"),
    # The language's and the platform's own.
    (None, r"[a-z_]+|(sys|linux|netinet|arpa|net|bits)/[a-z_0-9]+\.h|[a-z0-9_]+intrin\.h|arm_neon\.h"),
    (None, r"(dirent|dlfcn|errno|fcntl|ifaddrs|netdb|poll|pthread|sched|signal|spawn|time|unistd|cpuid)\.h"),
]


def library_of(header):
    for name, pattern in LIBRARIES:
        if re.fullmatch(pattern, header):
            return name
    return header


def includes_of(text):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', text, re.MULTILINE)


def folder_of(header):
    parts = header.split("/")
    return parts[1] if len(parts) > 2 else None


problems = []
graph = {}
declaring = {}
for path in sorted(INCLUDE.glob("foxtrot/**/*.hpp")):
    header = path.relative_to(INCLUDE).as_posix()
    text = path.read_text(encoding="utf-8")
    graph[header] = includes_of(text)
    declaring[header] = includes_of(re.sub(DEFINITIONS, "", text, flags=re.DOTALL))

for header, included in graph.items():
    folder = folder_of(header)
    if folder is None:
        if header.removeprefix("foxtrot/") not in ENTRIES:
            problems.append(f"{header}: not a known entry point")
        continue
    if folder not in LAYERS:
        problems.append(f"{header}: no such layer in the table")
        continue
    folders, libraries = LAYERS[folder]
    for target in included:
        if target.startswith("foxtrot/"):
            if folder_of(target) is None:
                problems.append(f"{header}: includes the entry point {target}")
            elif folder_of(target) not in folders:
                problems.append(f"{header}: {folder}/ may not use {target}")
            continue
        library = library_of(target)
        if library == "moodycamel" and header == MOODYCAMEL_HEADER:
            continue
        if library is not None and library not in libraries:
            problems.append(f"{header}: {folder}/ may not use <{target}>")


def check_entry(start, includes, folders, libraries):
    reached_by = {start: None}
    queue = [start]
    while queue:
        header = queue.pop()
        for target in includes.get(header, []):
            if target in reached_by:
                continue
            reached_by[target] = header
            if target.startswith("foxtrot/"):
                wrong = folder_of(target) is not None and folder_of(target) not in folders
                wrong = wrong or (target == MOODYCAMEL_HEADER and "moodycamel" not in libraries)
            else:
                library = library_of(target)
                wrong = library is not None and library not in libraries
            if not wrong:
                queue.append(target)
                continue
            chain = []
            while target is not None:
                chain.append(target)
                target = reached_by[target]
            problems.append(f"{start}: must not reach " + " <- ".join(chain))


for entry, (folders, libraries) in ENTRIES.items():
    if f"foxtrot/{entry}" in graph:
        check_entry(f"foxtrot/{entry}", graph, folders, libraries)
        check_entry(f"foxtrot/{entry}", declaring, folders, DECLARING.get(entry, libraries))

for name in MODEL_CHECKED:
    reached = [f"foxtrot/queue/{name}.hpp"]
    for header in reached:
        for target in graph.get(header, [f"(no {header})"]):
            if target.startswith("foxtrot/queue/") or target in ["foxtrot/core/cpu.hpp", "foxtrot/core/live_object.hpp"]:
                reached += [target] if target not in reached else []
            elif not re.fullmatch(r"[a-z_]+", target):
                problems.append(f"{header}: <{target}> is more than the standard library, which {name} is confined to")

for path in sorted(INCLUDE.glob("foxtrot/**/*.hpp")):
    if "atomic_thread_fence" in path.read_text(encoding="utf-8"):
        problems.append(f"{path.relative_to(INCLUDE)}: no fences: the thread sanitizer does not model them")

for problem in problems:
    print(problem)
print(f"{len(graph)} headers, {len(problems)} problems")
sys.exit(1 if problems else 0)
