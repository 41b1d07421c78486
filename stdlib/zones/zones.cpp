#include "stdlib/zones/zones.h"

#include <map>

#include "embedded_zones.h"

namespace mlp::zones {
namespace {

struct Database {
  std::string_view version;
  std::map<std::string_view, std::string_view> zones;  // rules, or =NAME
  Database() {
    std::string_view text = embedded_zones[0].bytes;
    const auto line = [&] {
      const std::size_t end = text.find('\n');
      const std::string_view one = text.substr(0, end);
      text.remove_prefix(end + 1);
      return one;
    };
    version = line().substr(std::string_view("tzdata ").size());
    while (!text.empty()) {
      const std::string_view zone = line();
      const std::size_t blank = zone.find(' ');
      zones.emplace(zone.substr(0, blank), zone.substr(blank + 1));
    }
  }
};
const Database& database() {
  static const Database one;
  return one;
}

}  // namespace

std::string_view version() { return database().version; }

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& [name, unused] : database().zones) out.emplace_back(name);
  return out;
}

std::optional<std::string> rules(std::string_view name) {
  const auto& zones = database().zones;
  auto found = zones.find(name);
  if (found == zones.end()) return {};
  if (found->second.starts_with('=')) found = zones.find(found->second.substr(1));
  return std::string(name) + " " + std::string(version()) + ":" + std::string(found->second);
}

std::string_view name_of(std::string_view rules) { return rules.substr(0, rules.find(' ')); }
std::string_view version_of(std::string_view rules) {
  const std::string_view rest = rules.substr(rules.find(' ') + 1);
  return rest.substr(0, rest.find(':'));
}

}  // namespace mlp::zones
