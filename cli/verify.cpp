#include <iostream>

#include "base/codes/packages.h"
#include "base/files.h"
#include "base/trailer.h"
#include "cli/cli.h"

namespace mlp::cli {

void add_verify(CLI::App& app, Globals& globals, Action& run) {
  struct Args { std::string file; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("FILE", args->file, "a package or an artifact (default: the registry)");
  app.add_flag("--json", args->json, "one JSON object on standard output");
  app.footer("Every byte is compared with its digest.\n\nExamples:\n  mlp verify\n  mlp verify churn");
  run = [&globals, args] {
    std::vector<Diagnostic> faults;
    std::string what = "the registry";
    if (args->file.empty()) {
      faults = open_registry(globals).verify();
    } else {
      what = args->file;
      const std::string bytes = read_file(args->file);
      if (bytes.starts_with("\x7f""ELF")) {
        if (check_bytes(bytes.data(), bytes.size()) != Whole::yes)
          faults.push_back({.code = code::package_damaged, .message = "`" + args->file + "` is not whole: bytes were changed or cut off, or it is no artifact"});
      } else {
        package::from_bytes(bytes, args->file);
      }
    }
    Json codes = Json::array();
    for (const Diagnostic& d : faults) codes.push_back({{"code", info(d.code).code}, {"message", d.message}});
    if (args->json) print_json({{"whole", faults.empty()}, {"findings", codes}});
    else if (faults.empty()) std::cout << what << ": whole\n";
    report(faults, {}, globals);
    return exit_code(faults);
  };
}

}  // namespace mlp::cli
