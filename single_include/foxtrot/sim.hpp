// foxtrot/sim.hpp: generated from include/foxtrot/ by single_include/generate; not to be edited.
// SPDX-License-Identifier: MIT
#pragma once

#include "foxtrot.hpp"

#include <initializer_list>
#include <unordered_map>

#include <asio/basic_socket_acceptor.hpp>
#include <openssl/asn1.h>
#include <openssl/ec.h>

#include <fcntl.h>

// foxtrot/sim.hpp: entry point: a simulated exchange, and the parts it is made of.

// foxtrot/sim/certificate_authority.hpp: a certificate authority that lives in memory, for tests over real TLS.

namespace foxtrot::inline v0 {

/// What a server certificate says. The defaults are right for a server on loopback. Without DNS names and addresses it
/// has no subjectAltName, so that only its common name is left to look at, which a careful client does not.
struct certificate_request {
  std::string common_name{"localhost"};
  std::vector<std::string> dns_names{"localhost"};
  std::vector<std::string> addresses{"127.0.0.1", "::1"};
  std::chrono::seconds not_before{-std::chrono::hours{1}};  ///< counted from now
  std::chrono::seconds not_after{std::chrono::hours{24}};   ///< counted from now
};

/// The certificates that a client must tell apart; all but `right` must be refused.
enum class certificate_kind : std::uint8_t {
  right,
  wrong_host,
  expired,
  not_yet_valid,
  self_signed,
  common_name_only,
};

/// The request behind each kind. `self_signed` asks for what `right` does: what differs is who signs.
[[nodiscard]] inline certificate_request request_for(certificate_kind kind) {
  using std::chrono::hours;
  certificate_request request;
  switch (kind) {
    case certificate_kind::right:
    case certificate_kind::self_signed: break;
    case certificate_kind::wrong_host:
      request.common_name = "elsewhere.test";
      request.dns_names = {"elsewhere.test"};
      request.addresses = {"192.0.2.1"};
      break;
    case certificate_kind::expired:
      request.not_before = -hours{48};
      request.not_after = -hours{24};
      break;
    case certificate_kind::not_yet_valid:
      request.not_before = hours{24};
      request.not_after = hours{48};
      break;
    case certificate_kind::common_name_only:
      request.dns_names.clear();
      request.addresses.clear();
      break;
  }
  return request;
}

/// A certificate and its private key, both PEM text.
struct issued_certificate {
  std::string certificate_pem;
  std::string key_pem;
};

/// Signs server certificates (EC P-256) for one process's tests. Keys are made afresh each time and never touch a file.
/// Not thread-safe.
class certificate_authority {
 public:
  [[nodiscard]] static result<certificate_authority> make(std::string name = "foxtrot test authority") {
    if (!detail::init_openssl()) return failed();
    certificate_authority made;
    made.key_ = key{EVP_EC_gen("P-256")};
    certificate_request own;
    own.common_name = std::move(name);
    if (made.key_) made.certificate_ = made.make_certificate(own, made.key_.get(), role::authority);
    made.pem_ = made.certificate_ ? text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.certificate_.get()); })
                                  : std::string{};
    if (made.pem_.empty()) return failed();
    return made;
  }

  /// The authority's own certificate: what a client has to trust.
  [[nodiscard]] const std::string& ca_pem() const noexcept { return pem_; }

  /// A fresh key and its certificate, signed by this authority. errc::bad_argument for an address that is none.
  [[nodiscard]] result<issued_certificate> issue(const certificate_request& request) const {
    return issue_as(request, role::server);
  }

  /// The same, signed by its own key: no authority vouches for it.
  [[nodiscard]] result<issued_certificate> issue_self_signed(const certificate_request& request) const {
    return issue_as(request, role::self_signed);
  }

  [[nodiscard]] result<issued_certificate> issue(certificate_kind kind) const {
    return kind == certificate_kind::self_signed ? issue_self_signed(request_for(kind)) : issue(request_for(kind));
  }

 private:
  template <class T, void (*Free)(T*)>
  struct release {
    void operator()(T* object) const noexcept { Free(object); }
  };
  using key = std::unique_ptr<EVP_PKEY, release<EVP_PKEY, EVP_PKEY_free>>;
  using certificate = std::unique_ptr<X509, release<X509, X509_free>>;
  using extension = std::unique_ptr<X509_EXTENSION, release<X509_EXTENSION, X509_EXTENSION_free>>;
  using names = std::unique_ptr<GENERAL_NAMES, release<GENERAL_NAMES, GENERAL_NAMES_free>>;
  using general_name = std::unique_ptr<GENERAL_NAME, release<GENERAL_NAME, GENERAL_NAME_free>>;
  struct release_bio {
    void operator()(BIO* object) const noexcept { BIO_free(object); }
  };

  enum class role : std::uint8_t { authority, server, self_signed };

  certificate_authority() = default;

  [[nodiscard]] static std::error_code failed() noexcept {
    ERR_clear_error();
    return errc::certificate_unreadable;
  }

  [[nodiscard]] result<issued_certificate> issue_as(const certificate_request& request, role kind) const {
    for (const std::string& text : request.addresses)
      if (!general_name{a2i_GENERAL_NAME(nullptr, nullptr, nullptr, GEN_IPADD, text.c_str(), 0)}) {
        ERR_clear_error();
        return errc::bad_argument;
      }
    const key own{EVP_EC_gen("P-256")};
    if (!own) return failed();
    const certificate made = make_certificate(request, own.get(), kind);
    if (!made) return failed();
    issued_certificate issued;
    issued.certificate_pem = text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); });
    issued.key_pem = text_of(
        [&](BIO* out) { return PEM_write_bio_PrivateKey(out, own.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    if (issued.certificate_pem.empty() || issued.key_pem.empty()) return failed();
    return issued;
  }

  [[nodiscard]] certificate make_certificate(const certificate_request& request, EVP_PKEY* subject, role kind) const {
    const bool authority = kind == role::authority;
    certificate made{X509_new()};
    if (!made || X509_set_version(made.get(), 2) != 1 || !set_serial(made.get())) return nullptr;
    if (X509_gmtime_adj(X509_getm_notBefore(made.get()), static_cast<long>(request.not_before.count())) == nullptr ||
        X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(request.not_after.count())) == nullptr)
      return nullptr;
    X509_NAME* name = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>(request.common_name.c_str());
    const X509* parent = kind == role::server ? certificate_.get() : made.get();
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) != 1 ||
        X509_set_issuer_name(made.get(), X509_get_subject_name(parent)) != 1 ||
        X509_set_pubkey(made.get(), subject) != 1)
      return nullptr;
    const bool extended = add_extension(made.get(), parent, NID_basic_constraints,
                                        authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
                          add_extension(made.get(), parent, NID_subject_key_identifier, "hash") &&
                          add_extension(made.get(), parent, NID_key_usage,
                                        authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
                          (authority || (add_extension(made.get(), parent, NID_ext_key_usage, "serverAuth") &&
                                         add_names(made.get(), request)));
    if (!extended || X509_sign(made.get(), kind == role::server ? key_.get() : subject, EVP_sha256()) <= 0)
      return nullptr;
    return made;
  }

  [[nodiscard]] static bool set_serial(X509* made) {
    std::uint64_t number = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) return false;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), number >> 1U) == 1;
  }

  [[nodiscard]] static bool add_extension(X509* made, const X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), made, nullptr, nullptr, 0);  // NOLINT: OpenSSL lacks the const
    const extension added{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
    return added && X509_add_ext(made, added.get(), -1) == 1;
  }

  /// Not by OpenSSL's text syntax: a comma in a name must not become another name.
  [[nodiscard]] static bool add_names(X509* made, const certificate_request& request) {
    const names all{GENERAL_NAMES_new()};
    if (!all) return false;
    const auto add = [&](int type, const std::string& text) {
      general_name name{a2i_GENERAL_NAME(nullptr, nullptr, nullptr, type, text.c_str(), 0)};
      if (!name || sk_GENERAL_NAME_push(all.get(), name.get()) == 0) return false;
      (void)name.release();  // the stack owns it
      return true;
    };
    for (const std::string& text : request.dns_names)
      if (!add(GEN_DNS, text)) return false;
    for (const std::string& text : request.addresses)
      if (!add(GEN_IPADD, text)) return false;
    if (sk_GENERAL_NAME_num(all.get()) == 0) return true;
    return X509_add1_ext_i2d(made, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) == 1;
  }

  template <class Write>
  [[nodiscard]] static std::string text_of(Write write) {
    const std::unique_ptr<BIO, release_bio> out{BIO_new(BIO_s_mem())};
    if (!out || write(out.get()) != 1) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string{};
  }

  key key_;
  certificate certificate_;
  std::string pem_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange.hpp: a simulated exchange on loopback: real TLS, WebSocket and REST on one port.

// foxtrot/sim/capture_replay.hpp: a capture played to the clients of a simulated exchange, exactly as it was recorded.

// foxtrot/capture/reader.hpp: reads a capture file line by line: `<receive time, ns since epoch> <payload>`.

// foxtrot/capture/byte_source.hpp: bytes of a file, unpacked if it is gzip and FOXTROT_WITH_ZLIB is defined.

#ifdef FOXTROT_WITH_ZLIB
#include <zlib.h>
#endif

namespace foxtrot::inline v0::detail {

/// Reads a file from its beginning. What it is shows in its first two bytes, not in its name. Every part of a program
/// must agree on FOXTROT_WITH_ZLIB, as on any definition that selects code. Not thread-safe.
class byte_source {
 public:
  /// The system's error, or errc::no_gzip_support for a compressed file in a program without zlib.
  [[nodiscard]] static result<byte_source> open(const std::string& path) {
    byte_source opened;
    opened.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(*-vararg)
    if (opened.file_ < 0) return system_error();
    unsigned char magic[2] = {};
    const ssize_t got = ::pread(opened.file_, magic, sizeof magic, 0);
    if (got < 0) return system_error();
    const bool packed = got == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
#ifdef FOXTROT_WITH_ZLIB
    if (packed) {
      opened.gzip_ = ::gzdopen(opened.file_, "rb");
      if (opened.gzip_ == nullptr) return std::make_error_code(std::errc::not_enough_memory);
      opened.file_ = -1;  // zlib owns it now
      ::gzbuffer(opened.gzip_, 256U * 1024U);
    }
#else
    if (packed) return errc::no_gzip_support;
#endif
    return opened;
  }

  byte_source(byte_source&& other) noexcept { swap(other); }
  byte_source& operator=(byte_source&& other) noexcept {
    byte_source moved{std::move(other)};
    swap(moved);
    return *this;
  }
  ~byte_source() {
#ifdef FOXTROT_WITH_ZLIB
    if (gzip_ != nullptr) ::gzclose(gzip_);
#endif
    if (file_ >= 0) ::close(file_);
  }

  /// Bytes read into `out`; zero at the end. A damaged or cut gzip file is errc::bad_capture.
  [[nodiscard]] result<std::size_t> read(std::span<char> out) {
#ifdef FOXTROT_WITH_ZLIB
    if (gzip_ != nullptr) {
      const int got = ::gzread(gzip_, out.data(), static_cast<unsigned>(out.size()));
      int state = Z_OK;
      if (got == 0) (void)::gzerror(gzip_, &state);  // the end, or a file that was cut
      if (got < 0 || (state != Z_OK && state != Z_STREAM_END)) return errc::bad_capture;
      return static_cast<std::size_t>(got);
    }
#endif
    for (;;) {
      const ssize_t got = ::read(file_, out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return system_error();
    }
  }

 private:
  byte_source() = default;

  [[nodiscard]] static std::error_code system_error() noexcept { return {errno, std::system_category()}; }

  void swap(byte_source& other) noexcept {
    std::swap(file_, other.file_);
#ifdef FOXTROT_WITH_ZLIB
    std::swap(gzip_, other.gzip_);
#endif
  }

  int file_{-1};
#ifdef FOXTROT_WITH_ZLIB
  gzFile gzip_{nullptr};
#endif
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// One captured message. The payload is a view into the reader, valid until its next call.
struct capture_record {
  std::int64_t received_ns{0};
  std::string_view payload;
};

/// Streams a capture, plain or gzip, through one buffer: memory does not grow with the file. Not thread-safe.
class capture_reader : private live_object<capture_reader> {
 public:
  /// Longer lines are refused: the largest known payload, a full book snapshot, is under half a megabyte.
  static constexpr std::size_t max_line = std::size_t{16} << 20U;

  [[nodiscard]] static result<capture_reader> open(const std::string& path) {
    auto source = detail::byte_source::open(path);
    if (!source) return source.error();
    return capture_reader{std::move(source).value()};
  }

  /// The next record; false at the end and on failure, which `error()` tells apart. A failure is final.
  [[nodiscard]] bool next(capture_record& record) {
    if (error_) return false;
    std::string_view line;
    if (!next_line(line)) return false;
    ++line_;
    const char* const end = line.data() + line.size();
    const auto [stop, problem] = std::from_chars(line.data(), end, record.received_ns);
    // at least one byte of payload has to follow the space
    if (problem != std::errc{} || end - stop < 2 || *stop != ' ') return fail(errc::bad_capture);
    record.payload = {stop + 1, static_cast<std::size_t>(end - stop - 1)};
    return true;
  }

  /// Zero until something failed: errc::bad_capture for a malformed line, the one that `line()` names.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }

  /// Number of the line read last, counted from one.
  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }

 private:
  explicit capture_reader(detail::byte_source source) : source_{std::move(source)}, buffer_(std::size_t{256} << 10U) {}

  bool fail(std::error_code error) noexcept {
    error_ = error;
    return false;
  }

  [[nodiscard]] bool next_line(std::string_view& line) {
    std::size_t searched = 0;  // bytes of the unfinished line already known to hold no line end
    for (;;) {
      const char* const from = buffer_.data() + begin_;
      if (const void* found = std::memchr(from + searched, '\n', end_ - begin_ - searched); found != nullptr) {
        line = {from, static_cast<std::size_t>(static_cast<const char*>(found) - from)};
        begin_ += line.size() + 1;
        return true;
      }
      searched = end_ - begin_;
      if (at_end_) {
        if (searched == 0) return false;
        line = {from, searched};  // the last line may lack its end
        begin_ = end_;
        return true;
      }
      if (!refill()) return false;
    }
  }

  [[nodiscard]] bool refill() {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == buffer_.size()) {
      if (buffer_.size() >= max_line) {
        ++line_;
        return fail(errc::bad_capture);
      }
      buffer_.resize(buffer_.size() * 2);
    }
    const auto got = source_.read(std::span{buffer_}.subspan(end_));
    if (!got) {
      ++line_;
      return fail(got.error());
    }
    at_end_ = *got == 0;
    end_ += *got;
    return true;
  }

  detail::byte_source source_;
  std::vector<char> buffer_;
  std::size_t begin_{0};
  std::size_t end_{0};
  bool at_end_{false};
  std::uint64_t line_{0};
  std::error_code error_;
};

}  // namespace foxtrot::inline v0

// foxtrot/capture/survey.hpp: what is in a capture, found in one pass over it.

