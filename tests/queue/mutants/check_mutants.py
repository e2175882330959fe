#!/usr/bin/env python3
"""Shows that the stress programs beside this file see what they are for: each must end with a fault, or with a report of
the thread sanitizer, on a copy of the ring with one mistake, and well on the ring as it is. In all copies the atomics
give way to other threads now and then (noisy.hpp).

Usage: check_mutants.py ROOT COMPILER [WORD]    (WORD: only the mutants whose program or description contains it)"""
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

PLAIN_SECONDS = 1  # of a run that must end well
MUTANT_SECONDS = 40  # of a run that must not: it ends at the first fault, most of them within milliseconds
RACE_EXIT = 66

# Reads and writes as the atomic it stands for, and is none.
PLAIN_WORD = (
    "struct plain {\n"
    "  std::uint64_t value;\n"
    "  void store(std::uint64_t to, std::memory_order) noexcept { value = to; }\n"
    "  std::uint64_t load(std::memory_order) const noexcept { return value; }\n"
    "};\n"
    "plain "
)


@dataclasses.dataclass(frozen=True)
class Mutant:
    program: str
    mistake: str
    expected: str  # fault: the program sees it; race: the thread sanitizer does; either: whichever sees it first
    header: str
    old: str
    new: str


def mutants_of(program, *entries):
    return [Mutant(program, *entry) for entry in entries]


SPSC = "queue/spsc_ring.hpp"
BROADCAST = "queue/broadcast_ring.hpp"
ARENA = "queue/overwriting_arena.hpp"
LINE = "queue/line.hpp"

MUTANTS = mutants_of(
    "spsc_ring",
    ("a full ring is not seen", "fault", SPSC,
     "if (free_lines() == 0) return nullptr;", "static_cast<void>(free_lines());"),
    ("one item more than there are lines", "fault", SPSC,
     "std::size_t free = all - ", "std::size_t free = all + 1 - "),
    ("an empty line is not seen by front()", "fault", SPSC,
     "if (!detail::word_is_at(word, consumer_.position)) return nullptr;", ""),
    ("an empty line is not seen by consume()", "fault", SPSC,
     "done < max && holds(consumer_.position); ++done", "done < max; ++done"),
    ("many are taken where there is one", "fault", SPSC,
     "holds(consumer_.position + many - 1)", "holds(consumer_.position)"),
    ("holds() does not acquire", "race", SPSC,
     "word.load(std::memory_order_acquire);  // pairs with publish()\n    return",
     "word.load(std::memory_order_relaxed);\n    return"),
    ("published before it is filled", "either", SPSC,
     "*free = item;\n    publish(tag);", "publish(tag);\n    *free = item;"),
    ("given back before the visit", "fault", SPSC,
     "consumer_.lines[consumer_.position++];\n",
     "consumer_.lines[consumer_.position++];\n    released_.store(consumer_.position, std::memory_order_release);\n"),
    ("two positions on one line", "fault", LINE,
     "(position * stride) & mask", "(position * stride) & (mask >> 1)"),
    ("a stride that leaves lines out", "fault", LINE, "stride = 331;", "stride = 330;"),
    ("the line's word is not atomic", "race", LINE, "std::atomic<std::uint64_t> word{0};", PLAIN_WORD + "word{0};"),
    ("publish() does not release", "race", SPSC,
     "detail::word_of(producer_.position, tag), std::memory_order_release",
     "detail::word_of(producer_.position, tag), std::memory_order_relaxed"),
    ("front() does not acquire", "race", SPSC,
     "line.word.load(std::memory_order_acquire);  // pairs with publish()\n    if (!detail::word_is_at(word, consumer_",
     "line.word.load(std::memory_order_relaxed);\n    if (!detail::word_is_at(word, consumer_"),
    ("pop() does not release", "race", SPSC,
     "released_.store(consumer_.position, std::memory_order_release)",
     "released_.store(consumer_.position, std::memory_order_relaxed)"),
    ("try_claim() does not acquire", "race", SPSC,
     "released_.load(std::memory_order_acquire)", "released_.load(std::memory_order_relaxed)"),
) + mutants_of(
    "broadcast_ring",
    ("not marked before it is overwritten", "fault", BROADCAST,
     "word.store(mark_of(position), std::memory_order_release);", ""),
    ("a mark that is a word of its line", "fault", BROADCAST, "word_of(position + 1, {})", "word_of(position, {})"),
    ("no second look", "fault", BROADCAST, "if (word.load(std::memory_order_relaxed) != seen)", "if (seen == 0)"),
    ("the second look before the payload", "fault", BROADCAST,
     "const std::uint64_t copy[]{payload[Index].load(std::memory_order_acquire)...};\n"
     "    if (word.load(std::memory_order_relaxed) != seen) [[unlikely]]\n      return false;",
     "if (word.load(std::memory_order_acquire) != seen) return false;\n"
     "    const std::uint64_t copy[]{payload[Index].load(std::memory_order_acquire)...};"),
    ("the word before the payload", "fault", BROADCAST,
     "fill_payload(&item, std::make_index_sequence<used>{});\n"
     "    word.store(word_of(position, tag), std::memory_order_release);",
     "word.store(word_of(position, tag), std::memory_order_release);\n"
     "    fill_payload(&item, std::make_index_sequence<used>{});"),
    ("the head before the line", "fault", BROADCAST,
     "lines[position].fill(position, item, tag);",
     "head_.store(position + 1, std::memory_order_release);\n    lines[position].fill(position, item, tag);"),
    ("a loss too few", "fault", BROADCAST, "lost_ += next - position_;", "lost_ += next - position_ - 1;"),
    ("a mark taken for a lap", "fault", BROADCAST,
     "return word_ahead_of(word, position) <= 1;", "return word_ahead_of(word, position) <= 0;"),
    ("a lap taken for an event to come", "fault", BROADCAST,
     "return word_ahead_of(word, position) <= 1;", "return word_ahead_of(word, position) <= 70;"),
    ("half of the lines", "fault", LINE, "(position * stride) & mask", "(position * stride) & (mask >> 1)"),
    ("the line's word is not atomic", "race", BROADCAST,
     "std::atomic<std::uint64_t> word{0};", PLAIN_WORD + "word{0};"),
    ("the payload is not atomic", "race", BROADCAST,
     "std::atomic<std::uint64_t> payload[", PLAIN_WORD + "payload["),
) + mutants_of(
    "overwriting_arena",
    ("no second look", "fault", ARENA, "    return holds(position, count);", "    return true;"),
    ("reserved after the words", "fault", ARENA,
     "reserved_.store(next_, std::memory_order_relaxed);\n"
     "    std::atomic<std::uint64_t>* to = words_ + offset_of(position) * words_each;",
     "struct late {\n"
     "      overwriting_arena& store;\n"
     "      ~late() { store.reserved_.store(store.next_, std::memory_order_release); }\n"
     "    } const at_the_end{*this};\n"
     "    std::atomic<std::uint64_t>* to = words_ + offset_of(position) * words_each;"),
    ("held for one element too long", "fault", ARENA,
     "reserved - position <= capacity_", "reserved - position <= capacity_ + 1"),
    ("a skipped tail does not count", "fault", ARENA, "next_ = position + body.size();", "next_ += body.size();"),
)


