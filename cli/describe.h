// The command line as data, read from the definitions that parse it, so that completions and manuals cannot drift from it.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace mlp::cli {

struct ArgumentPage {
  std::vector<std::string> names;  // --format, -q; of a positional its one name: SPEC
  bool takes_value = false;
  bool required = false, repeated = false;
  std::vector<std::string> words;  // all the values that it takes; empty when there is no such list
  std::string description;
};
struct CommandPage {
  std::string name, summary, footer;
  std::vector<ArgumentPage> options, positionals;
};

std::vector<CommandPage> describe(const CLI::App& app);  // of any command: the program first, then its commands in order

}  // namespace mlp::cli