namespace foxtrot::inline v0 {

/// Which of the venue's markets a message comes from, as far as its shape tells.
enum class capture_market : std::uint8_t { unknown, spot, usdm };

/// One captured payload, sorted by shape. The views point into the payload.
struct captured_message {
  enum class kind : std::uint8_t {
    stream,    ///< market data
    snapshot,  ///< the body of a REST depth request
    other,     ///< an acknowledgement, an error, something unknown
  };
  kind what{kind::other};
  bool combined{false};  ///< wrapped as {"stream":...,"data":...}
  capture_market market{capture_market::unknown};
  std::string_view stream;  ///< the name in the wrapper; empty in a raw message
  std::string_view event;   ///< "bookTicker", "trade", "depthUpdate", ...
  std::string_view symbol;  ///< as written in the data: upper case
  std::string_view data;    ///< the payload without its wrapper
};

namespace detail {

[[nodiscard]] inline std::string_view text_after(std::string_view text, std::string_view key) noexcept {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + key.size();
  const std::size_t end = text.find('"', from);
  return end == std::string_view::npos ? std::string_view{} : text.substr(from, end - from);
}

[[nodiscard]] inline bool has_key(std::string_view text, std::string_view quoted_with_colon) noexcept {
  return text.find(quoted_with_colon) != std::string_view::npos;
}

[[nodiscard]] inline capture_market market_of(std::string_view event, std::string_view head, bool named) noexcept {
  if (event == "bookTicker") return named ? capture_market::usdm : capture_market::spot;
  if (event == "depthUpdate") return has_key(head, "\"pu\":") ? capture_market::usdm : capture_market::spot;
  if (event == "trade" || event == "aggTrade")
    return has_key(head, "\"M\":") ? capture_market::spot : capture_market::usdm;
  if (event == "markPriceUpdate" || event == "forceOrder") return capture_market::usdm;
  return capture_market::unknown;
}

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace detail

/// Takes the wrapper off and tells data from snapshots; event, symbol and market stay empty. Cheap enough for every
/// line of a replay.
[[nodiscard]] inline captured_message unwrap_captured(std::string_view payload) noexcept {
  using kind = captured_message::kind;
  constexpr std::string_view wrapper = "{\"stream\":\"";
  constexpr std::string_view joint = "\",\"data\":";
  captured_message message;
  message.data = payload;
  if (payload.starts_with("{\"lastUpdateId\":")) {
    message.what = kind::snapshot;
  } else if (payload.starts_with(wrapper)) {
    const std::size_t end = payload.find('"', wrapper.size());
    if (end == std::string_view::npos || !payload.substr(end).starts_with(joint) || !payload.ends_with('}'))
      return message;
    message.stream = payload.substr(wrapper.size(), end - wrapper.size());
    message.data = payload.substr(end + joint.size(), payload.size() - end - joint.size() - 1);
    message.combined = true;
    message.what = kind::stream;
  }
  return message;
}

/// The same, and sorts the data by its shape, without parsing it.
[[nodiscard]] inline captured_message classify_captured(std::string_view payload) noexcept {
  using kind = captured_message::kind;
  captured_message message = unwrap_captured(payload);
  if (message.what == kind::snapshot) return message;
  const std::string_view head = message.data.substr(0, 256);  // the keys that tell stand before the levels
  message.event = detail::text_after(head, "\"e\":\"");
  const bool named = !message.event.empty();
  if (!named && detail::has_key(head, "\"u\":") && detail::has_key(head, "\"B\":")) message.event = "bookTicker";
  if (message.event.empty()) return message;
  message.what = kind::stream;
  message.symbol = detail::text_after(head, "\"s\":\"");
  message.market = detail::market_of(message.event, head, named);
  return message;
}

/// The result of a survey. Streams and symbols stand in order of first appearance.
struct capture_survey {
  struct stream_count {
    std::string name;
    std::uint64_t messages{0};
  };
  struct snapshot_line {
    std::uint64_t line{0};  ///< counted from one
    std::string symbol;     ///< of the depth message before it, else the first one after; empty where there is none
  };