class Failure(Exception):
    pass


def build(root, compiler, program, race, header, old, new, into):
    include = into / "include"
    for layer in ("core", "queue"):
        shutil.copytree(root / "include" / "foxtrot" / layer, include / "foxtrot" / layer)
    if header:
        mutate(include / "foxtrot" / header, old, new)
    for copy in include.glob("foxtrot/queue/*.hpp"):
        copy.write_text(copy.read_text(encoding="utf-8").replace("std::atomic<", "::stress::noisy<"), encoding="utf-8")
    here = root / "tests" / "queue" / "mutants"
    target = into / program
    command = [compiler, "-std=c++20", "-O1", "-g1", "-pthread", *(["-fsanitize=thread"] if race else []),
               "-include", str(here / "noisy.hpp"), f"-I{include}", str(here / f"{program}.cpp"), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"does not compile:\n{done.stderr}")
    return target


def mutate(header, old, new):
    text = header.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise Failure(f"{header.name} has this {text.count(old)} times, not once:\n{old}")
    header.write_text(text.replace(old, new), encoding="utf-8")


def run(target, seconds):
    environment = dict(os.environ, TSAN_OPTIONS=f"halt_on_error=1:exitcode={RACE_EXIT}")
    try:
        done = subprocess.run([target, str(seconds)], capture_output=True, text=True, check=False, env=environment,
                              timeout=seconds + 20)
    except subprocess.TimeoutExpired:
        raise Failure("does not end") from None
    return done.returncode, done.stderr


def check_original(root, compiler, program, race):
    with tempfile.TemporaryDirectory() as directory:
        target = build(root, compiler, program, race, None, None, None, pathlib.Path(directory))
        code, said = run(target, PLAIN_SECONDS)
    if code != 0:
        raise Failure(f"the ring as it is ends with {code}:\n{said}")
    return "ends well"


def check_mutant(root, compiler, mutant):
    race = mutant.expected != "fault"
    with tempfile.TemporaryDirectory() as directory:
        target = build(root, compiler, mutant.program, race, mutant.header, mutant.old, mutant.new,
                       pathlib.Path(directory))
        code, said = run(target, MUTANT_SECONDS)
    seen = race and code == RACE_EXIT and "data race" in said
    seen = seen or mutant.expected != "race" and code == 1
    if not seen:
        raise Failure(f"not seen: no {mutant.expected}, ends with {code}:\n{said}")
    return re.search(r"data race|fault: .*", said).group(0)


def report(name, check, *arguments):
    begin = time.monotonic()
    try:
        outcome, well = check(*arguments), True
    except Failure as failure:
        outcome, well = f"FAILED, {failure}", False
    return f"{time.monotonic() - begin:5.1f} s  {name}: {outcome}", well


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    root, compiler = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    word = sys.argv[3] if len(sys.argv) == 4 else ""
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        checks = [
            pool.submit(report, f"{program}, {'thread sanitizer' if race else 'plain'}", check_original, root, compiler,
                        program, race)
            for program in sorted({mutant.program for mutant in MUTANTS})
            for race in (False, True)
        ]
        checks += [
            pool.submit(report, f"{mutant.program}, {mutant.mistake}", check_mutant, root, compiler, mutant)
            for mutant in MUTANTS
            if word in mutant.program or word in mutant.mistake
        ]
        failed = 0
        for check in checks:
            line, well = check.result()
            print(line, flush=True)
            failed += not well
    print(f"{len(checks)} checks, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
