// tests/consumer/shared_state.cpp: loads two shared objects, which must share the state of the process.
#include <cstdio>
#include <string>

#include <dlfcn.h>

namespace {

using part = const void* (*)(int);

part load(const std::string& path) {
  void* const object = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) std::fprintf(stderr, "%s\n", ::dlerror());
  return object == nullptr ? nullptr : reinterpret_cast<part>(::dlsym(object, "foxtrot_part"));
}

}  // namespace

int main(int, char** arguments) {
  const std::string folder = arguments[1];
  const part one = load(folder + "/one.so");
  const part two = load(folder + "/two.so");
  if (one == nullptr || two == nullptr) return 1;
  for (int which = 0; which < 4; ++which) {
    if (one(which) == nullptr || one(which) != two(which)) {
      std::fprintf(stderr, "state %d is there twice\n", which);
      return 1;
    }
  }
  return 0;
}
