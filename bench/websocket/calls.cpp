// bench/websocket/calls.cpp: the C library's reading and waiting functions, counted and passed on.
#include <websocket/calls.hpp>

#include <cstddef>

#include <dlfcn.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

using foxtrot_bench::calls;

// What the program would have called; found once, so that a call costs one jump more for everybody alike.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t recv(int socket, void* into, size_t size, int flags) {
  static const auto real = next<decltype(recv)>("recv");
  ++calls.receives;
  return real(socket, into, size, flags);
}

ssize_t recvfrom(int socket, void* into, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  static const auto real = next<decltype(recvfrom)>("recvfrom");
  ++calls.receives;
  return real(socket, into, size, flags, from, from_size);
}

ssize_t recvmsg(int socket, msghdr* message, int flags) {
  static const auto real = next<decltype(recvmsg)>("recvmsg");
  ++calls.receives;
  return real(socket, message, flags);
}

ssize_t read(int file, void* into, size_t size) {
  static const auto real = next<decltype(read)>("read");
  ++calls.receives;
  return real(file, into, size);
}

ssize_t readv(int file, const iovec* into, int count) {
  static const auto real = next<decltype(readv)>("readv");
  ++calls.receives;
  return real(file, into, count);
}

int epoll_wait(int epoll, epoll_event* events, int count, int milliseconds) {
  static const auto real = next<decltype(epoll_wait)>("epoll_wait");
  ++calls.waits;
  return real(epoll, events, count, milliseconds);
}

int epoll_pwait(int epoll, epoll_event* events, int count, int milliseconds, const sigset_t* mask) {
  static const auto real = next<decltype(epoll_pwait)>("epoll_pwait");
  ++calls.waits;
  return real(epoll, events, count, milliseconds, mask);
}

int epoll_ctl(int epoll, int operation, int file, epoll_event* event) noexcept {
  static const auto real = next<int(int, int, int, epoll_event*)>("epoll_ctl");
  ++calls.waits;
  return real(epoll, operation, file, event);
}

int poll(pollfd* files, nfds_t count, int milliseconds) {
  static const auto real = next<decltype(poll)>("poll");
  ++calls.waits;
  return real(files, count, milliseconds);
}

int ppoll(pollfd* files, nfds_t count, const timespec* patience, const sigset_t* mask) {
  static const auto real = next<decltype(ppoll)>("ppoll");
  ++calls.waits;
  return real(files, count, patience, mask);
}

int select(int count, fd_set* readable, fd_set* writable, fd_set* failed, timeval* patience) {
  static const auto real = next<decltype(select)>("select");
  ++calls.waits;
  return real(count, readable, writable, failed, patience);
}

}  // extern "C"
