// Manual pages in roff, written from the definitions of the command line.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "base/codes/command.h"
#include "base/files.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/describe.h"

namespace mlp::cli {
namespace {

std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((i == 0 || text[i - 1] == '\n') && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else if (c == '`') out += "\\(ga";
    else if (c == '\'') out += "\\(aq";
    else if (c == '"') out += "\\(dq";
    else if (c == '~') out += "\\(ti";
    else if (c == '^') out += "\\(ha";
    else out += c;
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string manual(const CommandPage& page, const std::vector<CommandPage>& all) {
  const bool root = &page == &all[0];
  const std::string title = root ? page.name : all[0].name + "-" + page.name, spoken = root ? page.name : all[0].name + " " + page.name;
  std::string summary = page.summary;
  if (summary.ends_with('.')) summary.pop_back();
  std::string out = ".\\\" written by `mlp man`\n.TH " + upper(roff(title)) + " 1 \"\" \"mlp " + version + "\" \"Millrace\"\n.SH NAME\n" + roff(title) + " \\- " + roff(summary) + "\n.SH SYNOPSIS\n.B " + roff(spoken) + "\n.RI [ options ]\n";
  if (root) out += ".I COMMAND\n.RI [ arguments ]\n";
  for (const ArgumentPage& p : page.positionals) out += p.required ? ".I " + p.names[0] + (p.repeated ? " ...\n" : "\n") : ".RI [ " + p.names[0] + (p.repeated ? " \" ...\" ]\n" : " ]\n");

  // What the footer says: paragraphs, and examples under their heading.
  std::string description, examples;
  std::istringstream lines(page.footer);
  bool in_examples = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "Examples:") in_examples = true;
    else if (in_examples) examples += roff(line.starts_with("  ") ? line.substr(2) : line) + "\n";
    else description += line.empty() ? ".PP\n" : roff(line) + "\n";
  }
  while (description.ends_with(".PP\n")) description.erase(description.size() - 4);
  if (!description.empty()) out += ".SH DESCRIPTION\n" + description;
  if (root) {
    out += ".SH COMMANDS\n";
    for (std::size_t i = 1; i < all.size(); ++i) out += ".TP\n.BR " + roff(all[0].name + "-" + all[i].name) + " (1)\n" + roff(all[i].summary) + "\n";
  }
  const auto list = [&](const char* heading, const std::vector<ArgumentPage>& arguments, bool positional) {
    if (arguments.empty()) return;
    out += std::string(".SH ") + heading + "\n";
    for (const ArgumentPage& a : arguments) {
      out += ".TP\n";
      std::string names;
      for (const std::string& name : a.names) names += (names.empty() ? "" : ", ") + std::string(positional ? "\\fI" : "\\fB") + roff(name) + "\\fR";
      if (a.takes_value && !positional) names += " \\fIVALUE\\fR";
      std::string words;
      for (const std::string& word : a.words) words += (words.empty() ? "" : ", ") + word;
      out += names + "\n" + roff(a.description) + (words.empty() ? "" : "\n.br\nOne of: " + roff(words) + ".") + "\n";
    }
  };
  list("ARGUMENTS", page.positionals, true);
  list("OPTIONS", page.options, false);
  if (!examples.empty()) out += ".SH EXAMPLES\n.nf\n" + examples + ".fi\n";
  out += ".SH SEE ALSO\n";
  if (!root) return out + ".BR mlp (1)\n";
  for (std::size_t i = 1; i < all.size(); ++i) out += ".BR " + roff(all[0].name + "-" + all[i].name) + (i + 1 < all.size() ? " (1),\n" : " (1)\n");
  return out;
}

}  // namespace

void add_man(CLI::App& app, Globals&, Action& run) {
  struct Args { std::string command, directory; };
  auto args = std::make_shared<Args>();
  app.add_option("COMMAND", args->command, "a command; without one, the page of mlp itself");
  app.add_option("--directory", args->directory, "write every page into this directory, as mlp.1, mlp-check.1, ...");
  app.footer("Written from the commands of this very program, as roff on standard output.\n\nExamples:\n  mlp man check | man -l -\n  mlp man --directory ~/.local/share/man/man1");
  run = [&app, args] {
    const std::vector<CommandPage> pages = describe(app);
    if (!args->directory.empty()) {
      std::error_code error;
      std::filesystem::create_directories(args->directory, error);
      for (const CommandPage& page : pages) write_whole(std::filesystem::path(args->directory) / ((&page == &pages[0] ? page.name : pages[0].name + "-" + page.name) + ".1"), manual(page, pages));
      return 0;
    }
    const auto found = std::find_if(pages.begin(), pages.end(), [&](const CommandPage& p) { return p.name == (args->command.empty() ? pages[0].name : args->command); });
    if (found == pages.end()) {
      std::vector<std::string> names;
      for (const CommandPage& page : pages) names.push_back(page.name);
      const std::string near = nearest(args->command, names);
      throw Failure(code::bad_usage, "`mlp` has no command `" + args->command + "`", near.empty() ? "`mlp --help` lists the commands" : "did you mean `mlp man " + near + "`?");
    }
    std::cout << manual(*found, pages);
    return 0;
  };
}

}  // namespace mlp::cli
