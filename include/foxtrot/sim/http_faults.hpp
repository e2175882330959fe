// foxtrot/sim/http_faults.hpp: HTTP answers of a simulated exchange in trouble.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/http/response.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_socket.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>
#include <foxtrot/sim/rest_api.hpp>
#include <foxtrot/sim/spoiled.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

/// A status as the venue words it: a body with its own code, or a page where something before the venue refuses.
[[nodiscard]] inline rest_reply refusal_of(const fault& what) {
  struct wording {
    std::uint32_t status;
    std::string_view reason;
    std::string_view body;
  };
  static constexpr wording known[]{
      {400, "Bad Request", R"({"code":-1100,"msg":"Illegal characters found in a parameter."})"},
      {403, "Forbidden", "<html><body>Request blocked.</body></html>"},
      {404, "Not Found", ""},
      {418, "I'm a teapot", R"({"code":-1003,"msg":"Way too many requests; IP banned."})"},
      {429, "Too Many Requests", R"({"code":-1003,"msg":"Too many requests."})"},
      {451, "Unavailable For Legal Reasons", R"({"code":0,"msg":"Service unavailable from a restricted location."})"},
      {500, "Internal Server Error", R"({"code":-1000,"msg":"An unknown error occurred."})"},
      {502, "Bad Gateway", "<html><body>Bad Gateway</body></html>"},
      {503, "Service Unavailable", R"({"code":-1008,"msg":"Server is currently overloaded."})"},
      {504, "Gateway Time-out", "<html><body>Gateway Time-out</body></html>"}};
  rest_reply reply;
  reply.status = static_cast<int>(what.code);
  reply.reason = "Simulated";
  for (const wording& each : known) {
    if (each.status != what.code) continue;
    reply.reason = each.reason;
    reply.body = each.body;
  }
  const bool json = reply.body.starts_with('{');
  if (!reply.body.empty()) reply.headers.push_back({"Content-Type", json ? "application/json" : "text/html"});
  if (what.retry_after.count() != 0) reply.headers.push_back({"Retry-After", std::to_string(what.retry_after.count())});
  return reply;
}

/// Answers REST requests on behalf of an api, as well as the faults let it. Loop thread only.
class http_faults {
 public:
  http_faults(const faults_in_force& faults, rest_api& api, detail::exchange_counters& counters)
      : faults_{faults}, api_{api}, counters_{counters} {}

  /// Any error ends the connection, which `socket` is.
  [[nodiscard]] task<std::error_code> answer(exchange_socket& socket, std::string target) {
    timer_queue& timers = faults_.timers();
    if (faults_.has(fault_kind::rest_stall)) {
      counters_.answers_withheld.add();
      co_await socket.ignore();
      co_return make_error_code(errc::closed);
    }
    if (const auto wait = faults_.wait_of(fault_kind::rest_delay); wait.count() != 0) {
      if (const std::error_code error = co_await timers.sleep_for(wait)) co_return error;
    }
    rest_reply reply;
    if (const auto* refused = faults_.find(fault_kind::rest)) {
      reply = refusal_of(refused->what);
    } else {
      reply = co_await api_.get(timers, target);
    }
    if (!faults_.any_of(of_bodies)) {
      co_return co_await socket.send_all(encode_response(reply.status, reply.reason, reply.body, reply.headers));
    }
    co_return co_await send_spoiled(socket, reply);
  }

 private:
  static constexpr fault_mask of_bodies{fault_kind::rest_cut, fault_kind::rest_length, fault_kind::rest_slow,
                                        fault_kind::rest_json};

  [[nodiscard]] task<std::error_code> send_spoiled(exchange_socket& socket, rest_reply reply) {
    if (faults_.has(fault_kind::rest_json)) {
      reply.body = spoiled_json(reply.body, counters_.messages_spoiled.get());
      counters_.messages_spoiled.add();
    }
    std::string head = encode_response(reply.status, reply.reason, reply.body, reply.headers);
    head.resize(head.size() - reply.body.size());
    if (const auto* lie = faults_.find(fault_kind::rest_length)) {
      const std::string field = "Content-Length: ";
      if (const std::size_t at = head.find(field); at != head.npos) {
        const std::size_t number = at + field.size();
        head.replace(number, head.find('\r', number) - number, std::to_string(lie->what.bytes));
      }
    }
    const bool cut = faults_.has(fault_kind::rest_cut);
    if (cut) reply.body.resize(reply.body.size() / 2);
    fault pace;
    pace.bytes = reply.body.size();
    if (const auto* slow = faults_.find(fault_kind::rest_slow)) pace = slow->what;
    std::error_code error = co_await socket.send_all(std::move(head));
    for (std::size_t sent = 0; !error && sent < reply.body.size(); sent += pace.bytes) {
      if (pace.wait.count() != 0) error = co_await faults_.timers().sleep_for(pace.wait);
      if (!error) error = co_await socket.send_all(reply.body.substr(sent, pace.bytes));
    }
    if (!error && cut) error = errc::closed;
    co_return error;
  }

  const faults_in_force& faults_;
  rest_api& api_;
  detail::exchange_counters& counters_;
};

}  // namespace foxtrot::inline v0
