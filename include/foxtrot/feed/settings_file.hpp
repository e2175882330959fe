// foxtrot/feed/settings_file.hpp: settings as the user keeps them: a JSON file with dotted names.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/feed/file_settings.hpp>

#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// Reads a document. What names may be nested, dotted, or both: {"websocket": {"reconnect.base_delay": 2.5}}. The error
/// is errc::malformed_message for what is no JSON (a number beyond a double's range included), errc::wrong_type for
/// JSON that is no object; whatever is wrong with one setting is listed, and that setting keeps its default.
[[nodiscard]] result<loaded_settings> parse_settings(std::string_view json);

/// The same from a file of at most 4 MiB; otherwise the system's error.
[[nodiscard]] result<loaded_settings> load_settings(const std::string& path);

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/feed/impl/settings_file.hpp>
#endif
