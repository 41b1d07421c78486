// Shell completions, written from the definitions of the command line.
#include <algorithm>
#include <iostream>

#include "cli/cli.h"
#include "cli/describe.h"

namespace mlp::cli {
namespace {

std::string joined(const std::vector<std::string>& list, const char* between = " ") {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : between) + one;
  return out;
}
std::vector<std::string> option_names(const CommandPage& page) {
  std::vector<std::string> names;
  for (const ArgumentPage& option : page.options) names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}
bool takes_directory(const ArgumentPage& a) { return a.description.find("directory") != std::string::npos; }
bool takes_spec(const ArgumentPage& a) { return a.names[0] == "SPEC"; }
std::vector<std::string> words_of(const ArgumentPage& a) {
  if (!a.words.empty() || a.names[0] != "CODE") return a.words;
  std::vector<std::string> codes;
  for (const CodeInfo& row : catalogue()) codes.emplace_back(row.code);
  return codes;
}

// ---- bash
std::string bash(const std::vector<CommandPage>& pages) {
  std::vector<std::string> commands;
  for (std::size_t i = 1; i < pages.size(); ++i) commands.push_back(pages[i].name);
  std::string values, flags, places;
  for (const CommandPage& page : pages) {
    const std::string command = &page == &pages[0] ? "" : page.name;
    for (const ArgumentPage& option : page.options) {
      if (!option.takes_value) continue;
      std::string cases;
      for (const std::string& name : option.names) cases += (cases.empty() ? "" : "|") + command + ":" + name;
      const std::vector<std::string> words = words_of(option);
      values += "    " + cases + ") " + (!words.empty() ? "_mlp_words '" + joined(words) + "'" : takes_directory(option) ? "_mlp_files -d" : "_mlp_files -f") + "; return ;;\n";
    }
    flags += "      '" + command + "') _mlp_words '" + joined(option_names(page)) + "' ;;\n";
    if (page.positionals.empty()) continue;
    const ArgumentPage& first = page.positionals.front();
    const std::vector<std::string> words = words_of(first);
    places += "    '" + command + "') " + (!words.empty() ? "_mlp_words '" + joined(words) + "'" : takes_spec(first) ? "_mlp_specs" : "_mlp_files -f") + " ;;\n";
  }
  return "# bash completion of mlp, written by `mlp completions bash`\n"
         "_mlp_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\"); }\n"
         "_mlp_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$current\"); }\n"
         "_mlp_specs() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -X '!*.mlp' -- \"$current\"; compgen -d -- \"$current\"); }\n"
         "_mlp() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= i\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in -*) ;; *) command=${COMP_WORDS[i]}; break ;; esac\n"
         "  done\n"
         "  # `--format=x` comes as three words\n"
         "  if [[ $current == '=' ]]; then current=\n"
         "  elif [[ $previous == '=' ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
         "  case $command:$previous in\n" + values +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    case $command in\n" + flags +
         "    esac\n"
         "    return\n"
         "  fi\n"
         "  case $command in\n"
         "    '') _mlp_words '" + joined(commands) + "' ;;\n" + places +
         "  esac\n"
         "}\n"
         "complete -F _mlp mlp\n";
}

// ---- zsh
std::string zsh_text(const std::string& text) {  // within '…' of _arguments or _describe
  std::string out;
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\') (out += '\\') += c;
    else out += c == '\n' ? ' ' : c;
  }
  return out;
}
std::string zsh_value(const ArgumentPage& a) {
  const std::vector<std::string> words = words_of(a);
  if (!words.empty()) return ":value:(" + joined(words) + ")";
  return takes_directory(a) ? ":directory:_files -/" : takes_spec(a) ? ":spec:_files -g \"*.mlp(-.)\"" : ":value:_files";
}
std::string zsh(const std::vector<CommandPage>& pages) {
  std::string commands, cases;
  for (std::size_t i = 1; i < pages.size(); ++i) {
    const CommandPage& page = pages[i];
    commands += "    '" + page.name + ":" + zsh_text(page.summary) + "'\n";
    cases += "      " + page.name + ")\n        _arguments \\\n";
    for (const ArgumentPage& option : page.options)
      for (const std::string& name : option.names) {
        const std::string equals = option.takes_value && name.starts_with("--") ? "=" : "";
        cases += "          '" + std::string(option.repeated ? "*" : "") + name + equals + "[" + zsh_text(option.description) + "]" + (option.takes_value ? zsh_value(option) : "") + "' \\\n";
      }
    for (const ArgumentPage& positional : page.positionals) cases += "          '" + std::string(positional.repeated ? "*" : positional.required ? "" : ":") + zsh_value(positional) + "' \\\n";
    cases.erase(cases.size() - 3);
    cases += "\n        ;;\n";
  }
  return "#compdef mlp\n# zsh completion of mlp, written by `mlp completions zsh`\n"
         "_mlp() {\n"
         "  local context state state_descr line\n"
         "  typeset -A opt_args\n"
         "  local -a commands\n"
         "  commands=(\n" + commands + "  )\n"
         "  _arguments -C '(- *)--help[show help]' '(- *)--version[show the version]' '1:command:->command' '*::argument:->argument'\n"
         "  case $state in\n"
         "    command) _describe command commands ;;\n"
         "    argument)\n"
         "      case $words[1] in\n" + cases + "      esac\n"
         "      ;;\n"
         "  esac\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _mlp ]; then _mlp \"$@\"; else compdef _mlp mlp; fi\n";
}

// ---- fish
std::string fish_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return "'" + out + "'";
}
std::string fish(const std::vector<CommandPage>& pages) {
  std::string out = "# fish completion of mlp, written by `mlp completions fish`\ncomplete -c mlp -f\n";
  const auto values = [&](const ArgumentPage& a) {
    const std::vector<std::string> words = words_of(a);
    if (!words.empty()) return " -x -a " + fish_text(joined(words));
    return std::string(takes_directory(a) ? " -x -a '(__fish_complete_directories)'" : " -r -F");
  };
  for (const CommandPage& page : pages) {
    const bool root = &page == &pages[0];
    const std::string when = root ? "complete -c mlp -n __fish_use_subcommand" : "complete -c mlp -n '__fish_seen_subcommand_from " + page.name + "'";
    if (!root) out += "complete -c mlp -n __fish_use_subcommand -a " + page.name + " -d " + fish_text(page.summary) + "\n";
    for (const ArgumentPage& option : page.options) {
      out += when;
      for (const std::string& name : option.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      out += (option.takes_value ? values(option) : "") + " -d " + fish_text(option.description) + "\n";
    }
    for (const ArgumentPage& positional : page.positionals) {
      const std::vector<std::string> words = words_of(positional);
      out += when + (!words.empty() ? " -a " + fish_text(joined(words)) : takes_spec(positional) ? " -k -a '(__fish_complete_suffix .mlp)'" : " -F") + "\n";
    }
  }
  return out;
}

}  // namespace

void add_completions(CLI::App& app, Globals&, Action& run) {
  auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}));
  app.footer("Written from the commands of this very program.\n\nExamples:\n  source <(mlp completions bash)\n  mlp completions zsh >\"${fpath[1]}/_mlp\"\n  mlp completions fish >~/.config/fish/completions/mlp.fish");
  run = [&app, shell] {
    const std::vector<CommandPage> pages = describe(app);
    std::cout << (*shell == "bash" ? bash(pages) : *shell == "zsh" ? zsh(pages) : fish(pages));
    return 0;
  };
}

}  // namespace mlp::cli
