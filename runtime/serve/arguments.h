// The arguments of one command: flags with values, switches. Small on purpose: it is in every artifact.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace mlp::serve {

struct Flag {
  const char* name;      // "--input"
  const char* letter;    // "-i", or ""
  const char* value;     // what its value is called, or "" for a switch
  const char* help;
};

class Arguments {
 public:
  // Takes argv from `first` on. Throws Failure (bad usage): unknown, doubled or incomplete flags, with the nearest name.
  Arguments(const std::vector<Flag>& flags, int argc, char** argv, int first, const std::string& command);
  bool has(const std::string& flag) const { return values_.contains(flag); }
  std::string text(const std::string& flag, const std::string& otherwise) const;
  int number(const std::string& flag, int otherwise, int low, int high) const;  // throws Failure
  std::string word(const std::string& flag, const std::vector<std::string>& allowed) const;  // "" when not given

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace mlp::serve
