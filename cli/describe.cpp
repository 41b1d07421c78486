#include "cli/describe.h"

#include <sstream>

namespace mlp::cli {
namespace {

// CLI11 keeps the words of `IsMember` in the name of the type only: TEXT:{csv,jsonl}.
std::vector<std::string> words_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{'), close = type.find('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos) return words;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

CommandPage page_of(const CLI::App& app) {
  CommandPage page{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    ArgumentPage argument;
    argument.takes_value = option->get_expected_max() > 0;
    argument.required = option->get_required();
    argument.repeated = option->get_items_expected_max() > 1;
    argument.words = words_of(*option);
    argument.description = option->get_description();
    const bool positional = option->get_positional();
    if (positional) {
      argument.names = {option->get_name(true, false)};
    } else {
      for (const std::string& name : option->get_snames()) argument.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) argument.names.push_back("--" + name);
    }
    (positional ? page.positionals : page.options).push_back(std::move(argument));
  }
  return page;
}

}  // namespace

std::vector<CommandPage> describe(const CLI::App& app) {
  const CLI::App* root = &app;
  while (root->get_parent()) root = root->get_parent();
  std::vector<CommandPage> pages{page_of(*root)};
  for (const CLI::App* command : root->get_subcommands([](const CLI::App*) { return true; })) pages.push_back(page_of(*command));
  return pages;
}

}  // namespace mlp::cli
