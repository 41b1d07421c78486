#include <iostream>

#include "base/codes/command.h"
#include "cli/cli.h"

namespace mlp::cli {

void add_explain(CLI::App& app, Globals&, Action& run) {
  struct Args { std::string code; bool json = false; };
  auto args = std::make_shared<Args>();
  app.add_option("CODE", args->code, "a code such as E0312; without one, all codes are listed");
  app.add_flag("--json", args->json, "JSON on standard output");
  app.footer("Examples:\n  mlp explain E0312\n  mlp explain");
  run = [args] {
    const auto object = [](const CodeInfo& row) {
      return Json{{"code", row.code}, {"name", row.name}, {"severity", row.severity == Severity::error ? "error" : "warning"}, {"exit", static_cast<int>(row.exit)}, {"title", row.title}, {"explanation", row.explanation}};
    };
    if (args->code.empty()) {
      Json all = Json::array();
      for (const CodeInfo& row : catalogue()) {
        if (args->json) all.push_back(object(row));
        else std::cout << row.code << "  " << row.title << '\n';
      }
      if (args->json) print_json(all);
      return 0;
    }
    const CodeInfo* row = find_code(args->code);
    if (!row) {
      std::vector<std::string> codes;
      for (const CodeInfo& known : catalogue()) codes.push_back(known.code);
      const std::string near = nearest(args->code, codes);
      throw Failure(code::unknown_code, "no diagnostic has the code `" + args->code + "`", near.empty() ? "`mlp explain` lists all codes" : "did you mean `" + near + "`?");
    }
    if (args->json) print_json(object(*row));
    else std::cout << row->code << ": " << row->title << "\n\n" << row->explanation << '\n';
    return 0;
  };
}

}  // namespace mlp::cli