  capture_market market{capture_market::unknown};
  std::vector<stream_count> streams;
  std::vector<std::string> symbols;
  std::vector<snapshot_line> snapshots;
  std::uint64_t lines{0};
  std::uint64_t other{0};  ///< lines that are neither stream data nor a snapshot
  std::uint64_t payload_bytes{0};
  std::int64_t first_ns{0};
  std::int64_t last_ns{0};
};

/// The stream a message belongs to: its wrapper's name, or for a raw message the one its event and symbol imply.
[[nodiscard]] inline std::string stream_of(const captured_message& message) {
  if (message.combined) return std::string{message.stream};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> renamed{{
      {"depthUpdate", "depth"},
      {"markPriceUpdate", "markPrice"},
      {"24hrTicker", "ticker"},
      {"24hrMiniTicker", "miniTicker"},
  }};
  std::string name = detail::lower_case(message.symbol) + '@';
  for (const auto& [event, stream] : renamed)
    if (message.event == event) return name.append(stream);
  return name.append(message.event);
}

/// Reads the whole capture once. The reader's error for a file that cannot be read to its end.
[[nodiscard]] inline result<capture_survey> survey(const std::string& path) {
  auto reader = capture_reader::open(path);
  if (!reader) return reader.error();
  capture_survey found;
  std::string depth_symbol;
  std::size_t recent = 0;  // streams come in runs: look at the last one first
  capture_record record;
  while (reader->next(record)) {
    if (found.lines++ == 0) found.first_ns = record.received_ns;
    found.last_ns = record.received_ns;
    found.payload_bytes += record.payload.size();
    const captured_message message = classify_captured(record.payload);
    if (message.what == captured_message::kind::other) ++found.other;
    if (message.what == captured_message::kind::snapshot) found.snapshots.push_back({reader->line(), depth_symbol});
    if (message.what != captured_message::kind::stream) continue;
    if (found.market == capture_market::unknown) found.market = message.market;
    const std::string name = stream_of(message);
    if (recent >= found.streams.size() || found.streams[recent].name != name) {
      const auto known = std::find_if(found.streams.begin(), found.streams.end(),
                                      [&](const capture_survey::stream_count& stream) { return stream.name == name; });
      recent = static_cast<std::size_t>(known - found.streams.begin());
      if (known == found.streams.end()) found.streams.push_back({name, 0});
    }
    ++found.streams[recent].messages;
    if (message.symbol.empty()) continue;
    if (std::find(found.symbols.begin(), found.symbols.end(), message.symbol) == found.symbols.end())
      found.symbols.emplace_back(message.symbol);
    if (message.event != "depthUpdate") continue;
    depth_symbol = message.symbol;
    for (capture_survey::snapshot_line& early : found.snapshots)
      if (early.symbol.empty()) early.symbol = depth_symbol;
  }
  if (reader->error()) return reader->error();
  return found;
}

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_settings.hpp: what a simulated exchange is told, and what it tells about itself.

// foxtrot/sim/symbol_spec.hpp: what a simulated exchange trades: symbols, their numbers' formats, their habits.

namespace foxtrot::inline v0 {

/// Which market is simulated: they differ in keys, number formats, update ids and paths.
enum class sim_market : std::uint8_t { spot, usdm, coinm };

/// One symbol. Prices are integers in units of its tick, quantities in units of its lot.
struct symbol_spec {
  std::string name;                  ///< upper case
  std::int64_t price{0};             ///< where it starts, in ticks
  std::int64_t tick{1};              ///< in units of the price's last decimal
  int price_decimals{2};             ///< spot pads to eight when it writes
  int quantity_decimals{5};          ///< likewise; the lot is one unit of the last decimal
  std::int64_t typical_quantity{1};  ///< what one level holds, in lots
  std::string status{"TRADING"};     ///< what exchangeInfo says; it trades whatever that is
};

namespace detail {

struct known_symbol {
  std::string_view name;
  std::int64_t price;
  std::int64_t tick;
  int price_decimals;
  int quantity_decimals;
  std::int64_t typical_quantity;
};

inline constexpr std::array<known_symbol, 10> spot_symbols{{
    {"BTCUSDT", 6183763, 1, 2, 5, 20000},
    {"ETHUSDT", 268380, 1, 2, 4, 8000},
    {"BNBUSDT", 51020, 1, 2, 3, 4000},
    {"SOLUSDT", 15387, 1, 2, 3, 25000},
    {"XRPUSDT", 61250, 1, 5, 1, 20000},
    {"DOGEUSDT", 10431, 1, 5, 0, 18000},
    {"ADAUSDT", 3390, 1, 4, 1, 90000},
    {"AVAXUSDT", 2214, 1, 2, 2, 30000},
    {"LINKUSDT", 1052, 1, 2, 2, 40000},
    {"PEPEUSDT", 785, 1, 8, 0, 900000000},
}};

inline constexpr std::array<known_symbol, 10> usdm_symbols{{
    {"BTCUSDT", 618002, 10, 2, 3, 800},
    {"ETHUSDT", 268377, 1, 2, 3, 9000},
    {"BNBUSDT", 51018, 10, 3, 2, 3000},
    {"SOLUSDT", 15385, 100, 4, 0, 40},
    {"XRPUSDT", 6124, 1, 4, 1, 60000},
    {"DOGEUSDT", 10429, 10, 6, 0, 30000},
    {"ADAUSDT", 3389, 10, 5, 0, 12000},
    {"AVAXUSDT", 22131, 10, 4, 0, 60},
    {"LINKUSDT", 10516, 1, 3, 2, 9000},
    {"1000PEPEUSDT", 78490, 1, 7, 0, 900000},
}};

// Quantities are contracts.
inline constexpr std::array<known_symbol, 10> coinm_symbols{{
    {"BTCUSD_PERP", 618002, 1, 1, 0, 8000},
    {"ETHUSD_PERP", 268377, 1, 2, 0, 20000},
    {"BNBUSD_PERP", 51018, 10, 2, 0, 3000},
    {"SOLUSD_PERP", 153850, 1, 3, 0, 4000},
    {"XRPUSD_PERP", 6124, 1, 4, 0, 6000},
    {"DOGEUSD_PERP", 104290, 10, 6, 0, 3000},
    {"ADAUSD_PERP", 33890, 10, 5, 0, 1200},
    {"AVAXUSD_PERP", 22131, 1, 3, 0, 600},
    {"LINKUSD_PERP", 10516, 1, 3, 0, 900},
    {"LTCUSD_PERP", 6120, 1, 2, 0, 900},
}};

[[nodiscard]] constexpr const std::array<known_symbol, 10>& known_symbols(sim_market market) noexcept {
  switch (market) {
    case sim_market::usdm: return usdm_symbols;
    case sim_market::coinm: return coinm_symbols;
    default: return spot_symbols;
  }
}

}  // namespace detail

/// The first `count` symbols of a market: well-known ones with sensible prices, then invented ones.
[[nodiscard]] inline std::vector<symbol_spec> default_symbols(sim_market market, std::size_t count = 4) {
  const auto& known = detail::known_symbols(market);
  const std::string quote = market == sim_market::coinm ? "USD_PERP" : "USDT";
  std::vector<symbol_spec> specs;
  specs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const detail::known_symbol& model = known[i % known.size()];
    std::string name = i < known.size() ? std::string{model.name} : "SIM" + std::to_string(i) + quote;
    specs.push_back({std::move(name), model.price, model.tick, model.price_decimals, model.quantity_decimals,
                     model.typical_quantity, "TRADING"});
  }
  return specs;
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Where the data of a simulated exchange comes from if not from its generator: a capture file, played once.
struct replay_settings {
  std::string path{};  ///< empty: no replay
  double speed{1.0};   ///< times the capture's own pace; 0: as fast as the clients read
  std::chrono::milliseconds snapshot_patience{30'000};  ///< how long a depth request waits for its snapshot line
};

/// What clients may do before the venue objects. The defaults are the venue's.
struct exchange_limits {
  std::size_t messages_per_second{5};  ///< of one connection, pings and pongs included; 0: any number
  std::chrono::milliseconds ping_interval{20'000};
  std::chrono::milliseconds pong_timeout{60'000};
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds close_timeout{1'000};  ///< for the client's answer to a close
  std::uint32_t weight_per_minute{6'000};          ///< of REST requests; 429 above
  std::size_t max_unsent{std::size_t{8} << 20U};   ///< bytes for a slow reader, who is then dropped; a replay waits
};

struct exchange_settings {
  sim_market market{sim_market::spot};
  std::vector<symbol_spec> symbols{};   ///< empty: default_symbols(market)
  std::int64_t events_per_second{800};  ///< of all symbols
  std::uint64_t seed{1};
  std::size_t levels{1'000};  ///< per side of a book
  replay_settings replay{};
  bool tls{true};
  certificate_kind certificate{certificate_kind::right};
  tls_version max_tls{tls_version::tls_1_3};
  std::uint16_t port{0};  ///< on 127.0.0.1; 0: any free one
  std::string thread_name{"sim-exchange"};
  int cpu{-1};  ///< that the exchange's thread is pinned to; -1: none
  exchange_limits limits{};
};

/// Kinds of messages that statistics tell apart.
enum class sim_message : std::uint8_t { book_ticker, trade, agg_trade, depth, mark_price, other };
inline constexpr std::size_t sim_message_kinds = 6;

/// A look at the counters; each is exact, together they are of about the same moment.
struct exchange_statistics {
  std::uint64_t connections{0};  ///< accepted since the start
  std::uint64_t open_connections{0};
  std::uint64_t websockets{0};  ///< upgraded since the start
  std::uint64_t open_websockets{0};
  std::array<std::uint64_t, sim_message_kinds> sent{};  ///< market data messages handed to connections
  std::uint64_t control_messages{0};                    ///< received: texts
  std::uint64_t pings_sent{0};
  std::uint64_t pongs_received{0};
  std::uint64_t rest_requests{0};
  std::uint64_t bytes_sent{0};     ///< before TLS
  std::uint64_t dropped_slow{0};   ///< connections dropped because they did not read
  std::uint64_t dropped_noisy{0};  ///< connections closed for too many messages
  std::uint64_t replayed_lines{0};
  bool replay_finished{false};
  bool replay_failed{false};  ///< the capture could not be read to its end

  [[nodiscard]] std::uint64_t sent_of(sim_message kind) const noexcept { return sent[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t sent_total() const noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t count : sent) total += count;
    return total;
  }
};

namespace detail {

/// One number, written by the loop's thread alone and read by any: no read-modify-write needed.
class sim_counter {
 public:
  void add(std::uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void subtract() noexcept { value_.store(value_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct exchange_counters {
  sim_counter connections, open_connections, websockets, open_websockets;
  std::array<sim_counter, sim_message_kinds> sent;
  sim_counter control_messages, pings_sent, pongs_received, rest_requests, bytes_sent;
  sim_counter dropped_slow, dropped_noisy, replayed_lines, replay_finished, replay_failed;

  [[nodiscard]] exchange_statistics look() const noexcept {
    exchange_statistics seen;
    seen.connections = connections.get();
    seen.open_connections = open_connections.get();
    seen.websockets = websockets.get();
    seen.open_websockets = open_websockets.get();
    for (std::size_t i = 0; i < sent.size(); ++i) seen.sent[i] = sent[i].get();
    seen.control_messages = control_messages.get();
    seen.pings_sent = pings_sent.get();
    seen.pongs_received = pongs_received.get();
    seen.rest_requests = rest_requests.get();
    seen.bytes_sent = bytes_sent.get();
    seen.dropped_slow = dropped_slow.get();
    seen.dropped_noisy = dropped_noisy.get();
    seen.replayed_lines = replayed_lines.get();
    seen.replay_finished = replay_finished.get() != 0;
    seen.replay_failed = replay_failed.get() != 0;
    return seen;
  }
};

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_target.hpp: what the target of a request asks the simulated exchange for.

// foxtrot/sim/market_json.hpp: the venue's text of market events, byte for byte: keys in its order, numbers in its
// format.

// foxtrot/sim/market_generator.hpp: a reproducible market of several symbols, told as events in order of time.

// foxtrot/sim/random.hpp: reproducible random numbers, the same on every platform and compiler.

namespace foxtrot::inline v0 {

/// SplitMix64: small, fast, good enough for simulated markets; the standard distributions are avoided because they
/// differ between libraries. Integers only. Not thread-safe.
class sim_random {
 public:
  explicit constexpr sim_random(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Uniform in [0, bound); `bound` is at least 1 and under 2^32, where the bias of one multiplication is invisible.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) noexcept { return ((next() >> 32U) * bound) >> 32U; }

  /// Uniform in [low, high].
  [[nodiscard]] constexpr std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }

  /// True in `share` of 1000 cases.
  [[nodiscard]] constexpr bool per_mille(std::uint64_t share) noexcept { return below(1000) < share; }

  /// Exponentially distributed with this mean (within 10 % at every quantile): -log2 of a uniform number, read off its
  /// leading zeros and interpolated between them.
  [[nodiscard]] constexpr std::int64_t exponential(std::int64_t mean) noexcept {
    const std::uint64_t bits = next() | 1U;
    const auto zeros = static_cast<unsigned>(std::countl_zero(bits));
    // 16 bits after the leading one: how far between this power of two and the next
    const auto fraction = static_cast<std::int64_t>(((bits << zeros) << 1U) >> 48U);
    const std::int64_t octaves = (static_cast<std::int64_t>(zeros + 1) << 16U) - fraction;  // mean 1.5
    return (mean * (octaves >> 6U) / 3) >> 9U;
  }

 private:
  std::uint64_t state_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/sim_book.hpp: the order book of one simulated symbol, and what changed in it since the last diff.

namespace foxtrot::inline v0 {

/// Price in ticks, quantity in lots; quantity 0 in a diff removes the level.
struct sim_level {
  std::int64_t price{0};
  std::int64_t quantity{0};

  friend bool operator==(const sim_level&, const sim_level&) = default;
};

/// One side of a book, best level last, so that the busy end is the cheap one. Never allocates once it has grown.
class sim_book_side {
 public:
  explicit sim_book_side(bool bids) noexcept : bids_{bids} {}

  [[nodiscard]] bool empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] const sim_level& best() const noexcept { return levels_.back(); }
  /// Rank 0 is the best level.
  [[nodiscard]] const sim_level& at(std::size_t rank) const noexcept { return levels_[levels_.size() - 1 - rank]; }

  /// Zero where there is no such level.
  [[nodiscard]] std::int64_t quantity_at(std::int64_t price) const noexcept {
    const auto found = position(price);
    return found != levels_.end() && found->price == price ? found->quantity : 0;
  }

  /// Quantity 0 removes. Remembers the price for the next diff.
  void set(std::int64_t price, std::int64_t quantity) {
    const auto found = position(price);
    const bool there = found != levels_.end() && found->price == price;
    if (there && quantity == 0) {
      levels_.erase(found);
    } else if (there) {
      levels_[static_cast<std::size_t>(found - levels_.begin())].quantity = quantity;
    } else if (quantity != 0) {
      levels_.insert(found, {price, quantity});
    }
    if (changed_.empty() || changed_.back() != price) changed_.push_back(price);
  }

  /// Prices changed since the last `forget_changes`, sorted by `before`, each once.
  template <class Order>
  [[nodiscard]] std::span<const std::int64_t> changes(Order before) {
    std::sort(changed_.begin(), changed_.end(), before);
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    return changed_;
  }
  [[nodiscard]] std::size_t change_count() const noexcept { return changed_.size(); }
  void forget_changes() noexcept { changed_.clear(); }

 private:
  using iterator = std::vector<sim_level>::const_iterator;

  /// First level that is not worse than `price`.
  [[nodiscard]] iterator position(std::int64_t price) const noexcept {
    return std::lower_bound(levels_.begin(), levels_.end(), price, [this](const sim_level& level, std::int64_t wanted) {
      return bids_ ? level.price < wanted : level.price > wanted;
    });
  }

  bool bids_;
  std::vector<sim_level> levels_;
  std::vector<std::int64_t> changed_;
};

/// Both sides and the update id of the last change. The owner keeps the best bid under the best ask.
struct sim_book {
  sim_book_side bids{true};
  sim_book_side asks{false};
  std::uint64_t update_id{0};

  [[nodiscard]] sim_book_side& side(bool bid) noexcept { return bid ? bids : asks; }
  [[nodiscard]] const sim_book_side& side(bool bid) const noexcept { return bid ? bids : asks; }
  [[nodiscard]] bool crossed() const noexcept {
    return !bids.empty() && !asks.empty() && bids.best().price >= asks.best().price;
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/symbol_market.hpp: how the book of one simulated symbol lives: quotes, trades, deep changes, diffs.

namespace foxtrot::inline v0 {

/// What the symbols of one market share: chance, and update ids where those run through all of them.
struct market_chance {
  sim_market market{sim_market::spot};
  sim_random random{1};
  std::uint64_t shared_id{5'000'000'000'000};

  /// Ids of USD-M are the whole market's and have holes; those of spot are each symbol's own.
  [[nodiscard]] std::uint64_t id_after(std::uint64_t last) noexcept {
    if (market == sim_market::spot) return last + 1 + random.below(3);
    return shared_id += 1 + random.below(40);
  }
};

/// What one diff says. The spans are valid until the symbol's next diff.
struct sim_diff {
  std::uint64_t first_id{0};
  std::uint64_t last_id{0};
  std::uint64_t previous_id{0};
  std::span<const sim_level> bids, asks;
};

/// One symbol's book and everything that may happen to it. The book never crosses and no side runs empty. Quantities
/// are never unchanged by a change. Not thread-safe.
class symbol_market {
 public:
  symbol_market(const symbol_spec& spec, std::size_t levels, market_chance& chance) : spec_{&spec} {
    next_trade_id_ = 1'000'000 + chance.random.below(1'000'000'000);
    // sides reach 15 % from the middle, thinning out, but never to zero where one tick is a large step
    const std::int64_t mean_gap = spec.price * 15 / 100 / static_cast<std::int64_t>(levels);
    for (const bool bid : {true, false}) {
      std::int64_t price = spec.price + (bid ? 0 : 1);
      sim_book_side& side = book_.side(bid);
      for (std::size_t rank = 0; rank < levels && price > spec.price / 2; ++rank) {
        side.set(price, draw_quantity(chance));
        const std::int64_t spread_out =
            2 * mean_gap * static_cast<std::int64_t>(rank) / static_cast<std::int64_t>(levels);
        const std::int64_t gap = 1 + chance.random.exponential(spread_out);
        price += bid ? -gap : gap;
      }
      side.forget_changes();
      levels_ = std::max(levels_, side.size());
    }
    book_.update_id = chance.id_after(10'000'000'000 + chance.random.below(1'000'000'000));
    fast_.sent_id = slow_.sent_id = book_.update_id;
    wanted_changes_ = draw_change_count(chance);
  }

  [[nodiscard]] const sim_book& book() const noexcept { return book_; }

  /// The best level of one side gets another size, goes, or is bettered.
  void move_quote(market_chance& chance) {
    sim_random& random = chance.random;
    const std::int64_t spread = book_.asks.best().price - book_.bids.best().price;
    bool bid = random.per_mille(500);
    if (spread > 1 && random.per_mille(600)) {
      // a price that has wandered 10 % away is pulled back: the side that moves it home betters
      const std::int64_t away = book_.bids.best().price - spec_->price;
      if (away > spec_->price / 10 || -away > spec_->price / 10) bid = away < 0;
      const std::int64_t step = 1 + random.exponential(2) % (spread - 1);
      change(chance, bid, book_.side(bid).best().price + (bid ? step : -step), draw_quantity(chance));
    } else if (random.per_mille(60) && can_lose_best(bid)) {
      change(chance, bid, book_.side(bid).best().price, 0);
    } else {
      change_size(chance, bid, book_.side(bid).best());
    }
  }

  struct fill {
    std::uint64_t trade_id{0};
    sim_level traded;
  };

  /// An order takes from the best level of one side: all of it if `sweep`, else mostly a part.
  [[nodiscard]] fill trade(market_chance& chance, bool hits_bid, bool sweep) {
    const sim_level best = book_.side(hits_bid).best();
    const bool whole = can_lose_best(hits_bid) && (sweep || chance.random.per_mille(250));
    const std::int64_t part = 1 + chance.random.exponential(best.quantity / 8) % best.quantity;
    const std::int64_t taken = whole ? best.quantity : part;
    if (taken == best.quantity && !can_lose_best(hits_bid)) {
      change_size(chance, hits_bid, best);  // a hidden order shows its next part
    } else {
      change(chance, hits_bid, best.price, best.quantity - taken);
    }
    return {next_trade_id_++, {best.price, taken}};
  }

  /// Perhaps a change behind the best level: half of those that the next diff is to have come one by one.
  void stir(market_chance& chance) {
    if (deep_changes_ < wanted_changes_ / 2 && chance.random.per_mille(500)) change_deep(chance);
  }

  /// Everything that changed since the last one. Makes the changes that are still wanted first.
  [[nodiscard]] sim_diff take_diff(market_chance& chance) {
    const std::size_t made = book_.bids.change_count() + book_.asks.change_count();
    for (std::size_t i = made; i < wanted_changes_; ++i) change_deep(chance);
    const auto [bids, asks] = changed(chance.market);
    slow_bids_.insert(slow_bids_.end(), bids.begin(), bids.end());
    slow_asks_.insert(slow_asks_.end(), asks.begin(), asks.end());
    if (slow_.first_id == 0) slow_.first_id = fast_.first_id;
    const sim_diff told = tell(chance.market, fast_, bids, asks);
    book_.bids.forget_changes();
    book_.asks.forget_changes();
    deep_changes_ = 0;
    wanted_changes_ = draw_change_count(chance);
    return told;
  }

  /// Everything that the diffs since the last slow one told.
  [[nodiscard]] sim_diff take_slow_diff(const market_chance& chance) {
    const auto tidy = [](std::vector<std::int64_t>& prices, bool descending) {
      std::sort(prices.begin(), prices.end());
      prices.erase(std::unique(prices.begin(), prices.end()), prices.end());
      if (descending) std::reverse(prices.begin(), prices.end());
    };
    tidy(slow_bids_, chance.market == sim_market::spot);
    tidy(slow_asks_, false);
    const sim_diff told = tell(chance.market, slow_, slow_bids_, slow_asks_);
    slow_bids_.clear();
    slow_asks_.clear();
    return told;
  }

 private:
  /// What one kind of diff has told so far.
  struct chain {
    std::uint64_t first_id{0};  // of the first change not told yet; 0: there is none
    std::uint64_t sent_id{0};
  };
  struct changed_prices {
    std::span<const std::int64_t> bids, asks;
  };

  [[nodiscard]] std::int64_t draw_quantity(market_chance& chance) const noexcept {
    return 1 + chance.random.exponential(spec_->typical_quantity);
  }

  /// Median 20, 99th percentile near 390, never over 1,076: as recorded.
  [[nodiscard]] static std::size_t draw_change_count(market_chance& chance) noexcept {
    constexpr std::uint64_t median = 20;
    constexpr std::uint64_t largest = 1'076;
    const bool above = chance.random.per_mille(500);
    const auto octaves = static_cast<std::uint64_t>(chance.random.exponential(above ? 1'126 : 900));  // in 1/1024
    const std::uint64_t factor = (1'024 + (octaves & 1'023U)) << std::min<std::uint64_t>(octaves >> 10U, 8);
    const std::uint64_t count = above ? median * factor / 1'024 : median * 1'024 / factor;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(count, 1, largest));
  }

  [[nodiscard]] bool can_lose_best(bool bid) const noexcept { return book_.side(bid).size() > levels_ / 2 + 1; }

  void change(market_chance& chance, bool bid, std::int64_t price, std::int64_t quantity) {
    book_.side(bid).set(price, quantity);
    book_.update_id = chance.id_after(book_.update_id);
    if (fast_.first_id == 0) fast_.first_id = book_.update_id;
  }

  void change_size(market_chance& chance, bool bid, sim_level level) {
    const std::int64_t quantity = draw_quantity(chance);
    change(chance, bid, level.price, quantity != level.quantity ? quantity : quantity + 1);
  }

  /// Behind the best level, more often near it than far away.
  void change_deep(market_chance& chance) {
    sim_random& random = chance.random;
    const bool bid = random.per_mille(500);
    const sim_book_side& side = book_.side(bid);
    const auto rank = static_cast<std::size_t>(1 + (random.below(side.size() - 1) >> random.below(7)));
    const sim_level level = side.at(rank);
    const std::int64_t gap = side.at(rank - 1).price - level.price;  // to the next better level; negative among asks
    const std::int64_t room = (gap > 0 ? gap : -gap) - 1;
    const std::uint64_t roll = random.below(100);
    ++deep_changes_;
    if (roll < 55 || side.size() < 4) return change_size(chance, bid, level);
    if (roll < 77 && side.size() >= levels_ * 3 / 4) return change(chance, bid, level.price, 0);
    if (room == 0 || side.size() > levels_ * 5 / 4) return change_size(chance, bid, level);
    const std::int64_t step = random.between(1, room);
    change(chance, bid, level.price + (gap > 0 ? step : -step), draw_quantity(chance));
  }

  /// Spot lists bids from the best, USD-M from the lowest; asks rise everywhere.
  [[nodiscard]] changed_prices changed(sim_market market) {
    const auto bids =
        market == sim_market::spot ? book_.bids.changes(std::greater<>{}) : book_.bids.changes(std::less<>{});
    return {bids, book_.asks.changes(std::less<>{})};
  }

  [[nodiscard]] sim_diff tell(sim_market market, chain& told, std::span<const std::int64_t> bids,
                              std::span<const std::int64_t> asks) {
    sim_diff diff;
    diff.first_id = market == sim_market::spot ? told.sent_id + 1 : told.first_id;
    diff.last_id = book_.update_id;
    diff.previous_id = told.sent_id;
    diff.bids = collect(book_.bids, bids, bids_);
    diff.asks = collect(book_.asks, asks, asks_);
    told = {0, book_.update_id};
    return diff;
  }

  [[nodiscard]] static std::span<const sim_level> collect(const sim_book_side& side,
                                                          std::span<const std::int64_t> prices,
                                                          std::vector<sim_level>& out) {
    out.clear();
    for (const std::int64_t price : prices) out.push_back({price, side.quantity_at(price)});
    return out;
  }

  const symbol_spec* spec_;
  sim_book book_;
  chain fast_, slow_;
  std::vector<std::int64_t> slow_bids_, slow_asks_;  // prices changed since the last slow diff
  std::vector<sim_level> bids_, asks_;               // of the diff told last
  std::uint64_t next_trade_id_{0};
  std::size_t levels_{0};          // each side stays near it
  std::size_t wanted_changes_{0};  // levels that the next diff shall have
  std::size_t deep_changes_{0};    // of which made already
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct generator_settings {
  sim_market market{sim_market::spot};
  std::vector<symbol_spec> symbols{};   ///< empty: default_symbols(market)
  std::uint64_t seed{1};                ///< the same seed gives the same market, byte for byte
  std::int64_t events_per_second{800};  ///< of all symbols; what the diffs leave goes to quotes and trades
  std::chrono::nanoseconds depth_interval{std::chrono::milliseconds{100}};  ///< one diff per symbol
  std::size_t levels{1000};                                                 ///< per side and symbol
  std::int64_t start_ns{1'700'000'000'000'000'000};                         ///< of the market, since the epoch
};

/// One thing that happened. Spans are valid until the generator's next event.
struct market_event {
  enum class kind : std::uint8_t {
    book_ticker,  ///< the best bid or ask changed
    trade,
    depth,       ///< what changed since the symbol's last diff
    depth_slow,  ///< the same, over ten of those
    mark_price,  ///< USD-M only, every ten diffs
  };
  kind what{kind::book_ticker};
  bool buyer_is_maker{false};  ///< of a trade
  std::size_t symbol{0};
  std::int64_t at_ns{0};
  std::uint64_t update_id{0};  ///< of the book's last change
  sim_level bid, ask;          ///< the top of the book after this event
  symbol_market::fill fill;    ///< of a trade
  sim_diff diff;               ///< of depth and depth_slow
};

/// Quotes, trades and diffs: bursts with silence between them, four fifths quotes, heavy-tailed diffs. Everything is
/// integers and consistent: no book crosses, a quote is the top of its book, ids have no holes beyond the venue's own,
/// and a book copied at any moment plus the diffs after it stays equal to `book`. No allocation once its buffers have
/// grown. Not thread-safe.
class market_generator {
 public:
  explicit market_generator(generator_settings settings = {}) : settings_{std::move(settings)} {
    if (settings_.symbols.empty()) settings_.symbols = default_symbols(settings_.market);
    chance_.market = settings_.market;
    chance_.random = sim_random{settings_.seed};
    books_.reserve(settings_.symbols.size());
    for (const symbol_spec& spec : settings_.symbols) {
      books_.emplace_back(spec, settings_.levels, chance_);
      total_weight_ += weight(books_.size());
    }
    const std::int64_t rate = std::max<std::int64_t>(settings_.events_per_second, 1);
    // one diff in ten is followed by a slow one
    const std::int64_t diffs =
        static_cast<std::int64_t>(books_.size()) * 1'100'000'000 / settings_.depth_interval.count();
    event_ns_ = std::max<std::int64_t>(1'000'000'000 / std::max<std::int64_t>(rate - diffs, (rate + 3) / 4), 1);
    activity_at_ = settings_.start_ns;
  }

  /// The specs have to stay where they are: books refer to them.
  market_generator(const market_generator&) = delete;
  market_generator& operator=(const market_generator&) = delete;
  ~market_generator() = default;

  [[nodiscard]] std::span<const symbol_spec> symbols() const noexcept { return settings_.symbols; }
  [[nodiscard]] sim_market market() const noexcept { return settings_.market; }
  [[nodiscard]] const sim_book& book(std::size_t symbol) const noexcept { return books_[symbol].book(); }

  /// When the next event happens, since the epoch.
  [[nodiscard]] std::int64_t next_at() const noexcept {
    return next_ != follow_up::none ? event_.at_ns : std::min(activity_at_, diff_at());
  }

  /// The market slept: everything to come comes later by `pause`. Ids go on without a hole.
  void sleep(std::chrono::nanoseconds pause) noexcept {
    settings_.start_ns += pause.count();
    activity_at_ += pause.count();
    burst_began_ += pause.count();
    if (next_ != follow_up::none) event_.at_ns += pause.count();
  }

  /// Lets the next event happen. The reference is valid until the next call.
  const market_event& next() {
    using kind = market_event::kind;
    symbol_market& book = books_[event_.symbol];  // of the event before
    switch (std::exchange(next_, follow_up::none)) {
      case follow_up::none: return diff_at() <= activity_at_ ? diff() : activity();
      case follow_up::trade: return trade();
      case follow_up::quote: return emit(kind::book_ticker);
      case follow_up::slow_diff:
        event_.diff = book.take_slow_diff(chance_);
        if (settings_.market != sim_market::spot) next_ = follow_up::mark_price;
        return emit(kind::depth_slow);
      case follow_up::mark_price: return emit(kind::mark_price);
    }
    return event_;
  }

 private:
  /// What must come right after the last event, at the same time.
  enum class follow_up : std::uint8_t { none, trade, quote, slow_diff, mark_price };

  static constexpr std::int64_t diffs_per_slow_diff = 10;

  /// The first symbols are the busy ones.
  [[nodiscard]] static constexpr std::uint64_t weight(std::size_t number) noexcept { return 1'000 / number + 20; }

  [[nodiscard]] std::size_t pick_symbol() noexcept {
    std::uint64_t point = chance_.random.below(total_weight_);
    std::size_t number = 1;
    for (; point >= weight(number); ++number) point -= weight(number);
    return number - 1;
  }

  /// Diffs come at fixed times, the symbols' evenly staggered.
  [[nodiscard]] std::int64_t diff_at() const noexcept {
    const auto symbols = static_cast<std::int64_t>(books_.size());
    const std::int64_t interval = settings_.depth_interval.count();
    return settings_.start_ns + (diff_number_ / symbols + 1) * interval + diff_number_ % symbols * interval / symbols;
  }

  const market_event& emit(market_event::kind what) noexcept {
    const sim_book& book = books_[event_.symbol].book();
    event_.what = what;
    event_.bid = book.bids.best();
    event_.ask = book.asks.best();
    event_.update_id = book.update_id;
    return event_;
  }

  const market_event& diff() {
    const auto symbols = static_cast<std::int64_t>(books_.size());
    event_.at_ns = diff_at();
    event_.symbol = static_cast<std::size_t>(diff_number_ % symbols);
    event_.diff = books_[event_.symbol].take_diff(chance_);
    if (diff_number_ / symbols % diffs_per_slow_diff == diffs_per_slow_diff - 1) next_ = follow_up::slow_diff;
    ++diff_number_;
    return emit(market_event::kind::depth);
  }

  /// A quote or trades. A burst is many of them within microseconds; the pause after it is, on average, what its actual
  /// size needs to keep the rate.
  const market_event& activity() {
    sim_random& random = chance_.random;
    if (burst_left_ == 0) {
      burst_left_ = 1 + random.exponential(4 * 16) / 16 + (random.per_mille(20) ? random.between(40, 120) : 0);
      burst_events_ = 0;
      burst_began_ = activity_at_;
      burst_symbol_ = pick_symbol();
    }
    event_.at_ns = activity_at_;
    event_.symbol = random.per_mille(850) ? burst_symbol_ : pick_symbol();
    symbol_market& book = books_[event_.symbol];
    book.stir(chance_);
    const bool trades = random.per_mille(147);
    trades_left_ = trades ? 1 + (random.per_mille(330) ? 1 : 0) + (random.per_mille(170) ? 1 : 0) : 0;
    burst_events_ += trades_left_ + 1;  // the quote
    if (--burst_left_ > 0) {
      activity_at_ += 1 + random.exponential(std::min<std::int64_t>(4'000, event_ns_ / 4));
    } else {
      const std::int64_t owed = burst_events_ * event_ns_ - (activity_at_ - burst_began_);
      activity_at_ += 1 + random.exponential(std::max<std::int64_t>(owed, 0));
    }
    if (trades) {
      event_.buyer_is_maker = random.per_mille(500);
      return trade();
    }
    book.move_quote(chance_);
    return emit(market_event::kind::book_ticker);
  }

  const market_event& trade() {
    --trades_left_;
    event_.fill = books_[event_.symbol].trade(chance_, event_.buyer_is_maker, trades_left_ > 0);
    next_ = trades_left_ > 0 ? follow_up::trade : follow_up::quote;
    return emit(market_event::kind::trade);
  }

  generator_settings settings_;
  market_chance chance_;
  std::vector<symbol_market> books_;
  std::uint64_t total_weight_{0};
  std::int64_t event_ns_{0};     // mean distance of quotes and trades
  std::int64_t activity_at_{0};  // when the next of them happens
  std::int64_t diff_number_{0};  // of all symbols, in turn
  std::size_t burst_symbol_{0};
  std::int64_t burst_left_{0};
  std::int64_t burst_events_{0};
  std::int64_t burst_began_{0};
  std::int64_t trades_left_{0};
  follow_up next_{follow_up::none};
  market_event event_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/text_writer.hpp: appends numbers and text to a caller's string without a temporary.

namespace foxtrot::inline v0 {

/// How one kind of number is written: an integer with `decimals` of its digits behind the point, padded with zeros to
/// `shown`.
struct number_format {
  int decimals{0};
  int shown{0};
};

/// Writes behind the end of a string that it enlarges once by `room`, and cuts to what was written when it goes. The
/// caller promises that `room` suffices. One number takes at most `number_room`.
class text_writer {
 public:
  static constexpr std::size_t number_room = 32;

  text_writer(std::string& out, std::size_t room) : out_{out} {
    const std::size_t size = out.size();
    if (out.capacity() < size + room) out.reserve(std::max(size + room, 2 * out.capacity()));
    out.resize(size + room);
    at_ = out.data() + size;
  }
  text_writer(const text_writer&) = delete;
  text_writer& operator=(const text_writer&) = delete;
  ~text_writer() {
    assert(at_ <= out_.data() + out_.size());
    out_.resize(static_cast<std::size_t>(at_ - out_.data()));
  }

  text_writer& text(std::string_view piece) noexcept {
    std::memcpy(at_, piece.data(), piece.size());
    at_ += piece.size();
    return *this;
  }

  text_writer& number(std::integral auto value) noexcept {
    at_ = std::to_chars(at_, at_ + number_room, value).ptr;
    return *this;
  }

  /// A mantissa that is not negative, in quotes: `"61837.63000000"`.
  text_writer& quoted(std::int64_t mantissa, number_format format) noexcept {
    *at_++ = '"';
    std::int64_t unit = 1;
    for (int i = 0; i < format.decimals; ++i) unit *= 10;
    number(mantissa / unit);
    if (format.shown > 0) {
      *at_++ = '.';
      std::int64_t fraction = mantissa % unit;
      for (int i = format.decimals; i-- > 0; fraction /= 10) at_[i] = static_cast<char>('0' + fraction % 10);
      at_ += format.decimals;
      for (int i = format.decimals; i < format.shown; ++i) *at_++ = '0';
    }
    *at_++ = '"';
    return *this;
  }

 private:
  std::string& out_;
  char* at_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The unit of times in messages.
enum class time_unit : std::uint8_t { milliseconds, microseconds };

[[nodiscard]] constexpr std::int64_t to_unit(std::int64_t ns, time_unit unit) noexcept {
  return unit == time_unit::milliseconds ? ns / 1'000'000 : ns / 1'000;
}

/// Writes what one symbol's streams say. Every function appends one raw message; none allocates once the string has
/// grown.
class market_json {
 public:
  market_json(sim_market market, const symbol_spec& spec)
      : spot_{market == sim_market::spot},
        tick_{spec.tick},
        price_{spec.price_decimals, spot_ ? 8 : spec.price_decimals},
        quantity_{spec.quantity_decimals, spot_ ? 8 : spec.quantity_decimals},
        name_{spec.name},
        pair_{market == sim_market::coinm ? spec.name.substr(0, spec.name.find('_')) : std::string{}} {}

  void book_ticker(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size()};
    to.text(spot_ ? "{\"u\":" : "{\"e\":\"bookTicker\",\"u\":").number(event.update_id);
    symbol(to);
    pair(to);
    price(to.text(",\"b\":"), event.bid);
    quantity(to.text(",\"B\":"), event.bid);
    price(to.text(",\"a\":"), event.ask);
    quantity(to.text(",\"A\":"), event.ask);
    if (!spot_) to.text(",\"T\":").number(matched(event, unit)).text(",\"E\":").number(to_unit(event.at_ns, unit));
    to.text("}");
  }

  void trade(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size()};
    to.text("{\"e\":\"trade\",\"E\":").number(to_unit(event.at_ns, unit));
    if (!spot_) to.text(",\"T\":").number(matched(event, unit));
    symbol(to);
    to.text(",\"t\":").number(event.fill.trade_id);
    price(to.text(",\"p\":"), event.fill.traded);
    quantity(to.text(",\"q\":"), event.fill.traded);
    if (spot_) {
      to.text(",\"T\":").number(matched(event, unit)).text(maker(event)).text(",\"M\":true}");
    } else {
      to.text(",\"X\":\"MARKET\"").text(maker(event)).text("}");
    }
  }

  /// One trade each: ids, first and last trade are the trade's.
  void agg_trade(std::string& out, const market_event& event, time_unit unit) const {
    const std::uint64_t id = event.fill.trade_id;
    text_writer to{out, 384 + name_.size()};
    to.text("{\"e\":\"aggTrade\",\"E\":").number(to_unit(event.at_ns, unit));
    if (spot_) symbol(to);
    to.text(",\"a\":").number(id);
    if (!spot_) symbol(to);
    price(to.text(",\"p\":"), event.fill.traded);
    quantity(to.text(",\"q\":"), event.fill.traded);
    if (!spot_) quantity(to.text(",\"nq\":"), event.fill.traded);
    to.text(",\"f\":").number(id).text(",\"l\":").number(id).text(",\"T\":").number(matched(event, unit));
    to.text(maker(event)).text(spot_ ? ",\"M\":true}" : ",\"st\":1}");
  }

  void depth(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size() + room(event.diff.bids.size() + event.diff.asks.size())};
    diff_head(to, event, unit, event.diff);
    levels(to.text(",\"b\":"), event.diff.bids);
    levels(to.text(",\"a\":"), event.diff.asks);
    to.text("}");
  }

  /// `<symbol>@depth<count>`: the best levels after a diff.
  void partial_depth(std::string& out, const market_event& event, const sim_book& book, std::size_t count,
                     time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size() + room(2 * count)};
    if (spot_) {
      to.text("{\"lastUpdateId\":").number(book.update_id).text(",\"bids\":");
      best_levels(to, book.bids, count);
      best_levels(to.text(",\"asks\":"), book.asks, count);
    } else {
      diff_head(to, event, unit, event.diff);
      best_levels(to.text(",\"b\":"), book.bids, count);
      best_levels(to.text(",\"a\":"), book.asks, count);
    }
    to.text("}");
  }

  /// USD-M: the middle of the book stands for every price in it; funding every eight hours.
  void mark_price(std::string& out, const market_event& event, time_unit unit) const {
    constexpr std::int64_t eight_hours_ns = 28'800'000'000'000;
    const number_format eight{price_.decimals + 1, 8};  // half a tick needs one decimal more
    const std::int64_t middle = (event.bid.price + event.ask.price) * tick_ * 5;
    text_writer to{out, 512 + name_.size()};
    to.text("{\"e\":\"markPriceUpdate\",\"E\":").number(to_unit(event.at_ns, unit));
    symbol(to);
    to.text(",\"p\":").quoted(middle, eight).text(",\"ap\":").quoted(middle, eight);
    to.text(",\"P\":").quoted(middle, eight).text(",\"i\":").quoted(middle, eight).text(",\"r\":\"0.00010000\",\"T\":");
    to.number(to_unit((event.at_ns / eight_hours_ns + 1) * eight_hours_ns, unit)).text(",\"st\":1}");
  }

  /// Body of the REST depth request: the best `limit` levels of each side.
  void snapshot(std::string& out, const sim_book& book, std::size_t limit, std::int64_t now_ns) const {
    text_writer to{out, 256 + room(std::min(limit, book.bids.size()) + std::min(limit, book.asks.size()))};
    to.text("{\"lastUpdateId\":").number(book.update_id);
    const std::int64_t now = to_unit(now_ns, time_unit::milliseconds);
    if (!spot_) to.text(",\"E\":").number(now).text(",\"T\":").number(now);
    best_levels(to.text(",\"bids\":"), book.bids, limit);
    best_levels(to.text(",\"asks\":"), book.asks, limit);
    to.text("}");
  }

  /// One element of the REST book ticker's body.
  void rest_book_ticker(std::string& out, const sim_book& book, std::int64_t now_ns) const {
    text_writer to{out, 384 + name_.size()};
    to.text("{\"symbol\":\"").text(name_).text("\"");
    price(to.text(",\"bidPrice\":"), book.bids.best());
    quantity(to.text(",\"bidQty\":"), book.bids.best());
    price(to.text(",\"askPrice\":"), book.asks.best());
    quantity(to.text(",\"askQty\":"), book.asks.best());
    if (!spot_) to.text(",\"time\":").number(to_unit(now_ns, time_unit::milliseconds));
    to.text("}");
  }

 private:
  static constexpr std::size_t room(std::size_t levels) noexcept { return levels * (2 * text_writer::number_room + 8); }
  static std::string_view maker(const market_event& event) noexcept {
    return event.buyer_is_maker ? ",\"m\":true" : ",\"m\":false";
  }
  /// The matching engine is a little earlier than the gateway that sends.
  static std::int64_t matched(const market_event& event, time_unit unit) noexcept {
    return to_unit(event.at_ns - 300'000, unit);
  }

  void symbol(text_writer& to) const noexcept { to.text(",\"s\":\"").text(name_).text("\""); }
  /// COIN-M says what its contract is on.
  void pair(text_writer& to) const noexcept {
    if (!pair_.empty()) to.text(",\"ps\":\"").text(pair_).text("\"");
  }
  void price(text_writer& to, const sim_level& level) const noexcept { to.quoted(level.price * tick_, price_); }
  void quantity(text_writer& to, const sim_level& level) const noexcept { to.quoted(level.quantity, quantity_); }

  void diff_head(text_writer& to, const market_event& event, time_unit unit, const sim_diff& diff) const noexcept {
    to.text("{\"e\":\"depthUpdate\",\"E\":").number(to_unit(event.at_ns, unit));
    if (!spot_) to.text(",\"T\":").number(matched(event, unit));
    symbol(to);
    pair(to);
    to.text(",\"U\":").number(diff.first_id).text(",\"u\":").number(diff.last_id);
    if (!spot_) to.text(",\"pu\":").number(diff.previous_id);
  }

  void one_level(text_writer& to, const sim_level& level, bool first) const noexcept {
    price(to.text(first ? "[" : ",["), level);
    quantity(to.text(","), level);
    to.text("]");
  }
  void levels(text_writer& to, std::span<const sim_level> changed) const noexcept {
    to.text("[");
    for (std::size_t i = 0; i < changed.size(); ++i) one_level(to, changed[i], i == 0);
    to.text("]");
  }
  void best_levels(text_writer& to, const sim_book_side& side, std::size_t count) const noexcept {
    to.text("[");
    for (std::size_t i = 0; i < std::min(count, side.size()); ++i) one_level(to, side.at(i), i == 0);
    to.text("]");
  }

  bool spot_;
  std::int64_t tick_;
  number_format price_;
  number_format quantity_;
  std::string name_;
  std::string pair_;  // COIN-M only
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

namespace detail {

/// "%40" becomes "@"; what is no escape stays as it is.
[[nodiscard]] inline std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    plain += escape ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return plain;
}

[[nodiscard]] inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace detail

/// Path and query of a request, unescaped.
struct request_target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;

  [[nodiscard]] static request_target parse(std::string_view target) {
    request_target parsed;
    const std::size_t mark = std::min(target.find('?'), target.size());
    parsed.path = detail::percent_decoded(target.substr(0, mark));
    if (mark == target.size()) return parsed;
    for (const std::string& part : detail::split(target.substr(mark + 1), '&')) {
      const std::size_t equals = std::min(part.find('='), part.size());
      parsed.query.emplace_back(
          detail::percent_decoded(std::string_view{part}.substr(0, equals)),
          detail::percent_decoded(std::string_view{part}.substr(std::min(equals + 1, part.size()))));
    }
    return parsed;
  }

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return std::nullopt;
  }
};

/// Which streams a path serves. USD-M splits its streams between two; on the wrong one they are silent.
enum class stream_route : std::uint8_t {
  all,      ///< spot
  quotes,   ///< USD-M /public and the root: bookTicker, depth, trade
  market,   ///< USD-M /market: aggTrade, markPrice
  nothing,  ///< USD-M /private
};

/// Whether messages of this kind are to be had on that route.
[[nodiscard]] constexpr bool serves(stream_route route, sim_message kind) noexcept {
  const bool quotes = kind == sim_message::book_ticker || kind == sim_message::trade || kind == sim_message::depth;
  return route == stream_route::all || (route == stream_route::quotes && quotes) ||
         (route == stream_route::market && !quotes);
}

/// What a WebSocket path asks for.
struct websocket_target {
  bool combined{false};
  stream_route route{stream_route::all};
  time_unit unit{time_unit::milliseconds};
  std::vector<std::string> streams;

  /// Nothing where the venue has no WebSocket there.
  [[nodiscard]] static std::optional<websocket_target> parse(std::string_view text, sim_market market) {
    const request_target target = request_target::parse(text);
    std::string_view path = target.path;
    websocket_target wanted;
    if (market == sim_market::usdm) {
      wanted.route = stream_route::quotes;
      for (const auto& [prefix, route] : {std::pair{std::string_view{"/public"}, stream_route::quotes},
                                          std::pair{std::string_view{"/market"}, stream_route::market},
                                          std::pair{std::string_view{"/private"}, stream_route::nothing}}) {
        if (!path.starts_with(prefix)) continue;
        path.remove_prefix(prefix.size());
        wanted.route = route;
        break;
      }
    }
    if (path == "/ws" || path.starts_with("/ws/")) {
      wanted.streams = detail::split(path.substr(3), '/');
    } else if (path == "/stream") {
      wanted.combined = true;
      wanted.streams = detail::split(target.parameter("streams").value_or(""), '/');
    } else {
      return std::nullopt;
    }
    const std::string_view unit = target.parameter("timeUnit").value_or("");
    if (unit == "MICROSECOND" || unit == "microsecond") wanted.unit = time_unit::microseconds;
    return wanted;
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/market_source.hpp: what a simulated exchange needs of whatever makes its data.

// foxtrot/sim/stream_hub.hpp: who is subscribed to which stream of a simulated exchange.

namespace foxtrot::inline v0 {

/// Somebody who is sent messages: a connection. Loop thread only.
class stream_subscriber {
 public:
  stream_subscriber() = default;
  stream_subscriber(const stream_subscriber&) = delete;
  stream_subscriber& operator=(const stream_subscriber&) = delete;
  virtual ~stream_subscriber() = default;

  [[nodiscard]] virtual time_unit unit() const noexcept = 0;
  /// Queues one message of a stream; it leaves with the next flush.
  virtual void message(sim_message kind, std::string_view stream, std::string_view data) = 0;
  virtual void flush() = 0;
  /// Bytes that the client has not taken.
  [[nodiscard]] virtual std::size_t unsent() const noexcept = 0;
};

/// The switchboard between a source, which numbers its streams from zero, and the connections. Loop thread only.
class stream_hub {
 public:
  explicit stream_hub(asio::io_context& loop) : changed_{loop} {}

  void resize(std::size_t streams) { lists_.resize(streams); }

  void subscribe(std::size_t stream, stream_subscriber& who) {
    lists_[stream].push_back(&who);
    ++subscriptions_;
    changed_.notify();
  }
  void unsubscribe(std::size_t stream, stream_subscriber& who) {
    subscriptions_ -= std::erase(lists_[stream], &who);
    changed_.notify();
  }
  /// Forgets a connection that is gone.
  void forget(stream_subscriber& who) {
    for (auto& list : lists_) subscriptions_ -= std::erase(list, &who);
    std::erase(to_flush_, &who);
    changed_.notify();
  }

  [[nodiscard]] bool anybody() const noexcept { return subscriptions_ != 0; }
  [[nodiscard]] const std::vector<stream_subscriber*>& subscribers(std::size_t stream) const noexcept {
    return lists_[stream];
  }
  [[nodiscard]] bool wanted(std::size_t stream) const noexcept { return !lists_[stream].empty(); }

  /// To be flushed with the others.
  void mark(stream_subscriber& who) {
    if (to_flush_.empty() || to_flush_.back() != &who)
      if (std::find(to_flush_.begin(), to_flush_.end(), &who) == to_flush_.end()) to_flush_.push_back(&who);
  }
  /// Sends everything that was queued. Returns the most that any of these connections still holds.
  std::size_t flush() {
    std::size_t most = 0;
    flushing_.swap(to_flush_);
    for (stream_subscriber* who : flushing_) {
      who->flush();
      most = std::max(most, who->unsent());
    }
    flushing_.clear();
    return most;
  }
  /// The most that any subscriber of anything holds.
  [[nodiscard]] std::size_t most_unsent() const noexcept {
    std::size_t most = 0;
    for (const auto& list : lists_)
      for (const stream_subscriber* who : list) most = std::max(most, who->unsent());
    return most;
  }

  /// Notified at every subscription, every end of one, and whenever a connection has room again. One waiter: the
  /// source.
  [[nodiscard]] async_event& changed() noexcept { return changed_; }

 private:
  std::vector<std::vector<stream_subscriber*>> lists_;  // by stream
  std::vector<stream_subscriber*> to_flush_;
  std::vector<stream_subscriber*> flushing_;
  std::size_t subscriptions_{0};
  async_event changed_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Data for the streams of a hub and the bodies of REST requests. Loop thread only, except the constructor.
class market_source {
 public:
  market_source() = default;
  market_source(const market_source&) = delete;
  market_source& operator=(const market_source&) = delete;
  virtual ~market_source() = default;

  [[nodiscard]] virtual std::size_t stream_count() const noexcept = 0;
  /// The stream of this name, if this route has it.
  [[nodiscard]] virtual std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const = 0;
  /// Feeds the hub until it is cancelled or has nothing left. Called once.
  [[nodiscard]] virtual task<> run(timer_queue& timers, stream_hub& hub) = 0;
  /// No data, until `false`. Ids go on without a hole.
  virtual void pause(bool paused) = 0;
  /// The next depth update of that symbol that somebody wants happens, but is not sent. For those who make their data.
  virtual void lose_depth_update(std::string_view symbol) { (void)symbol; }

  [[nodiscard]] virtual const std::vector<symbol_spec>& symbols() const noexcept = 0;
  /// Body of a depth request for one of `symbols`; may wait for it, and is empty where there is none in the end.
  [[nodiscard]] virtual task<std::string> snapshot(timer_queue& timers, std::size_t symbol, std::size_t limit) = 0;
  /// One element of a book ticker's body; empty where there is no quote yet.
  [[nodiscard]] virtual std::string book_ticker(std::size_t symbol) = 0;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Plays while anybody is subscribed to one of its streams, and starts with the first who is. Never outruns its slowest
/// client. A snapshot line becomes the body of depth requests for its symbol; a request that comes before it waits.
class capture_replay final : public market_source, private live_object<capture_replay> {
 public:
  /// Reads the capture once, to know its streams. Its errors, or errc::bad_capture where it has no market data.
  [[nodiscard]] static result<std::unique_ptr<capture_replay>> open(replay_settings settings,
                                                                    detail::exchange_counters& counters) {
    auto contents = survey(settings.path);
    if (!contents) return contents.error();
    if (contents->streams.empty()) return errc::bad_capture;
    return std::unique_ptr<capture_replay>{
        new capture_replay{std::move(settings), std::move(contents).value(), counters}};
  }

  [[nodiscard]] const capture_survey& contents() const noexcept { return contents_; }

  [[nodiscard]] std::size_t stream_count() const noexcept override { return contents_.streams.size(); }
  [[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const override {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || !serves(route, kinds_[found->second])) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] const std::vector<symbol_spec>& symbols() const noexcept override { return symbols_; }

  [[nodiscard]] task<> run(timer_queue& timers, stream_hub& hub) override {
    hub_ = &hub;
    auto reader = capture_reader::open(settings_.path);
    steady_time origin = timers.now();  // when the first line would have been due
    std::size_t unflushed = 0;
    capture_record record;
    while (reader && reader->next(record)) {
      const std::int64_t offset = since_start(record.received_ns);
      if (paused_ || !hub.anybody()) {
        hub.flush();
        while (paused_ || !hub.anybody()) {
          if (const std::error_code error = co_await hub.changed().wait()) co_return;
        }
        origin = timers.now() - std::chrono::nanoseconds{offset};
      }
      const steady_time due = origin + std::chrono::nanoseconds{offset};
      if (due - timers.now() > close_together) {
        hub.flush();
        unflushed = 0;
        if (const std::error_code error = co_await timers.sleep_until(due)) co_return;
      }
      play(record.payload, reader->line());
      unflushed += record.payload.size();
      if (unflushed < batch) continue;
      unflushed = 0;
      std::size_t held = hub.flush();
      while (held > most_held) {
        if (const std::error_code error = co_await hub.changed().wait()) co_return;
        held = hub.most_unsent();
      }
      co_await asio::post(timers.context().get_executor(), use_task);  // clients want to be read, too
    }
    hub.flush();
    if (!reader || reader->error()) counters_->replay_failed.add();
    counters_->replay_finished.add();
  }

  void pause(bool paused) override {
    paused_ = paused;
    if (hub_ != nullptr) hub_->changed().notify();
  }

  [[nodiscard]] task<std::string> snapshot(timer_queue& timers, std::size_t symbol, std::size_t) override {
    const bool comes = std::any_of(contents_.snapshots.begin(), contents_.snapshots.end(),
                                   [&](const auto& line) { return line.symbol == symbols_[symbol].name; });
    const steady_time until = timers.now() + settings_.snapshot_patience;
    while (comes && snapshots_[symbol].empty()) {
      async_event reached{timers.context()};
      const registration here{waiting_, reached};
      const timer limit = timers.call_at(until, [&reached] { reached.notify(errc::timeout); });
      if (const std::error_code error = co_await reached.wait()) break;
    }
    co_return snapshots_[symbol];
  }

  [[nodiscard]] std::string book_ticker(std::size_t symbol) override {
    const std::string& last = quotes_[symbol];
    if (last.empty()) return {};
    std::string body = "{\"symbol\":\"" + symbols_[symbol].name;
    using keys = std::pair<std::string_view, std::string_view>;
    for (const auto& [from, to] : {keys{"\"b\":\"", "bidPrice"}, keys{"\"B\":\"", "bidQty"},
                                   keys{"\"a\":\"", "askPrice"}, keys{"\"A\":\"", "askQty"}})
      body.append("\",\"").append(to).append("\":\"").append(detail::text_after(last, from));
    return body + "\"}";
  }

 private:
  static constexpr std::chrono::microseconds close_together{100};  // lines so near leave in one write
  static constexpr std::size_t batch = std::size_t{64} << 10U;
  static constexpr std::size_t most_held = std::size_t{256} << 10U;

  /// A depth request that waits, for as long as it does.
  struct registration {
    registration(std::vector<async_event*>& list, async_event& event) : waiting{list}, reached{event} {
      waiting.push_back(&reached);
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() { std::erase(waiting, &reached); }

    std::vector<async_event*>& waiting;
    async_event& reached;
  };

  capture_replay(replay_settings settings, capture_survey contents, detail::exchange_counters& counters)
      : settings_{std::move(settings)}, contents_{std::move(contents)}, counters_{&counters} {
    for (const capture_survey::stream_count& stream : contents_.streams) {
      by_name_.emplace(stream.name, kinds_.size());
      kinds_.push_back(kind_of(stream.name));
    }
    for (const std::string& name : contents_.symbols) {
      symbols_.emplace_back();
      symbols_.back().name = name;
    }
    snapshots_.resize(symbols_.size());
    quotes_.resize(symbols_.size());
  }

  [[nodiscard]] static sim_message kind_of(std::string_view stream) noexcept {
    const std::string_view channel = stream.substr(std::min(stream.find('@'), stream.size() - 1) + 1);
    if (channel == "bookTicker") return sim_message::book_ticker;
    if (channel == "trade") return sim_message::trade;
    if (channel == "aggTrade") return sim_message::agg_trade;
    if (channel.starts_with("depth")) return sim_message::depth;
    return channel.starts_with("markPrice") ? sim_message::mark_price : sim_message::other;
  }

  /// Nanoseconds after the first line, in replayed time.
  [[nodiscard]] std::int64_t since_start(std::int64_t received_ns) const noexcept {
    if (settings_.speed <= 0) return 0;
    return static_cast<std::int64_t>(static_cast<double>(received_ns - contents_.first_ns) / settings_.speed);
  }

  void play(std::string_view payload, std::uint64_t line) {
    counters_->replayed_lines.add();
    captured_message message = unwrap_captured(payload);
    if (message.what == captured_message::kind::snapshot) return keep_snapshot(payload, line);
    std::string implied;
    if (!message.combined) {
      message = classify_captured(payload);
      if (message.what != captured_message::kind::stream) return;
      implied = stream_of(message);
      message.stream = implied;
    }
    const auto found = by_name_.find(message.stream);
    if (found == by_name_.end()) return;
    const sim_message kind = kinds_[found->second];
    if (kind == sim_message::book_ticker) keep_quote(message.data);
    for (stream_subscriber* who : hub_->subscribers(found->second)) {
      who->message(kind, message.stream, message.data);
      hub_->mark(*who);
    }
  }

  void keep_snapshot(std::string_view body, std::uint64_t line) {
    while (next_snapshot_ < contents_.snapshots.size() && contents_.snapshots[next_snapshot_].line < line)
      ++next_snapshot_;
    if (next_snapshot_ == contents_.snapshots.size() || contents_.snapshots[next_snapshot_].line != line) return;
    const std::string& name = contents_.snapshots[next_snapshot_].symbol;
    if (const auto symbol = number_of(name)) snapshots_[*symbol] = body;
    for (async_event* reached : waiting_) reached->notify();
  }

  void keep_quote(std::string_view data) {
    if (const auto symbol = number_of(detail::text_after(data.substr(0, 128), "\"s\":\""))) quotes_[*symbol] = data;
  }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const noexcept {
    for (std::size_t i = 0; i < symbols_.size(); ++i)
      if (symbols_[i].name == symbol) return i;
    return std::nullopt;
  }

  const replay_settings settings_;
  const capture_survey contents_;
  detail::exchange_counters* counters_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // into contents_
  std::vector<sim_message> kinds_;                             // by stream
  std::vector<symbol_spec> symbols_;
  std::vector<std::string> snapshots_;  // by symbol: the last one reached
  std::vector<std::string> quotes_;     // by symbol: the last book ticker
  std::size_t next_snapshot_{0};
  std::vector<async_event*> waiting_;
  stream_hub* hub_{nullptr};
  bool paused_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_server.hpp: accepts the connections of a simulated exchange and serves each.

// foxtrot/net/http/request_parser.hpp: requests without a body, from pieces of any size: the server's end of a GET.

namespace foxtrot::inline v0 {

struct http_request {
  std::string method;
  std::string target;
  http_fields headers;
  bool keep_alive{true};
};

/// Reads one request. A body is refused as errc::http_malformed: no GET carries one. One thread.
class http_request_parser {
 public:
  explicit http_request_parser(http_head_limits limits = {}) : limits_{limits}, head_{limits} {}

  /// Takes bytes and returns how many belonged to the request: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    if (done_ || error_) return 0;
    const std::size_t taken = head_.feed(bytes);
    error_ = head_.error();
    if (!error_ && head_.done()) {
      done_ = read_request_line(head_.start_line()) && read_headers();
      if (!done_) error_ = errc::http_malformed;
    }
    return taken;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] const http_request& request() const noexcept { return request_; }

  /// Ready for the next request on the same connection.
  void reset() { *this = http_request_parser{limits_}; }

 private:
  [[nodiscard]] bool read_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || first == last) return false;
    request_.method = line.substr(0, first);
    request_.target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    request_.keep_alive = version == "HTTP/1.1";
    return detail::is_http_token(request_.method) && is_valid_target(request_.target) &&
           (version == "HTTP/1.1" || version == "HTTP/1.0");
  }

  [[nodiscard]] bool read_headers() {
    request_.headers = head_.fields();
    const http_fields& got = request_.headers;
    if (got.has_token("Connection", "close")) request_.keep_alive = false;
    const bool body_free = got.count("Transfer-Encoding") == 0 && got.find("Content-Length").value_or("0") == "0";
    return body_free && got.count("Host") == 1;
  }

  http_head_limits limits_;
  http_head_reader head_;
  http_request request_;
  std::error_code error_;
  bool done_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/net/http/response.hpp: writing a response: the server's end, for a simulated exchange.

namespace foxtrot::inline v0 {

/// The bytes of a response with Content-Length. Headers are written as given: a simulation may lie.
[[nodiscard]] inline std::string encode_response(int status, std::string_view reason, std::string_view body,
                                                 const std::vector<http_field>& headers = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reason).append("\r\n");
  for (const http_field& field : headers) text += field.name + ": " + field.value + "\r\n";
  if (status >= 200 && status != 204) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/server_handshake.hpp: the server's side of the upgrade, RFC 6455 section 4.2.

namespace foxtrot::inline v0 {

/// True where the request asks for a WebSocket at all; `accept_upgrade` then says whether it asks properly.
[[nodiscard]] inline bool is_upgrade(const http_request& request) noexcept {
  return request.headers.has_token("Upgrade", "websocket");
}

/// The 101 that answers the request, with one of its subprotocols if one is named. errc::websocket_bad_upgrade where
/// the request is no proper upgrade, errc::bad_argument where the subprotocol was not offered.
[[nodiscard]] inline result<std::string> accept_upgrade(const http_request& request,
                                                        std::string_view subprotocol = {}) {
  const http_fields& got = request.headers;
  const std::string_view key = got.find("Sec-WebSocket-Key").value_or(std::string_view{});
  if (request.method != "GET" || !is_upgrade(request) || !got.has_token("Connection", "Upgrade") ||
      got.count("Sec-WebSocket-Key") != 1 || key.size() != 24 || !key.ends_with("==") ||
      got.find("Sec-WebSocket-Version") != "13") {
    return errc::websocket_bad_upgrade;
  }
  if (!subprotocol.empty() && !got.has_token("Sec-WebSocket-Protocol", subprotocol)) return errc::bad_argument;

  std::vector<http_field> headers{
      {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", websocket_accept(key)}};
  if (!subprotocol.empty()) headers.push_back({"Sec-WebSocket-Protocol", std::string{subprotocol}});
  return encode_response(101, "Switching Protocols", {}, headers);
}

}  // namespace foxtrot::inline v0

// foxtrot/sim/control_protocol.hpp: the venue's side of control messages: SUBSCRIBE and its kin, answered in its words.

namespace foxtrot::inline v0 {

namespace detail {

/// A string as JSON, quotes included.
[[nodiscard]] inline std::string json_quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      quoted.append("\\u00").append({digits[byte >> 4U], digits[byte & 15U]});
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace detail

/// What a control message changed or wants sent.
struct control_outcome {
  bool not_json{false};  ///< the venue closes with 1008 "Invalid request"; nothing else is set
  std::string reply;
  std::vector<std::string> subscribed;    ///< new ones, in order
  std::vector<std::string> unsubscribed;  ///< that were subscribed
};

/// Subscriptions and properties of one connection. Knows no socket and no stream: the venue acknowledges names that do
/// not exist. Errors have the shape seen on the wire, `{"error":{"code":..,"msg":..},"id":..}`. Not thread-safe.
class control_session {
 public:
  static constexpr std::size_t max_streams = 1024;

  explicit control_session(bool combined) : combined_{combined} {}

  [[nodiscard]] bool combined() const noexcept { return combined_; }
  [[nodiscard]] const std::vector<std::string>& streams() const noexcept { return streams_; }

  /// Those of `names` that were not subscribed yet; nothing is, and false returned, where the limit would be passed.
  [[nodiscard]] bool subscribe(const std::vector<std::string>& names, std::vector<std::string>& added) {
    const std::size_t before = streams_.size();
    for (const std::string& name : names)
      if (!has(name)) streams_.push_back(name);
    if (streams_.size() > max_streams) {
      streams_.resize(before);
      return false;
    }
    added.assign(streams_.begin() + static_cast<std::ptrdiff_t>(before), streams_.end());
    return true;
  }

  [[nodiscard]] control_outcome handle(std::string_view text) {
    control_outcome outcome;
    simdjson::dom::element message;
    // copies: the message is a view into a receive buffer
    if (parser_.parse(text.data(), text.size(), true).get(message) != simdjson::SUCCESS) {
      outcome.not_json = true;
      return outcome;
    }
    answer(message, text.size(), outcome);
    return outcome;
  }

 private:
  using element = simdjson::dom::element;

  static constexpr std::string_view variants =
      "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

  [[nodiscard]] bool has(std::string_view name) const {
    return std::find(streams_.begin(), streams_.end(), name) != streams_.end();
  }

  /// The id as it goes into the answer: int64, null, or an alphanumeric string of at most 36; empty for anything else.
  [[nodiscard]] static std::string id_of(const element& message) {
    element id;
    if (message["id"].get(id) != simdjson::SUCCESS || id.is_null()) return "null";
    if (std::int64_t number = 0; id.get(number) == simdjson::SUCCESS) return std::to_string(number);
    std::string_view text;
    if (id.get(text) != simdjson::SUCCESS || text.empty() || text.size() > 36) return {};
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    return plain ? "\"" + std::string{text} + "\"" : std::string{};
  }

  static void fail(control_outcome& outcome, int code, std::string_view text, const std::string& id) {
    outcome.reply = "{\"error\":{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) +
                    "},\"id\":" + id + "}";
  }

  void answer(const element& message, std::size_t size, control_outcome& outcome) {
    const auto refuse = [&](std::string_view why, const std::string& id) {
      fail(outcome, 2, "Invalid request: " + std::string{why}, id);
    };
    const std::string where = " at line 1 column " + std::to_string(size);
    if (!message.is_object()) return refuse("invalid type, expected a request" + where, "null");
    const std::string id = id_of(message);
    if (id.empty()) return refuse("request ID must be an unsigned integer", "null");
    std::string_view method;
    if (message["method"].get(method) != simdjson::SUCCESS) return refuse("missing field `method`" + where, id);
    simdjson::dom::array params;
    const auto given = message["params"].get(params);
    if (given != simdjson::SUCCESS && given != simdjson::NO_SUCH_FIELD)
      return refuse("invalid type, expected a sequence" + where, id);
    const std::string done = "{\"result\":null,\"id\":" + id + "}";
    if (method == "LIST_SUBSCRIPTIONS") {
      outcome.reply = "{\"result\":" + listed() + ",\"id\":" + id + "}";
    } else if (method == "SET_PROPERTY" || method == "GET_PROPERTY") {
      property(params, given == simdjson::SUCCESS ? params.size() : 0, method == "SET_PROPERTY", id, outcome);
    } else if (method == "SUBSCRIBE" || method == "UNSUBSCRIBE") {
      if (given != simdjson::SUCCESS) return refuse("missing field `params`" + where, id);
      std::vector<std::string> names;
      for (const element parameter : params) {
        std::string_view name;
        if (parameter.get(name) != simdjson::SUCCESS) return refuse("stream name must be a string", id);
        names.emplace_back(name);
      }
      if (method == "UNSUBSCRIBE") {
        for (std::string& name : names)
          if (std::erase(streams_, name) != 0) outcome.unsubscribed.push_back(std::move(name));
      } else if (!subscribe(names, outcome.subscribed)) {
        return refuse("too many streams", id);
      }
      outcome.reply = done;
    } else {
      refuse("unknown variant `" + std::string{method} + "`, expected one of " + std::string{variants}, id);
    }
  }

  void property(const simdjson::dom::array& params, std::size_t count, bool set, const std::string& id,
                control_outcome& outcome) {
    std::string_view name;
    if (count == 0 || params.at(0).get(name) != simdjson::SUCCESS)
      return fail(outcome, 2, "Invalid request: property name must be a string", id);
    if (count > (set ? 2U : 1U)) return fail(outcome, 2, "Invalid request: too many parameters", id);
    if (name != "combined") return fail(outcome, 0, "Unknown property", id);
    if (!set) {
      outcome.reply = std::string{"{\"result\":"} + (combined_ ? "true" : "false") + ",\"id\":" + id + "}";
      return;
    }
    bool value = false;
    if (count != 2 || params.at(1).get(value) != simdjson::SUCCESS)
      return fail(outcome, 1, "Invalid value type: expected Boolean", id);
    combined_ = value;
    outcome.reply = "{\"result\":null,\"id\":" + id + "}";
  }

  [[nodiscard]] std::string listed() const {
    std::string list = "[";
    for (const std::string& name : streams_) {
      if (list.size() > 1) list += ',';
      list += detail::json_quoted(name);
    }
    return list + "]";
  }

  simdjson::dom::parser parser_;
  std::vector<std::string> streams_;
  bool combined_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_connection.hpp: the exchange's end of one connection.

// foxtrot/sim/frame_queue.hpp: bytes that wait to be sent to one client: frames of a server, or an HTTP response.

namespace foxtrot::inline v0 {

/// Frames are laid one behind the other, so that all that are due leave in one write. Grows as needed, never shrinks;
/// the owner watches `size`. Not thread-safe.
class frame_queue {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

  /// One unmasked frame whose payload is these pieces.
  void frame(opcode op, std::initializer_list<std::string_view> pieces) {
    std::size_t length = 0;
    for (const std::string_view piece : pieces) length += piece.size();
    char* at = room(max_frame_header + length);
    char head[max_frame_header];
    const std::size_t head_size = encode_frame_header(head, op, true, length, std::nullopt);
    std::memcpy(at, head, head_size);
    at += head_size;
    for (const std::string_view piece : pieces) at = put(at, piece);
    end_ += head_size + length;
  }

  void raw(std::string_view bytes) {
    put(room(bytes.size()), bytes);
    end_ += bytes.size();
  }

  /// Hands the stream what it takes. Zero once everything left, errc::would_block: wait until the stream is writable.
  template <byte_stream Stream>
  std::error_code flush(Stream& stream) noexcept {
    while (!empty()) {
      const io_result went = stream.write_some(std::span<const char>{data_.get() + begin_, size()});
      begin_ += went.bytes;
      if (went.error) return went.error;
    }
    begin_ = end_ = 0;
    return stream.flush();
  }

 private:
  /// An empty piece may have no address at all.
  static char* put(char* at, std::string_view bytes) noexcept {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
  }

  [[nodiscard]] char* room(std::size_t count) {
    if (capacity_ - end_ >= count) return data_.get() + end_;
    if (capacity_ - size() >= count && begin_ >= size()) {  // moving is cheap where little is left
      std::memcpy(data_.get(), data_.get() + begin_, size());
    } else {
      const std::size_t larger = 2 * (size() + count) + 4096;
      std::unique_ptr<char[]> moved{new char[larger]};  // uninitialised on purpose
      if (!empty()) std::memcpy(moved.get(), data_.get() + begin_, size());
      data_ = std::move(moved);
      capacity_ = larger;
    }
    end_ -= std::exchange(begin_, 0);
    return data_.get() + end_;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_{0};
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/sim_stream.hpp: a server's end of a connection: TLS, or plain TCP where a test wants to look inside.

namespace foxtrot::inline v0 {

/// One type for both. Every byte of a connection passes through here, and so will every fault that is one of bytes.
/// Loop thread only.
class sim_stream {
 public:
  sim_stream(tcp_stream accepted, const std::optional<tls_context>& tls)
      : stream_{tls ? either{std::in_place_type<tls_stream>, std::move(accepted), *tls}
                    : either{std::in_place_type<tcp_stream>, std::move(accepted)}} {}

  /// Nothing to do where there is no TLS.
  [[nodiscard]] task<std::error_code> handshake() {
    std::error_code error;
    if (auto* tls = std::get_if<tls_stream>(&stream_)) error = co_await tls->handshake();
    co_return error;
  }

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    return std::visit([&](auto& stream) { return stream.read_some(into); }, stream_);
  }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
    return std::visit([&](auto& stream) { return stream.write_some(from); }, stream_);
  }
  [[nodiscard]] std::error_code flush() noexcept {
    return std::visit([](auto& stream) { return stream.flush(); }, stream_);
  }
  [[nodiscard]] task<std::error_code> wait_readable() {
    return std::visit([](auto& stream) { return stream.wait_readable(); }, stream_);
  }
  [[nodiscard]] task<std::error_code> wait_writable() {
    return std::visit([](auto& stream) { return stream.wait_writable(); }, stream_);
  }
  void close() noexcept {
    std::visit([](auto& stream) { stream.close(); }, stream_);
  }

  /// Drops the connection with a reset (RST).
  void reset() noexcept {
    std::visit([](auto& stream) { stream.reset(); }, stream_);
  }
  /// Announces the end, as far as the socket takes that now.
  void shutdown() noexcept {
    if (auto* tls = std::get_if<tls_stream>(&stream_)) tls->shutdown();
    if (auto* tcp = std::get_if<tcp_stream>(&stream_)) tcp->shutdown_write();
  }
  [[nodiscard]] bool is_open() const noexcept {
    return std::visit([](const auto& stream) { return stream.is_open(); }, stream_);
  }

 private:
  using either = std::variant<tcp_stream, tls_stream>;

  either stream_;
};

static_assert(byte_stream<sim_stream>);

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What connections share. Loop thread only.
struct exchange_parts {
  timer_queue& timers;
  stream_hub& hub;
  const market_source& source;
  const exchange_limits& limits;
  detail::exchange_counters& counters;
  bool drop_slow{true};  ///< a replay waits for slow readers instead
};

/// One accepted connection, plain HTTP until `open`, a WebSocket from then on. Owned by the tasks that read and write
/// it. Every message leaves through `send` and every byte through the stream: faults have one place to step in. Loop
/// thread only.
class exchange_connection final : public stream_subscriber,
                                  public std::enable_shared_from_this<exchange_connection>,
                                  private live_object<exchange_connection> {
 public:
  exchange_connection(sim_stream stream, exchange_parts parts)
      : parts_{parts}, stream_{std::move(stream)}, writable_{parts.timers.context()} {}
  ~exchange_connection() override {
    if (!session_) return;
    parts_.hub.forget(*this);
    parts_.counters.open_websockets.subtract();
  }

  [[nodiscard]] sim_stream& stream() noexcept { return stream_; }
  [[nodiscard]] bool is_websocket() const noexcept { return session_ != nullptr; }

  /// Drops the connection with a reset, or without a word.
  void reset() noexcept { stream_.reset(); }
  void close_now() noexcept { stream_.close(); }

  /// Sends raw bytes and waits until they left.
  [[nodiscard]] task<std::error_code> send_all(std::string bytes) {
    queue_.raw(bytes);
    parts_.counters.bytes_sent.add(bytes.size());
    std::error_code error = queue_.flush(stream_);
    while (error == errc::would_block) {
      error = co_await stream_.wait_writable();
      if (!error) error = queue_.flush(stream_);
    }
    co_return error;
  }

  /// The upgrade is done; `received` are bytes that came behind the request.
  void open(const websocket_target& target, std::string_view received) {
    session_ = std::make_unique<session>(target);
    parts_.counters.websockets.add();
    parts_.counters.open_websockets.add();
    const std::span<char> space = session_->decoder.prepare();
    if (!received.empty()) std::memcpy(space.data(), received.data(), received.size());
    session_->decoder.commit(received.size());
    std::vector<std::string> added;
    if (session_->control.subscribe(target.streams, added)) subscribe(added);
    schedule_ping();
  }

  /// Reads until the connection ends, answering what the client says.
  [[nodiscard]] task<> read_messages() {
    incoming events{*this};
    while (stream_.is_open()) {
      if (const std::error_code violation = session_->decoder.drain(events)) begin_close(close_code_for(violation), {});
      flush();
      if (session_->decoder.closed()) break;
      const io_result got = stream_.read_some(session_->decoder.prepare());
      session_->decoder.commit(got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) break;
      if (const std::error_code error = co_await stream_.wait_readable()) break;
    }
    // the client's close gets its answer behind whatever data was under way, within the limit
    if (session_->decoder.closed()) {
      session_->close_timer = parts_.timers.call_after(parts_.limits.close_timeout, [this] { stream_.close(); });
    }
    while (session_->decoder.closed() && stream_.is_open() && queue_.size() != 0) {
      if (const std::error_code error = co_await stream_.wait_writable()) break;
      blocked_ = false;
      flush();
    }
    if (stream_.is_open()) stream_.shutdown();
    stream_.close();
    writable_.notify();
  }

  /// Sends what the socket did not take at once. Runs beside `read_messages`.
  [[nodiscard]] task<> write_messages() {
    while (stream_.is_open()) {
      if (const std::error_code error = co_await writable_.wait()) co_return;
      while (stream_.is_open() && blocked_) {
        if (const std::error_code error = co_await stream_.wait_writable()) co_return;
        blocked_ = false;
        flush();
      }
      parts_.hub.changed().notify();  // whoever waits for room looks again
    }
  }

  /// Sends a close frame and waits for the client's, within the limit. No data follows.
  void begin_close(close_code code, std::string_view reason) {
    if (!session_ || session_->closing) return;
    session_->closing = true;
    queue_.frame(opcode::close, {encode_close(code, reason)});
    flush();
    session_->close_timer = parts_.timers.call_after(parts_.limits.close_timeout, [this] { stream_.close(); });
  }

  [[nodiscard]] time_unit unit() const noexcept override { return session_->unit; }
  [[nodiscard]] std::size_t unsent() const noexcept override { return stream_.is_open() ? queue_.size() : 0; }

  void message(sim_message kind, std::string_view stream, std::string_view data) override {
    if (session_->closing || !stream_.is_open()) return;
    if (session_->control.combined()) {
      send(opcode::text, {"{\"stream\":\"", stream, "\",\"data\":", data, "}"});
    } else {
      send(opcode::text, {data});
    }
    parts_.counters.sent[static_cast<std::size_t>(kind)].add();
    if (!parts_.drop_slow || queue_.size() <= parts_.limits.max_unsent) return;
    parts_.counters.dropped_slow.add();
    stream_.close();
  }

  void flush() override {
    if (blocked_ || !stream_.is_open()) return;
    const std::error_code error = queue_.flush(stream_);
    if (!error) return;
    if (error == errc::would_block) {
      blocked_ = true;
      writable_.notify();
    } else {
      stream_.close();
    }
  }

 private:
  struct ping {
    std::string payload;
    steady_time sent;
  };

  /// What a WebSocket has beyond a connection.
  struct session {
    explicit session(const websocket_target& target)
        : unit{target.unit}, route{target.route}, control{target.combined} {}

    time_unit unit;
    stream_route route;
    control_session control;
    message_decoder<websocket_role::server> decoder{{.buffer = 64 * 1024, .max_message = 1024 * 1024}};
    std::deque<ping> unanswered;
    timer ping_timer;
    timer pong_timer;
    timer close_timer;
    bool closing{false};
  };

  /// What the decoder found.
  struct incoming {
    exchange_connection& self;

    void on_message(message_kind kind, std::string_view text) {
      if (!self.admit()) return;
      self.parts_.counters.control_messages.add();
      self.control(kind, text);
    }
    void on_ping(std::string_view payload) {
      if (self.admit()) self.send(opcode::pong, {payload});
    }
    void on_pong(std::string_view payload) {
      if (self.admit()) self.answered(payload);
    }
    void on_close(const close_info& info) {
      if (self.session_->closing) return;  // it is the answer to ours
      self.session_->closing = true;
      self.queue_.frame(opcode::close, {encode_close(info.code)});
    }
  };

  void send(opcode op, std::initializer_list<std::string_view> pieces) {
    const std::size_t before = queue_.size();
    queue_.frame(op, pieces);
    parts_.counters.bytes_sent.add(queue_.size() - before);
  }

  /// Counts a message of the client's; the one too many ends the connection.
  [[nodiscard]] bool admit() {
    if (session_->closing) return false;
    if (!rate_ && parts_.limits.messages_per_second != 0) {
      const std::chrono::milliseconds second{1000};
      rate_.emplace(rate_limit_settings{parts_.limits.messages_per_second, second, 0});
    }
    if (!rate_ || rate_->try_acquire(parts_.timers.now(), send_priority::urgent)) return true;
    parts_.counters.dropped_noisy.add();
    begin_close(close_code::policy_violation, "Too many requests");
    return false;
  }

  void control(message_kind kind, std::string_view text) {
    control_outcome outcome;
    outcome.not_json = kind != message_kind::text;
    if (!outcome.not_json) outcome = session_->control.handle(text);
    if (outcome.not_json) return begin_close(close_code::policy_violation, "Invalid request");
    for (const std::string& name : outcome.unsubscribed)
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.unsubscribe(*stream, *this);
    send(opcode::text, {outcome.reply});
    subscribe(outcome.subscribed);
  }

  void subscribe(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.subscribe(*stream, *this);
  }

  void schedule_ping() {
    session_->ping_timer = parts_.timers.call_after(parts_.limits.ping_interval, [this] { send_ping(); });
  }

  void send_ping() {
    if (session_->closing || !stream_.is_open()) return;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(epoch_clock::now().time_since_epoch());
    session_->unanswered.push_back({std::to_string(now.count()), parts_.timers.now()});
    send(opcode::ping, {session_->unanswered.back().payload});
    parts_.counters.pings_sent.add();
    flush();
    if (session_->unanswered.size() == 1) expect_pong();
    schedule_ping();
  }

  void expect_pong() {
    const steady_time limit = session_->unanswered.front().sent + parts_.limits.pong_timeout;
    session_->pong_timer =
        parts_.timers.call_at(limit, [this] { begin_close(close_code::policy_violation, "Pong timeout"); });
  }

  /// A pong that copies a ping answers it and those before; any other is allowed and proves nothing.
  void answered(std::string_view payload) {
    auto& waiting = session_->unanswered;
    const auto found =
        std::find_if(waiting.begin(), waiting.end(), [&](const ping& p) { return p.payload == payload; });
    if (found == waiting.end()) return;
    parts_.counters.pongs_received.add();
    waiting.erase(waiting.begin(), found + 1);
    session_->pong_timer.cancel();
    if (!waiting.empty()) expect_pong();
  }

  exchange_parts parts_;
  sim_stream stream_;
  frame_queue queue_;
  async_event writable_;  // notified when there is something for write_messages to do
  std::optional<rate_limiter> rate_;
  std::unique_ptr<session> session_;  // once it is a WebSocket
  bool blocked_{false};               // the socket was full; write_messages flushes
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/rest_api.hpp: the public REST requests of the simulated exchange.

// foxtrot/sim/exchange_info_json.hpp: what the simulated exchange says about its symbols and limits.

namespace foxtrot::inline v0 {

/// Writes the body of GET exchangeInfo in the shape of its market.
class exchange_info_json {
 public:
  exchange_info_json(sim_market market, std::uint32_t weight_per_minute)
      : market_{market}, weight_per_minute_{weight_per_minute} {}

  /// The symbols whose numbers are given; `permissions`: whether spot says who may trade them.
  [[nodiscard]] std::string body(std::span<const symbol_spec> all, std::span<const std::size_t> wanted,
                                 std::int64_t now_ms, bool permissions) const {
    std::string out = R"({"timezone":"UTC","serverTime":)" + std::to_string(now_ms);
    if (market_ == sim_market::usdm) out += R"(,"futuresType":"U_MARGINED")";
    out += R"(,"rateLimits":[)" + limit("REQUEST_WEIGHT", "MINUTE", 1, weight_per_minute_);
    if (spot()) {
      out += ',' + limit("ORDERS", "SECOND", 10, 100) + ',' + limit("ORDERS", "DAY", 1, 200'000) + ',' +
             limit("RAW_REQUESTS", "MINUTE", 5, 61'000);
    } else {
      out += ',' + limit("ORDERS", "MINUTE", 1, 1'200);
    }
    out += R"(],"exchangeFilters":[],"symbols":[)";
    for (const std::size_t number : wanted) {
      if (out.back() != '[') out += ',';
      spot() ? spot_symbol(out, all[number], permissions) : contract(out, all[number]);
    }
    return out + "]}";
  }

 private:
  struct assets {
    std::string_view pair, base, quote;
  };

  [[nodiscard]] bool spot() const noexcept { return market_ == sim_market::spot; }

  [[nodiscard]] static std::string limit(std::string_view type, std::string_view interval, int count,
                                         std::uint32_t most) {
    std::string out = R"({"rateLimitType":")";
    out.append(type).append(R"(","interval":")").append(interval);
    return out + R"(","intervalNum":)" + std::to_string(count) + R"(,"limit":)" + std::to_string(most) + "}";
  }

  // "BTCUSDT" is BTC in USDT, "BTCUSD_PERP" is a contract on BTC in USD.
  [[nodiscard]] static assets assets_of(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 6> quotes{"USDT", "USDC", "USD", "BTC", "ETH", "BNB"};
    const std::string_view pair = name.substr(0, name.find('_'));
    for (const std::string_view quote : quotes) {
      if (pair.size() > quote.size() && pair.ends_with(quote))
        return {pair, pair.substr(0, pair.size() - quote.size()), quote};
    }
    return {pair, pair, "USDT"};
  }

  static void member(std::string& out, std::string_view key, std::string_view text) {
    out.append(R"(,")").append(key).append(R"(":)").append(detail::json_quoted(text));
  }
  static void member(std::string& out, std::string_view key, int number) {
    out.append(R"(,")").append(key).append(R"(":)").append(std::to_string(number));
  }
  /// A number of `units` of the last decimal; spot writes eight decimals.
  void amount(std::string& out, std::string_view key, std::int64_t units, int decimals) const {
    out.append(R"(,")").append(key).append(R"(":)");
    text_writer{out, 2 * text_writer::number_room}.quoted(units, {decimals, spot() ? 8 : decimals});
  }

  void price_filter(std::string& out, const symbol_spec& spec) const {
    constexpr std::int64_t most_ticks = 1'000'000'000;
    out += R"({"filterType":"PRICE_FILTER")";
    amount(out, "minPrice", spec.tick, spec.price_decimals);
    amount(out, "maxPrice", spec.tick * most_ticks, spec.price_decimals);
    amount(out, "tickSize", spec.tick, spec.price_decimals);
    out += '}';
  }
  void lot_filter(std::string& out, const symbol_spec& spec, std::string_view type, std::int64_t step) const {
    constexpr std::int64_t most_lots = 9'000'000'000;
    out.append(R"({"filterType":")").append(type).append(1, '"');
    amount(out, "minQty", step, spec.quantity_decimals);
    amount(out, "maxQty", most_lots, spec.quantity_decimals);
    amount(out, "stepSize", step, spec.quantity_decimals);
    out += '}';
  }

  void spot_symbol(std::string& out, const symbol_spec& spec, bool permissions) const {
    const assets traded = assets_of(spec.name);
    out += R"({"symbol":)" + detail::json_quoted(spec.name);
    member(out, "status", spec.status);
    member(out, "baseAsset", traded.base);
    member(out, "baseAssetPrecision", 8);
    member(out, "quoteAsset", traded.quote);
    member(out, "quotePrecision", 8);
    member(out, "quoteAssetPrecision", 8);
    out += R"(,"orderTypes":["LIMIT","MARKET"],"icebergAllowed":true,"isSpotTradingAllowed":true,"filters":[)";
    price_filter(out, spec);
    lot_filter(out += ',', spec, "LOT_SIZE", 1);
    lot_filter(out += ',', spec, "MARKET_LOT_SIZE", 0);  // no step of its own
    out += R"(,{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,)"
           R"("maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}],"permissions":[],)";
    out += permissions ? R"("permissionSets":[["SPOT","MARGIN"]]})" : R"("permissionSets":[]})";
  }

  void contract(std::string& out, const symbol_spec& spec) const {
    const bool coinm = market_ == sim_market::coinm;
    const assets traded = assets_of(spec.name);
    out += R"({"symbol":)" + detail::json_quoted(spec.name);
    member(out, "pair", traded.pair);
    member(out, "contractType", "PERPETUAL");
    member(out, coinm ? "contractStatus" : "status", spec.status);
    if (coinm) member(out, "contractSize", traded.base == "BTC" ? 100 : 10);
    member(out, "baseAsset", traded.base);
    member(out, "quoteAsset", traded.quote);
    member(out, "marginAsset", coinm ? traded.base : traded.quote);
    member(out, "pricePrecision", spec.price_decimals);
    member(out, "quantityPrecision", spec.quantity_decimals);
    member(out, "baseAssetPrecision", 8);
    member(out, "quotePrecision", 8);
    out += R"(,"filters":[)";
    price_filter(out, spec);
    lot_filter(out += ',', spec, "LOT_SIZE", 1);
    lot_filter(out += ',', spec, "MARKET_LOT_SIZE", 1);
    if (!coinm) out += R"(,{"filterType":"MIN_NOTIONAL","notional":"5"})";
    out += "]}";
  }

  sim_market market_;
  std::uint32_t weight_per_minute_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct rest_reply {
  int status{200};
  std::string reason{"OK"};
  std::string body;
  std::vector<http_field> headers;
};

/// Answers from a market source, and counts request weight as the venue does: one sum per minute for everybody. Loop
/// thread only; `source` has to outlive it.
class rest_api {
 public:
  rest_api(sim_market market, std::uint32_t weight_per_minute, market_source& source)
      : prefix_{market == sim_market::spot   ? "/api/v3/"
                : market == sim_market::usdm ? "/fapi/v1/"
                                             : "/dapi/v1/"},
        spot_{market == sim_market::spot},
        weight_per_minute_{weight_per_minute},
        source_{source},
        info_{market, weight_per_minute} {}

  /// May wait for a snapshot; never fails.
  [[nodiscard]] task<rest_reply> get(timer_queue& timers, std::string text) {
    const request_target target = request_target::parse(text);
    rest_reply reply;
    if (!target.path.starts_with(prefix_)) co_return problem(404, "Not Found", 0, "");
    const std::string name = target.path.substr(prefix_.size());
    const std::string_view symbol = target.parameter("symbol").value_or("");
    const std::size_t limit = limit_of(target);
    if (!charge(weight_of(name, target, limit))) {
      reply = problem(429, "Too Many Requests", -1003, "Too many requests.");
      reply.headers.push_back({"Retry-After", std::to_string(60 - epoch_clock::now_ns() / 1'000'000'000 % 60)});
    } else if (name == "ping") {
      reply.body = "{}";
    } else if (name == "time") {
      reply.body = "{\"serverTime\":" + std::to_string(now_ms()) + "}";
    } else if (name == "exchangeInfo") {
      reply = exchange_info(target);
    } else if (name == "ticker/bookTicker") {
      reply = book_tickers(target);
    } else if (name != "depth") {
      reply = problem(404, "Not Found", 0, "");
    } else if (symbol.empty()) {
      reply = missing_symbol();
    } else if (const auto number = number_of(symbol); !number) {
      reply = invalid_symbol();
    } else {
      reply.body = co_await source_.snapshot(timers, *number, limit);
      if (reply.body.empty())
        reply = problem(408, "Request Timeout", -1007, "Timeout waiting for response from backend.");
    }
    reply.headers.push_back({"Content-Type", "application/json;charset=UTF-8"});
    reply.headers.push_back({"X-MBX-USED-WEIGHT", std::to_string(used_)});
    reply.headers.push_back({"X-MBX-USED-WEIGHT-1M", std::to_string(used_)});
    co_return reply;
  }

 private:
  [[nodiscard]] static std::int64_t now_ms() { return epoch_clock::now_ns() / 1'000'000; }

  [[nodiscard]] static rest_reply problem(int status, std::string reason, int code, std::string_view text) {
    rest_reply reply;
    reply.status = status;
    reply.reason = std::move(reason);
    if (code != 0) reply.body = "{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) + "}";
    return reply;
  }
  [[nodiscard]] static rest_reply invalid_symbol() { return problem(400, "Bad Request", -1121, "Invalid symbol."); }
  [[nodiscard]] static rest_reply missing_symbol() {
    return problem(400, "Bad Request", -1102,
                   "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
  }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const {
    const std::vector<symbol_spec>& all = source_.symbols();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const symbol_spec& spec) { return spec.name == symbol; });
    return found == all.end() ? std::nullopt : std::optional{static_cast<std::size_t>(found - all.begin())};
  }

  /// Of a depth request, cut to what the venue gives.
  [[nodiscard]] std::size_t limit_of(const request_target& target) const {
    std::size_t limit = spot_ ? 100 : 500;
    const std::string_view text = target.parameter("limit").value_or("");
    (void)std::from_chars(text.data(), text.data() + text.size(), limit);
    return std::clamp<std::size_t>(limit, 1, spot_ ? 5'000 : 1'000);
  }

  [[nodiscard]] std::uint32_t weight_of(std::string_view name, const request_target& target, std::size_t limit) const {
    if (name == "depth" && spot_) return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1'000 ? 50 : 250;
    if (name == "depth") return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
    if (name == "ticker/bookTicker") return target.parameter("symbol") ? 2 : 4;
    return name == "exchangeInfo" && spot_ ? 20 : 1;
  }

  [[nodiscard]] bool charge(std::uint32_t weight) {
    const std::int64_t minute = now_ms() / 60'000;
    if (minute != minute_) used_ = 0;
    minute_ = minute;
    used_ += weight;
    return used_ <= weight_per_minute_;
  }

  [[nodiscard]] rest_reply book_tickers(const request_target& target) {
    rest_reply reply;
    std::vector<std::size_t> wanted;
    const auto one = target.parameter("symbol");
    if (one) {
      const auto number = number_of(*one);
      if (!number) return invalid_symbol();
      reply.body = source_.book_ticker(*number);
      return reply.body.empty() ? invalid_symbol() : reply;
    }
    if (const auto problem = wanted_symbols(target, wanted)) return *problem;
    reply.body = "[";
    for (const std::size_t number : wanted) {
      const std::string ticker = source_.book_ticker(number);
      if (!ticker.empty()) reply.body.append(reply.body.size() > 1 ? "," : "").append(ticker);
    }
    reply.body += ']';
    return reply;
  }

  [[nodiscard]] rest_reply exchange_info(const request_target& target) const {
    rest_reply reply;
    std::vector<std::size_t> wanted;
    if (const auto problem = wanted_symbols(target, wanted)) return *problem;
    const bool permissions = target.parameter("showPermissionSets").value_or("true") != "false";
    reply.body = info_.body(source_.symbols(), wanted, now_ms(), permissions);
    return reply;
  }

  /// The numbers of the symbols that a request is about: all, unless it says which. Only spot takes lists.
  [[nodiscard]] std::optional<rest_reply> wanted_symbols(const request_target& target,
                                                         std::vector<std::size_t>& wanted) const {
    const auto one = spot_ ? target.parameter("symbol") : std::nullopt;
    const auto list = spot_ ? target.parameter("symbols") : std::nullopt;
    if (one) {
      const auto number = number_of(*one);
      if (!number) return invalid_symbol();
      wanted.push_back(*number);
    } else if (list) {
      simdjson::dom::parser parser;
      simdjson::dom::array names;
      if (parser.parse(list->data(), list->size(), true).get(names) != simdjson::SUCCESS)
        return problem(400, "Bad Request", -1100, "Illegal characters found in parameter 'symbols'.");
      for (const simdjson::dom::element name : names) {
        std::string_view text;
        const auto number = name.get(text) == simdjson::SUCCESS ? number_of(text) : std::nullopt;
        if (!number) return invalid_symbol();
        wanted.push_back(*number);
      }
    } else {
      for (std::size_t i = 0; i < source_.symbols().size(); ++i) wanted.push_back(i);
    }
    return std::nullopt;
  }

  std::string_view prefix_;
  bool spot_;
  std::uint32_t weight_per_minute_;
  market_source& source_;
  exchange_info_json info_;
  std::int64_t minute_{0};
  std::uint32_t used_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The loop's side of an exchange. Every task that it starts belongs to `scope`, which has to be closed before it is
/// destroyed. Loop thread only, except the constructor and `listen`.
class exchange_server : private live_object<exchange_server> {
 public:
  exchange_server(const exchange_settings& settings, std::optional<tls_context> tls, asio::io_context& loop,
                  timer_queue& timers, task_scope& scope, market_source& source, detail::exchange_counters& counters)
      : settings_{settings},
        tls_{std::move(tls)},
        loop_{loop},
        timers_{timers},
        scope_{scope},
        source_{source},
        counters_{counters},
        hub_{loop},
        api_{settings.market, settings.limits.weight_per_minute, source},
        acceptor_{loop} {
    hub_.resize(source.stream_count());
  }

  /// The port.
  [[nodiscard]] result<std::uint16_t> listen() {
    const asio::ip::tcp::endpoint here{asio::ip::address_v4::loopback(), settings_.port};
    std::error_code error;
    acceptor_.open(here.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address{true}, error);
    if (!error) acceptor_.bind(here, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return detail::from_asio(error);
    return acceptor_.local_endpoint().port();
  }

  void begin() {
    scope_.spawn("sim accept", accept());
    scope_.spawn("sim source", source_.run(timers_, hub_));
  }

  void reset_connections() {
    for (const auto& connection : alive()) connection->reset();
  }
  void close_connections(close_code code, const std::string& reason) {
    for (const auto& connection : alive()) {
      if (connection->is_websocket()) {
        connection->begin_close(code, reason);
      } else {
        connection->close_now();
      }
    }
  }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, io_executor>;
  using client_pointer = std::shared_ptr<exchange_connection>;

  /// Counts a connection for as long as it is served.
  struct open_mark {
    explicit open_mark(detail::exchange_counters& all) : counters{all} { counters.open_connections.add(); }
    open_mark(const open_mark&) = delete;
    open_mark& operator=(const open_mark&) = delete;
    ~open_mark() { counters.open_connections.subtract(); }

    detail::exchange_counters& counters;
  };

  /// Everybody who is being served; the list itself does not keep them.
  [[nodiscard]] std::vector<client_pointer> alive() {
    std::vector<client_pointer> found;
    for (const auto& weak : connections_)
      if (client_pointer strong = weak.lock()) found.push_back(std::move(strong));
    return found;
  }

  [[nodiscard]] task<> accept() {
    while (true) {
      std::error_code error;
      tcp_stream::socket socket{loop_};
      co_await acceptor_.async_accept(socket, asio::redirect_error(use_task, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors, perhaps: somebody may close one
        error = co_await timers_.sleep_for(std::chrono::milliseconds{10});
        if (error) co_return;
        continue;
      }
      counters_.connections.add();
      const exchange_parts parts{timers_, hub_, source_, settings_.limits, counters_, settings_.replay.path.empty()};
      auto accepted = std::make_shared<exchange_connection>(sim_stream{tcp_stream{std::move(socket)}, tls_}, parts);
      std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
      connections_.push_back(accepted);
      scope_.spawn("sim connection", serve(std::move(accepted)));
    }
  }

  [[nodiscard]] task<> serve(client_pointer client) {
    const open_mark counted{counters_};
    if (const std::error_code error = co_await shake_hands(client)) co_return;
    std::string received;  // and not used yet
    bool more = true;
    while (more) {
      http_request_parser parser;
      if (const std::error_code error = co_await read_request(client, parser, received)) break;
      const http_request& request = parser.request();
      more = request.keep_alive;
      std::string response;
      if (is_upgrade(request)) {
        const auto target = websocket_target::parse(request.target, settings_.market);
        response = upgrade_response(request, target);
        const bool accepted = response.starts_with("HTTP/1.1 101");
        if (const std::error_code error = co_await client->send_all(std::move(response))) break;
        if (!accepted) break;
        client->open(*target, received);
        scope_.spawn("sim writer", write(client));
        co_await client->read_messages();
        co_return;
      }
      counters_.rest_requests.add();
      const rest_reply reply = co_await api_.get(timers_, request.target);
      response = encode_response(reply.status, reply.reason, reply.body, reply.headers);
      if (const std::error_code error = co_await client->send_all(std::move(response))) break;
    }
    if (client->stream().is_open()) client->stream().shutdown();
    client->close_now();
  }

  [[nodiscard]] task<std::error_code> shake_hands(client_pointer client) {
    const deadline limit{timers_, settings_.limits.handshake_timeout, [raw = client.get()] { raw->close_now(); }};
    co_return co_await client->stream().handshake();
  }

  /// Holds the connection: the two tasks of a WebSocket end in any order.
  [[nodiscard]] static task<> write(client_pointer client) { co_await client->write_messages(); }

  [[nodiscard]] static task<std::error_code> read_request(client_pointer client, http_request_parser& parser,
                                                          std::string& received) {
    std::array<char, 8192> buffer;
    while (true) {
      received.erase(0, parser.feed(received));
      if (parser.error()) co_return parser.error();
      if (parser.done()) co_return std::error_code{};
      const io_result got = client->stream().read_some(buffer);
      received.append(buffer.data(), got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) co_return got.error;
      if (const std::error_code error = co_await client->stream().wait_readable()) co_return error;
    }
  }

  [[nodiscard]] std::string upgrade_response(const http_request& request,
                                             const std::optional<websocket_target>& target) {
    const std::vector<http_field> last{{"Connection", "close"}};
    if (!target) return encode_response(404, "Not Found", {}, last);
    if (target->streams.size() > control_session::max_streams) return encode_response(400, "Bad Request", {}, last);
    auto accepted = accept_upgrade(request);
    return accepted ? std::move(*accepted) : encode_response(400, "Bad Request", {}, last);
  }

  const exchange_settings& settings_;
  const std::optional<tls_context> tls_;
  asio::io_context& loop_;
  timer_queue& timers_;
  task_scope& scope_;
  market_source& source_;
  detail::exchange_counters& counters_;
  stream_hub hub_;
  rest_api api_;
  acceptor acceptor_;
  std::vector<std::weak_ptr<exchange_connection>> connections_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/generator_source.hpp: a generated market, told in real time.

namespace foxtrot::inline v0 {

/// Paces a generator by the wall clock: wakes at most once a millisecond and sends what is due, the whole of a burst at
/// once. Texts are written only for streams that somebody wants, once per time unit.
class generator_source final : public market_source, private live_object<generator_source> {
 public:
  explicit generator_source(generator_settings settings)
      : generator_{std::move(settings)}, specs_{generator_.symbols().begin(), generator_.symbols().end()} {
    for (const symbol_spec& spec : specs_) {
      json_.emplace_back(generator_.market(), spec);
      std::string lower = spec.name;
      for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      for (const channel& each : channels) {
        by_name_.emplace(lower + '@' + std::string{each.name}, names_.size());
        names_.push_back(lower + '@' + std::string{each.name});
      }
    }
  }

  [[nodiscard]] std::size_t stream_count() const noexcept override { return names_.size(); }

  [[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const override {
    const auto found = by_name_.find(std::string{name});
    if (found == by_name_.end()) return std::nullopt;
    const channel& wanted = channels[found->second % channels.size()];
    const bool spot = generator_.market() == sim_market::spot;
    if (spot && wanted.kind == sim_message::mark_price) return std::nullopt;
    return serves(route, wanted.kind) ? std::optional{found->second} : std::nullopt;
  }

  [[nodiscard]] task<> run(timer_queue& timers, stream_hub& hub) override {
    generator_.sleep(std::chrono::nanoseconds{epoch_clock::now_ns() - generator_.next_at()});
    while (true) {
      const std::int64_t now = epoch_clock::now_ns();
      const std::int64_t behind = now - generator_.next_at();
      // a machine that was asleep must not make up for it in one flood
      if (paused_ || behind > most_behind_ns)
        generator_.sleep(std::chrono::nanoseconds{std::max<std::int64_t>(behind, 0)});
      std::size_t told = 0;
      while (!paused_ && told < most_at_once && generator_.next_at() <= now + burst_ns) {
        tell(hub, generator_.next());
        ++told;
      }
      hub.flush();
      const auto until_next = std::chrono::nanoseconds{generator_.next_at() - epoch_clock::now_ns()};
      const auto wait = std::max<std::chrono::nanoseconds>(until_next, tick);
      const std::error_code error = co_await timers.sleep_for(wait);
      if (error) co_return;
    }
  }

  void pause(bool paused) override { paused_ = paused; }
  void lose_depth_update(std::string_view symbol) override {
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      if (specs_[i].name == symbol) to_lose_[i] = true;
    }
  }

  [[nodiscard]] const std::vector<symbol_spec>& symbols() const noexcept override { return specs_; }
  [[nodiscard]] task<std::string> snapshot(timer_queue&, std::size_t symbol, std::size_t limit) override {
    std::string body;
    json_[symbol].snapshot(body, generator_.book(symbol), limit, epoch_clock::now_ns());
    co_return body;
  }
  [[nodiscard]] std::string book_ticker(std::size_t symbol) override {
    std::string body;
    json_[symbol].rest_book_ticker(body, generator_.book(symbol), epoch_clock::now_ns());
    return body;
  }

 private:
  using event_kind = market_event::kind;
  struct channel {
    std::string_view name;
    event_kind event;
    sim_message kind;
    std::size_t levels;  // of a partial book; 0 where it is none
  };

  static constexpr std::array<channel, 15> channels{{
      {"bookTicker", event_kind::book_ticker, sim_message::book_ticker, 0},
      {"trade", event_kind::trade, sim_message::trade, 0},
      {"aggTrade", event_kind::trade, sim_message::agg_trade, 0},
      {"depth@100ms", event_kind::depth, sim_message::depth, 0},
      {"depth5@100ms", event_kind::depth, sim_message::depth, 5},
      {"depth10@100ms", event_kind::depth, sim_message::depth, 10},
      {"depth20@100ms", event_kind::depth, sim_message::depth, 20},
      {"depth", event_kind::depth_slow, sim_message::depth, 0},
      {"depth@1000ms", event_kind::depth_slow, sim_message::depth, 0},
      {"depth5", event_kind::depth_slow, sim_message::depth, 5},
      {"depth10", event_kind::depth_slow, sim_message::depth, 10},
      {"depth20", event_kind::depth_slow, sim_message::depth, 20},
      {"markPrice", event_kind::mark_price, sim_message::mark_price, 0},
      {"markPrice@1s", event_kind::mark_price, sim_message::mark_price, 0},
      {"depth@0ms", event_kind::depth, sim_message::depth, 0},
  }};
  static constexpr std::chrono::nanoseconds tick = std::chrono::milliseconds{1};
  static constexpr std::int64_t burst_ns = 100'000;  // what comes so soon belongs to the burst that is due
  static constexpr std::int64_t most_behind_ns = 500'000'000;
  static constexpr std::size_t most_at_once = 20'000;  // then the loop has its turn

  void tell(stream_hub& hub, const market_event& event) {
    bool lost = false;
    for (std::size_t i = 0; i < channels.size(); ++i) {
      if (channels[i].event != event.what) continue;
      const std::size_t stream = event.symbol * channels.size() + i;
      if (!hub.wanted(stream)) continue;
      const bool update = channels[i].kind == sim_message::depth && channels[i].levels == 0;
      lost = lost || (update && to_lose_[event.symbol]);
      if (!update || !to_lose_[event.symbol]) tell(hub, event, channels[i], stream);
    }
    if (lost) to_lose_[event.symbol] = false;
  }

  void tell(stream_hub& hub, const market_event& event, const channel& through, std::size_t stream) {
    for (std::string& text : texts_) text.clear();
    for (stream_subscriber* who : hub.subscribers(stream)) {
      std::string& text = texts_[static_cast<std::size_t>(who->unit())];
      if (text.empty()) write(text, event, through, who->unit());
      who->message(through.kind, names_[stream], text);
      hub.mark(*who);
    }
  }

  void write(std::string& text, const market_event& event, const channel& through, time_unit unit) const {
    const market_json& json = json_[event.symbol];
    switch (through.kind) {
      case sim_message::book_ticker: return json.book_ticker(text, event, unit);
      case sim_message::trade: return json.trade(text, event, unit);
      case sim_message::agg_trade: return json.agg_trade(text, event, unit);
      case sim_message::mark_price: return json.mark_price(text, event, unit);
      case sim_message::depth:
      case sim_message::other: break;
    }
    if (through.levels == 0) return json.depth(text, event, unit);
    json.partial_depth(text, event, generator_.book(event.symbol), through.levels, unit);
  }

  market_generator generator_;
  std::vector<symbol_spec> specs_;
  std::vector<market_json> json_;   // by symbol
  std::vector<std::string> names_;  // by stream
  std::unordered_map<std::string, std::size_t> by_name_;
  std::array<std::string, 2> texts_;                              // by time unit, of the message being told
  std::vector<bool> to_lose_ = std::vector<bool>(specs_.size());  // by symbol: its next depth update
  bool paused_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Speaks the venue's protocol to any number of clients from a thread of its own. Starts once, stops once. Everything
/// but construction, `start` and destruction may be called from any thread at any time; what changes connections takes
/// effect soon after.
class exchange : private live_object<exchange> {
 public:
  explicit exchange(exchange_settings settings = {}, diagnostics log = {})
      : settings_{std::move(settings)}, bridge_{bridge_settings_of(settings_), std::move(log)} {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  /// Stops.
  ~exchange() { stop(); }

  /// The port it listens on. The error of the capture, of the certificate, or of the socket; nothing runs then.
  [[nodiscard]] result<std::uint16_t> start() {
    std::optional<tls_context> tls;
    if (settings_.tls) {
      auto prepared = prepare_tls();
      if (!prepared) return prepared.error();
      tls = std::move(prepared).value();
    }
    if (const std::error_code error = prepare_source()) return error;
    server_.emplace(settings_, std::move(tls), bridge_.context(), bridge_.timers(), bridge_.scope(), *source_,
                    counters_);
    const auto port = server_->listen();
    if (!port) return port.error();
    if (const std::error_code error = bridge_.start()) return error;
    if (const std::error_code error = bridge_.call([this] { server_->begin(); }, std::chrono::seconds{1})) return error;
    port_ = *port;
    return port_;
  }

  /// Drops every connection and joins the thread, within `patience`. Any number of times.
  std::error_code stop(std::chrono::milliseconds patience = std::chrono::seconds{2}) { return bridge_.stop(patience); }

  /// What `start` returned; 0 before.
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// The authority that a client has to trust; empty before `start` and without TLS.
  [[nodiscard]] const std::string& ca_pem() const noexcept { return ca_pem_; }
  [[nodiscard]] exchange_statistics statistics() const noexcept { return counters_.look(); }

  /// Every connection ends with a reset (RST), or is closed by the WebSocket's handshake.
  void reset_connections() {
    bridge_.post([this] { server_->reset_connections(); });
  }
  void close_connections(close_code code, std::string reason = {}) {
    bridge_.post([this, code, reason = std::move(reason)] { server_->close_connections(code, reason); });
  }
  /// No market data from now on, until `resume`; everything else goes on.
  void pause() {
    bridge_.post([this] { source_->pause(true); });
  }
  void resume() {
    bridge_.post([this] { source_->pause(false); });
  }
  /// The next depth update of this symbol gets lost on its way to everybody; not in a replay.
  void lose_depth_update(std::string symbol) {
    bridge_.post([this, symbol = std::move(symbol)] { source_->lose_depth_update(symbol); });
  }

 private:
  [[nodiscard]] static bridge_settings bridge_settings_of(const exchange_settings& settings) {
    bridge_settings bridge;
    bridge.network.name = settings.thread_name;
    bridge.network.cpu = settings.cpu;
    return bridge;
  }

  [[nodiscard]] result<tls_context> prepare_tls() {
    const auto authority = certificate_authority::make();
    if (!authority) return authority.error();
    const auto issued = authority->issue(settings_.certificate);
    if (!issued) return issued.error();
    ca_pem_ = authority->ca_pem();
    tls_settings server;
    server.role = tls_role::server;
    server.max_version = settings_.max_tls;
    server.certificate_pem = issued->certificate_pem;
    server.key_pem = issued->key_pem;
    return tls_context::make(server);
  }

  [[nodiscard]] std::error_code prepare_source() {
    if (settings_.replay.path.empty()) {
      generator_settings wanted;
      wanted.market = settings_.market;
      wanted.symbols = settings_.symbols;
      wanted.seed = settings_.seed;
      wanted.events_per_second = settings_.events_per_second;
      wanted.levels = settings_.levels;
      source_ = std::make_unique<generator_source>(std::move(wanted));
      return {};
    }
    auto replay = capture_replay::open(settings_.replay, counters_);
    if (!replay) return replay.error();
    const capture_market market = (*replay)->contents().market;
    // a recording of COIN-M looks like one of USD-M
    if (market == capture_market::spot) settings_.market = sim_market::spot;
    if (market == capture_market::usdm && settings_.market == sim_market::spot) settings_.market = sim_market::usdm;
    source_ = std::move(*replay);
    return {};
  }

  exchange_settings settings_;
  detail::exchange_counters counters_;
  std::string ca_pem_;
  std::uint16_t port_{0};
  std::unique_ptr<market_source> source_;
  async_thread_bridge bridge_;
  std::optional<exchange_server> server_;  // used on the bridge's thread, which `stop` has joined before this goes
};

}  // namespace foxtrot::inline v0
