// The language server on two file descriptors, until the client says `exit` or closes them.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mlp::lsp {

// What is shown of the newest run of a pipeline.
struct Run {
  struct Item { std::string name, value; };
  std::string id, created;
  std::vector<Item> fitted;   // mean(tenure), 32.4
  std::vector<Item> metrics;  // test.auc, 0.84
};
using LastRun = std::function<std::optional<Run>(const std::filesystem::path& spec, const std::string& pipeline)>;

// The exit code: 0 after `shutdown` and `exit`, else 1.
int serve(int in, int out, const LastRun& last_run);

}  // namespace mlp::lsp
