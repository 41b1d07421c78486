// The time zone database (IANA, public domain) as it travels inside the compiler. What runs sees the rules of the zones that a
// spec names and nothing else: `in_zone(seen, "Europe/Rome")` holds them as a constant.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlp::zones {

std::string_view version();                                // "2025b"
std::vector<std::string> names();                          // in the order of bytes; old names are among them
// "Europe/Rome 2025b:" and what stdlib/builtins/zone.cpp reads; nothing when there is no such zone.
std::optional<std::string> rules(std::string_view name);
std::string_view name_of(std::string_view rules);          // "Europe/Rome"
std::string_view version_of(std::string_view rules);       // "2025b"

}  // namespace mlp::zones
