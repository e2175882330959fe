# cmake/scripts.sh: what tests/run, examples/run and bench/run share; sourced by them with `root` set.
# Everything here writes to stderr: stdout belongs to the program that is run.

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# need PACKAGE...: installs the Debian packages that are missing, and only those.
# FOXTROT_PACKAGES=skip trusts that they are there (other systems, offline machines).
need() {
  [ "${FOXTROT_PACKAGES:-}" != skip ] || return 0
  local package missing=()
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    die "not a Debian system: install what these packages hold, then set FOXTROT_PACKAGES=skip: $*"
  for package; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
      *" installed") ;;
      *) missing+=("$package") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "missing packages, and no root to install them: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends)
  local log
  log=$(mktemp) || exit 1
  echo "installing ${missing[*]}" >&2
  # Lists may be absent or too old to fetch by: the second try has fresh ones.
  if ! "${install[@]}" "${missing[@]}" >"$log" 2>&1 </dev/null; then
    if ! { "${as_root[@]}" apt-get update -q && "${install[@]}" "${missing[@]}"; } >>"$log" 2>&1 </dev/null; then
      tail -n 40 "$log" >&2
      rm -f "$log"
      die "could not install ${missing[*]}"
    fi
  fi
  rm -f "$log"
}

# logged LABEL LOG COMMAND...: runs quietly; ninja's [n/m] becomes a progress line; a failure shows the log's telling part.
logged() {
  local label=$1 log=$2 line shown=$SECONDS result
  shift 2
  mkdir -p "${log%/*}"
  set -o pipefail
  NINJA_STATUS="[%f/%t] " "$@" 2>&1 </dev/null | tee "$log" | while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+/[0-9]+)\] ]] || continue
    if [ -t 2 ]; then
      printf '\r\033[K%s %s' "$label" "${BASH_REMATCH[1]}" >&2
    elif ((SECONDS - shown >= 15)); then
      printf '%s %s\n' "$label" "${BASH_REMATCH[1]}" >&2
      shown=$SECONDS
    fi
  done
  result=$?
  set +o pipefail
  [ ! -t 2 ] || printf '\r\033[K' >&2
  if [ $result != 0 ]; then
    if grep -q '^FAILED: ' "$log"; then
      sed -n '/^FAILED: /,$p' "$log" | head -n 150 >&2
    else
      tail -n 60 "$log" >&2
    fi
    die "$label failed; the whole log: $log"
  fi
}

# build PRESET TARGET...: configures and builds in build/PRESET.
build() {
  local preset=$1 fresh=()
  shift
  local directory=$root/build/$preset
  # A tree that was copied or moved with its build folder, or a folder configured by other means, starts again.
  if [ -f "$directory/CMakeCache.txt" ] &&
    ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$directory/CMakeCache.txt" && [ -f "$directory/build.ninja" ]; }; then
    fresh=(--fresh)
  fi
  cd "$root" || exit 1
  logged "configure $preset" "$directory/configure.log" cmake --preset "$preset" "${fresh[@]}"
  logged "build $preset" "$directory/build.log" cmake --build "$directory" --parallel "$(nproc)" --target "$@"
}

toolchain_packages=(g++ cmake ninja-build)
library_packages=(libasio-dev libssl-dev libsimdjson-dev libconcurrentqueue-dev zlib1g-dev libc-ares-dev)
