#include "runtime/serve/arguments.h"

#include <charconv>

#include "base/codes/command.h"
#include "base/diagnostic.h"

namespace mlp::serve {

Arguments::Arguments(const std::vector<Flag>& flags, int argc, char** argv, int first, const std::string& command) {
  std::vector<std::string> names;
  for (const Flag& flag : flags) names.push_back(flag.name);
  for (int i = first; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.substr(0, 2) == "--" ? argument.find('=') : std::string::npos;
    const std::string name = argument.substr(0, equals);
    const Flag* found = nullptr;
    for (const Flag& flag : flags)
      if (name == flag.name || (*flag.letter && name == flag.letter)) found = &flag;
    if (!found) {
      const std::string near = nearest(name, names);
      throw Failure(code::bad_usage, "unknown argument `" + argument + "`", near.empty() ? "`" + command + " --help` lists the arguments" : "did you mean `" + near + "`?");
    }
    std::string value;
    if (*found->value) {
      if (equals != std::string::npos) value = argument.substr(equals + 1);
      else if (++i < argc) value = argv[i];
      else throw Failure(code::bad_usage, "`" + name + "` needs a value", "`" + command + " --help` shows an example");
    } else if (equals != std::string::npos) {
      throw Failure(code::bad_usage, "`" + name + "` takes no value");
    }
    if (!values_.emplace(found->name, value).second) throw Failure(code::bad_usage, "`" + std::string(found->name) + "` is given twice");
  }
}

std::string Arguments::text(const std::string& flag, const std::string& otherwise) const {
  const auto found = values_.find(flag);
  return found == values_.end() ? otherwise : found->second;
}

int Arguments::number(const std::string& flag, int otherwise, int low, int high) const {
  const auto found = values_.find(flag);
  if (found == values_.end()) return otherwise;
  int value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    throw Failure(code::bad_usage, "`" + flag + "` must be a whole number from " + std::to_string(low) + " to " + std::to_string(high) + ", not `" + text + "`");
  return value;
}

std::string Arguments::word(const std::string& flag, const std::vector<std::string>& allowed) const {
  const std::string value = text(flag, "");
  if (!has(flag)) return value;
  std::string list;
  for (const std::string& word : allowed) {
    if (word == value) return value;
    list += (list.empty() ? "`" : " or `") + word + "`";
  }
  throw Failure(code::bad_usage, "`" + flag + "` must be " + list + ", not `" + value + "`");
}

}  // namespace mlp::serve
