// mlp: the command line. A command a file; this one dispatches and turns failures into messages and exit codes.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/codes/command.h"
#include "base/version.h"
#include "cli/cli.h"

namespace mlp::cli {

const std::vector<Command>& commands() {
  static const std::vector<Command> list = {
      {"init", "write a first spec from a data file", add_init},
      {"check", "find what is wrong in specs, without reading data", add_check},
      {"fmt", "write specs in canonical form", add_fmt},
      {"plan", "show what a spec will do, or any form it takes on the way to machine code", add_plan},
      {"diff", "show what differs between two runs or specs", add_diff},
      {"train", "train a spec and record the run", add_train},
      {"test", "run the tests of a spec on its data", add_test},
      {"build", "compile a trained spec to one native binary", add_build},
      {"export", "write a trained network as ONNX", add_export},
      {"score", "predict rows of a file", add_score},
      {"serve", "serve predictions over HTTP", add_serve},
      {"runs", "list recorded runs", add_runs},
      {"show", "show one run", add_show},
      {"promote", "put a run into production", add_promote},
      {"rollback", "go back to the run that was in production before", add_rollback},
      {"rerun", "train a run again and compare every byte", add_rerun},
      {"verify", "check the registry, a package or an artifact for damage", add_verify},
      {"gc", "remove old runs that nothing needs", add_gc},
      {"explain", "explain a diagnostic code", add_explain},
      {"doc", "write the reference of the standard library, or of a spec", add_doc},
      {"completions", "write completions for a shell", add_completions},
      {"man", "write manual pages", add_man},
      {"lsp", "serve an editor: diagnostics, hovers, completions, renames", add_lsp},
  };
  return list;
}

namespace {

bool wants_color(bool no_color) {
  const char* const none = std::getenv("NO_COLOR");
  const char* const force = std::getenv("FORCE_COLOR");
  const char* const term = std::getenv("TERM");
  if (no_color || (none && *none)) return false;
  if (force && *force) return true;
  return isatty(2) && term && std::string_view(term) != "dumb";
}

void our_fault(const std::string& what, int argc, char** argv) {
  std::cerr << "bug: " << what << "\n  this is a fault of mlp " << version << ", not of your spec or data; please report it with the command:\n   ";
  for (int i = 0; i < argc; ++i) std::cerr << ' ' << argv[i];
  std::cerr << '\n';
}

int run(int argc, char** argv) {
  Globals globals;
  // `--detailed-exitcode` gives 2 a meaning of its own, so faults of every kind are 1 beside it.
  const bool detailed = std::any_of(argv, argv + argc, [](const char* word) { return std::string_view(word) == "--detailed-exitcode"; });
  const auto fault = [detailed](int code) { return detailed && code != 0 ? static_cast<int>(Exit::finding) : code; };
  std::vector<Action> actions(commands().size());
  CLI::App app{"Millrace compiles machine-learning pipelines to native code.", "mlp"};
  app.set_version_flag("--version", std::string("mlp ") + version);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of every command");
  const char* const store = std::getenv("MLP_STORE");
  if (store && *store) globals.store = store;
  for (std::size_t i = 0; i < commands().size(); ++i) {
    const Command& command = commands()[i];
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->add_option("--store", globals.store, "directory that holds the registry `.mlp/` (default: here, or $MLP_STORE)");
    sub->add_flag("--no-color", globals.no_color, "no colours, as with NO_COLOR");
    sub->add_flag("-q,--quiet", globals.quiet, "only results and errors");
    command.add(*sub, globals, actions[i]);
  }
  app.footer("Exit codes: 0 ok, 1 findings or a failed test, 2 usage, 3 environment, 70 a bug of mlp.\nmlp COMMAND --help shows examples.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    app.exit(e);
    return 0;
  } catch (const CLI::CallForAllHelp& e) {
    app.exit(e);
    return 0;
  } catch (const CLI::CallForVersion& e) {
    app.exit(e);
    return 0;
  } catch (const CLI::ParseError& e) {
    std::vector<std::string> names;
    for (const Command& command : commands()) names.push_back(command.name);
    std::string help = "`mlp --help` lists the commands";
    if (argc > 1) {
      const bool known = std::find(names.begin(), names.end(), argv[1]) != names.end();
      const std::string near = known ? "" : nearest(argv[1], names);
      if (known) help = std::string("`mlp ") + argv[1] + " --help` shows the arguments";
      else if (!near.empty()) help = "did you mean `mlp " + near + "`?";
    }
    Diagnostics list;
    const bool unknown = argc > 1 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end();
    list.report(code::bad_usage, unknown ? std::string("`mlp` has no command `") + argv[1] + "`" : e.what()).suggest(help);
    globals.color = wants_color(globals.no_color);
    report(list.all(), {}, globals);
    return fault(static_cast<int>(Exit::usage));
  }
  globals.color = wants_color(globals.no_color);
  try {
    int code = 0;
    for (std::size_t i = 0; i < actions.size(); ++i)
      if (app.got_subcommand(commands()[i].name)) code = actions[i]();
    flush_output();
    return code;
  } catch (const engine::SpecError& e) {
    report(e.unit().diagnostics.all(), e.unit().sources, globals);
    return fault(exit_code(e.unit().diagnostics.all()));
  } catch (const Failure& e) {
    report({e.diagnostic}, *globals.sources, globals);
    return fault(exit_code({e.diagnostic}));
  }
}

}  // namespace
}  // namespace mlp::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return mlp::cli::run(argc, argv);
  } catch (const mlp::Bug& e) {
    mlp::cli::our_fault(e.what(), argc, argv);
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory\n";
    return static_cast<int>(mlp::Exit::environment);
  } catch (const std::exception& e) {
    mlp::cli::our_fault(e.what(), argc, argv);
  }
  return static_cast<int>(mlp::Exit::bug);
}
