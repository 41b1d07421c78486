// A client of the language server: starts the built `mlp lsp` and speaks JSON-RPC through its pipes, as an editor does.
#pragma once
#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mlp::lsp_test {

using Json = nlohmann::json;

struct Answer {
  Json result = nullptr;
  Json error = nullptr;
};

class Client {
 public:
  explicit Client(const std::vector<std::string>& arguments = {});
  ~Client();
  Client(const Client&) = delete;

  void send_raw(const std::string& bytes);
  void send(const Json& message);                              // without waiting for anything
  std::int64_t ask(const std::string& method, const Json& params);  // the id
  void notify(const std::string& method, const Json& params) { send({{"jsonrpc", "2.0"}, {"method", method}, {"params", params}}); }
  Answer wait(const Json& id);                                // notifications on the way are kept
  Answer request(const std::string& method, const Json& params) { return wait(ask(method, params)); }
  Json result(const std::string& method, const Json& params);  // which must be no error
  Json receive();                                              // the next message; fails after 30 seconds
  Json diagnostics(const std::string& uri, std::int64_t version);  // waits until they are published for this version
  int finish();                                                // closes the pipe; the exit code, or 1000 + signal
  double processor_seconds() const;                            // of the server so far

  // What every session starts with.
  Json initialize(const Json& capabilities = Json::object(), const Json& options = Json::object());
  void open(const std::string& uri, const std::string& text, std::int64_t version = 1);
  void change(const std::string& uri, const std::vector<Json>& changes, std::int64_t version);

 private:
  pid_t child_ = -1;
  int to_ = -1, from_ = -1;
  std::string buffer_;
  std::int64_t next_id_ = 0;
  std::vector<Json> kept_;  // notifications and answers that nobody has asked for yet
};

// Changes of a document: the whole text, or a part of it.
Json whole(const std::string& text);
Json change_of(const Json& start, const Json& end, const std::string& text);

// The position of the first `what` at or after the first `anchor`; lines and UTF-16 units.
Json position(const std::string& text, const std::string& anchor, const std::string& what = {}, std::size_t further = 0);
Json position_at(const std::string& text, std::size_t offset);
// The text after edits of a document (`{range, newText}`), positions in UTF-16.
std::string applied(const std::string& text, Json edits);

}  // namespace mlp::lsp_test
