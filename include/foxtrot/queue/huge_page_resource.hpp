// foxtrot/queue/huge_page_resource.hpp: memory for rings and tables in 2 MiB pages where the system has them.
#pragma once

#include <cerrno>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory_resource>
#include <string_view>
#include <system_error>

#include <sys/mman.h>

namespace foxtrot::inline v0 {

/// What memory is made of.
enum class page_kind : std::uint8_t {
  ordinary,     ///< the system's usual pages
  transparent,  ///< huge ones that the kernel put together when asked
  reserved,     ///< huge ones set aside by the administrator (vm.nr_hugepages)
};

[[nodiscard]] constexpr std::string_view to_string(page_kind pages) noexcept {
  switch (pages) {
    case page_kind::ordinary: return "ordinary";
    case page_kind::transparent: return "transparent";
    case page_kind::reserved: return "reserved";
  }
  return "?";
}

/// Fewer pages mean fewer misses of the address translation in rings and tables of more than a few hundred kilobytes.
/// Tries reserved huge pages, then transparent ones, then takes ordinary ones: an allocation never fails for want of
/// huge pages, and last() says what it got and why not more. Everything it gives has been touched. What is smaller than
/// one huge page comes from the heap. For a few large allocations: each is a mapping of its own. One thread at a time.
class huge_page_resource final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t huge_page = std::size_t{2} << 20;

  struct outcome {
    page_kind pages{page_kind::ordinary};
    std::error_code why_no_reserved{};     ///< the system's reason, where `pages` is less than reserved
    std::error_code why_no_transparent{};  ///< and where it is less than transparent
  };

  /// How the last allocation ended.
  [[nodiscard]] const outcome& last() const noexcept { return last_; }

 private:
  static constexpr std::size_t small_page = 4096;

  [[nodiscard]] static std::error_code reason(int error) noexcept { return {error, std::system_category()}; }
  [[nodiscard]] static bool worth_it(std::size_t bytes, std::size_t alignment) noexcept {
    return bytes >= huge_page && alignment <= huge_page;
  }
  [[nodiscard]] static std::size_t rounded(std::size_t bytes) noexcept {
    return (bytes + huge_page - 1) / huge_page * huge_page;
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    last_ = {page_kind::ordinary, reason(EINVAL), reason(EINVAL)};
    if (!worth_it(bytes, alignment)) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    char* made = nullptr;
    if (bytes <= SIZE_MAX / 2) {
      made = reserved(rounded(bytes));
      if (made == nullptr) made = transparent(rounded(bytes));
    }
    if (made == nullptr) return std::pmr::null_memory_resource()->allocate(bytes, alignment);  // throws
    return made;
  }

  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    if (!worth_it(bytes, alignment)) return std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    give_back(static_cast<char*>(memory), rounded(bytes));
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  // Addresses alone, aligned to a huge page, with unusable ones on either side: they catch overruns and keep the kernel
  // from merging the mapping with others, so that it can be asked about. nullptr: none to be had.
  [[nodiscard]] static char* addresses(std::size_t bytes) noexcept {
    const std::size_t whole = bytes + 3 * huge_page;
    void* const mapped = ::mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    char* const first = static_cast<char*>(mapped);
    const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(first) % huge_page) % huge_page;
    if (before != 0) ::munmap(first, before);
    ::munmap(first + before + bytes + 2 * huge_page, huge_page - before);
    return first + before + huge_page;
  }
  static void give_back(char* made, std::size_t bytes) noexcept { ::munmap(made - huge_page, bytes + 2 * huge_page); }

  [[nodiscard]] char* reserved(std::size_t bytes) noexcept {
    // Made wherever the system likes, then moved between unusable addresses of our own. Asking for them right there,
    // where there are none, would leave a hole that another thread's mapping could fall into.
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE;
    void* const anywhere = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (anywhere == MAP_FAILED) {
      last_.why_no_reserved = reason(errno);
      return nullptr;
    }
    char* const made = addresses(bytes);
    if (made != nullptr && ::mremap(anywhere, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, made) != MAP_FAILED) {
      last_ = {page_kind::reserved, {}, {}};
      return made;
    }
    last_.why_no_reserved = reason(errno);
    ::munmap(anywhere, bytes);
    if (made != nullptr) give_back(made, bytes);
    return nullptr;
  }

  [[nodiscard]] char* transparent(std::size_t bytes) noexcept {
    char* const made = addresses(bytes);
    if (made == nullptr) return nullptr;
    if (::mprotect(made, bytes, PROT_READ | PROT_WRITE) != 0) {
      give_back(made, bytes);
      return nullptr;
    }
    last_.why_no_transparent = ::madvise(made, bytes, MADV_HUGEPAGE) == 0 ? std::error_code{} : reason(errno);
    for (std::size_t at = 0; at < bytes; at += small_page) static_cast<volatile char*>(made)[at] = 0;
    if (!last_.why_no_transparent) {
      if (huge_bytes(made) == bytes) {
        last_.pages = page_kind::transparent;
      } else {
        last_.why_no_transparent = reason(ENOMEM);  // asked for, and not given in full: switched off, or fragmented
      }
    }
    return made;
  }

  // How much of the mapping that begins there is in transparent huge pages: the kernel tells nobody but readers of
  // text.
  [[nodiscard]] static std::size_t huge_bytes(const char* made) noexcept {
    std::FILE* const maps = std::fopen("/proc/self/smaps", "re");
    if (maps == nullptr) return 0;
    std::size_t kilobytes = 0;
    bool here = false;
    for (char line[512]; std::fgets(line, sizeof line, maps) != nullptr;) {
      std::uintptr_t first = 0;
      std::uintptr_t last = 0;
      if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2) {
        if (here) break;
        here = first == reinterpret_cast<std::uintptr_t>(made);
      } else if (here && std::sscanf(line, "AnonHugePages: %zu kB", &kilobytes) == 1) {
        break;
      }
    }
    std::fclose(maps);
    return kilobytes * 1024;
  }

  outcome last_;
};

}  // namespace foxtrot::inline v0
