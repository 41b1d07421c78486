#include "runtime/package/strict_json.h"

#include <set>
#include <stdexcept>
#include <vector>

namespace mlp::package {

nlohmann::json parse_strict(std::string_view text) {
  constexpr int max_depth = 64;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > max_depth) throw std::runtime_error("JSON is nested too deeply");
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second)
      throw std::runtime_error("doubled key `" + value.get<std::string>() + "`");
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(std::string("bad JSON: ") + error.what());
  }
}

}  // namespace mlp::package
