// tests/sim/control_protocol_test.cpp: the venue's answers to control messages, good and bad.
#include <foxtrot/sim/control_protocol.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using names = std::vector<std::string>;

std::string reply(control_session& session, std::string_view text) { return session.handle(text).reply; }
std::string reply(std::string_view text) {
  control_session session{false};
  return reply(session, text);
}

TEST_CASE("control_protocol: SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS keep one ordered set") {
  control_session session{false};
  auto first = session.handle(R"({"method":"SUBSCRIBE","params":["a@trade","b@trade","a@trade"],"id":1})");
  CHECK(first.reply == R"({"result":null,"id":1})");
  CHECK(first.subscribed == names{"a@trade", "b@trade"});
  auto second = session.handle(R"({"method":"SUBSCRIBE","params":["b@trade","NOPE@x"],"id":"abc9"})");
  CHECK(second.reply == R"({"result":null,"id":"abc9"})");
  CHECK(second.subscribed == names{"NOPE@x"});
  CHECK(reply(session, R"({"method":"LIST_SUBSCRIPTIONS","id":19})") ==
        R"({"result":["a@trade","b@trade","NOPE@x"],"id":19})");
  auto third = session.handle(R"({"method":"UNSUBSCRIBE","params":["b@trade","never"],"id":null})");
  CHECK(third.reply == R"({"result":null,"id":null})");
  CHECK(third.unsubscribed == names{"b@trade"});
  CHECK(reply(session, R"({"method":"LIST_SUBSCRIPTIONS","id":3})") == R"({"result":["a@trade","NOPE@x"],"id":3})");
}

TEST_CASE("control_protocol: the property `combined`") {
  control_session session{true};
  CHECK(reply(session, R"({"method":"GET_PROPERTY","params":["combined"],"id":2})") == R"({"result":true,"id":2})");
  CHECK(reply(session, R"({"method":"SET_PROPERTY","params":["combined",false],"id":5})") ==
        R"({"result":null,"id":5})");
  CHECK_FALSE(session.combined());
  CHECK(reply(session, R"({"method":"SET_PROPERTY","params":["combined","yes"],"id":5})") ==
        R"({"error":{"code":1,"msg":"Invalid value type: expected Boolean"},"id":5})");
  CHECK(reply(session, R"({"method":"SET_PROPERTY","params":["speed",1],"id":5})") ==
        R"({"error":{"code":0,"msg":"Unknown property"},"id":5})");
  CHECK(reply(session, R"({"method":"GET_PROPERTY","params":[1],"id":5})") ==
        R"({"error":{"code":2,"msg":"Invalid request: property name must be a string"},"id":5})");
  CHECK(reply(session, R"({"method":"GET_PROPERTY","params":["combined",true],"id":5})") ==
        R"({"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":5})");
}

TEST_CASE("control_protocol: errors have the venue's words") {
  CHECK(
      reply(R"({"method":"FOO","params":[],"id":20})") ==
      R"({"error":{"code":2,"msg":"Invalid request: unknown variant `FOO`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"},"id":20})");
  CHECK(reply(R"({"params":["x"],"id":7})") ==
        R"({"error":{"code":2,"msg":"Invalid request: missing field `method` at line 1 column 23"},"id":7})");
  CHECK(reply(R"({"method":"LIST_SUBSCRIPTIONS","id":1.5})").find("request ID must be an unsigned integer") !=
        std::string::npos);
  CHECK(reply(R"({"method":"LIST_SUBSCRIPTIONS","id":"not plain"})").find("request ID") != std::string::npos);
  CHECK(reply(R"({"method":"SUBSCRIBE","params":[1],"id":7})").find("\"code\":2") != std::string::npos);
  CHECK(reply(R"([1,2])").find("\"code\":2") != std::string::npos);
  control_session session{false};
  CHECK(session.handle("hello").not_json);
  CHECK(session.handle("").not_json);
  CHECK(session.handle(R"({"method":"SUBSCRIBE")").not_json);
}

TEST_CASE("control_protocol: the 1025th stream is refused and none of its message is taken") {
  control_session session{false};
  std::string many = R"({"method":"SUBSCRIBE","params":[)";
  for (int i = 0; i < 1024; ++i) many += (i == 0 ? "\"s" : ",\"s") + std::to_string(i) + "@trade\"";
  CHECK(reply(session, many + R"(],"id":1})") == R"({"result":null,"id":1})");
  const auto over = session.handle(R"({"method":"SUBSCRIBE","params":["x@trade"],"id":2})");
  CHECK(over.reply.find("\"error\"") != std::string::npos);
  CHECK(over.subscribed.empty());
  CHECK(session.streams().size() == 1024);
  CHECK(session.handle(R"({"method":"SUBSCRIBE","params":["s7@trade"],"id":3})").reply == R"({"result":null,"id":3})");
}

TEST_CASE("control_protocol: names come back as JSON whatever they hold") {
  control_session session{false};
  (void)session.handle(R"({"method":"SUBSCRIBE","params":["a\"b\\c\u0001"],"id":1})");
  CHECK(reply(session, R"({"method":"LIST_SUBSCRIPTIONS","id":2})") == R"({"result":["a\"b\\c\u0001"],"id":2})");
}

}  // namespace
