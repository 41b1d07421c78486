#include "tests/unit/lsp/client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace mlp::lsp_test {

Client::Client(const std::vector<std::string>& arguments) {
  ::signal(SIGPIPE, SIG_IGN);
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::vector<std::string> words = {MLP_BINARY_DIR "/mlp", "lsp"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  child_ = ::fork();
  if (child_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  to_ = in[1];
  from_ = out[0];
}

Client::~Client() {
  if (child_ > 0) finish();
}

int Client::finish() {
  if (to_ >= 0) ::close(to_);
  if (from_ >= 0) ::close(from_);
  to_ = from_ = -1;
  int status = 0;
  ::waitpid(child_, &status, 0);
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void Client::send_raw(const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::write(to_, bytes.data() + sent, bytes.size() - sent);
    if (count <= 0) throw std::runtime_error("the server does not read any more");
    sent += static_cast<std::size_t>(count);
  }
}

void Client::send(const Json& message) {
  const std::string body = message.dump();
  send_raw("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

std::int64_t Client::ask(const std::string& method, const Json& params) {
  send({{"jsonrpc", "2.0"}, {"id", ++next_id_}, {"method", method}, {"params", params}});
  return next_id_;
}

Json Client::receive() {
  for (;;) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t length = std::stoul(buffer_.substr(buffer_.find(':') + 1));
      if (buffer_.size() >= end + 4 + length) {
        Json message = Json::parse(buffer_.substr(end + 4, length));
        buffer_.erase(0, end + 4 + length);
        return message;
      }
    }
    pollfd waiting{from_, POLLIN, 0};
    if (::poll(&waiting, 1, 30'000) <= 0) throw std::runtime_error("no answer within 30 seconds");
    char bytes[1 << 16];
    const ssize_t count = ::read(from_, bytes, sizeof bytes);
    if (count <= 0) throw std::runtime_error("the server is gone");
    buffer_.append(bytes, static_cast<std::size_t>(count));
  }
}

Answer Client::wait(const Json& id) {
  const auto mine = [&](const Json& m) { return m.value("id", Json()) == id && !m.contains("method"); };
  Json message;
  if (const auto kept = std::find_if(kept_.begin(), kept_.end(), mine); kept != kept_.end()) {
    message = *kept;
    kept_.erase(kept);
  } else {
    while (!mine(message = receive())) kept_.push_back(message);
  }
  return {message.value("result", Json()), message.value("error", Json())};
}

Json Client::result(const std::string& method, const Json& params) {
  Answer answer = request(method, params);
  if (!answer.error.is_null()) throw std::runtime_error(method + ": " + answer.error.dump());
  return answer.result;
}

Json Client::diagnostics(const std::string& uri, std::int64_t version) {
  const auto mine = [&](const Json& m) {
    return m.value("method", "") == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri && m["params"].value("version", std::int64_t{-1}) == version;
  };
  Json message;
  if (const auto kept = std::find_if(kept_.begin(), kept_.end(), mine); kept != kept_.end()) {
    message = *kept;
    kept_.erase(kept);
  } else {
    while (!mine(message = receive())) kept_.push_back(message);
  }
  return message["params"]["diagnostics"];
}

double Client::processor_seconds() const {
  std::ifstream in("/proc/" + std::to_string(child_) + "/schedstat");
  double nanoseconds = 0;
  in >> nanoseconds;
  return nanoseconds / 1e9;
}

Json Client::initialize(const Json& capabilities, const Json& options) {
  Json answer = result("initialize", {{"processId", ::getpid()}, {"rootUri", nullptr}, {"capabilities", capabilities}, {"initializationOptions", options}});
  notify("initialized", Json::object());
  return answer;
}

void Client::open(const std::string& uri, const std::string& text, std::int64_t version) {
  notify("textDocument/didOpen", {{"textDocument", {{"uri", uri}, {"languageId", "mlp"}, {"version", version}, {"text", text}}}});
}

void Client::change(const std::string& uri, const std::vector<Json>& changes, std::int64_t version) {
  notify("textDocument/didChange", {{"textDocument", {{"uri", uri}, {"version", version}}}, {"contentChanges", changes}});
}

Json whole(const std::string& text) { return Json::object({{"text", text}}); }
Json change_of(const Json& start, const Json& end, const std::string& text) {
  return Json::object({{"range", Json::object({{"start", start}, {"end", end}})}, {"text", text}});
}

Json position_at(const std::string& text, std::size_t offset) {
  std::size_t line = 0, character = 0;
  for (std::size_t i = 0; i < offset; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n' || (byte == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'))) ++line, character = 0;
    else if ((byte & 0xC0) != 0x80) character += byte >= 0xF0 ? 2 : 1;
  }
  return {{"line", line}, {"character", character}};
}

Json position(const std::string& text, const std::string& anchor, const std::string& what, std::size_t further) {
  const std::size_t start = text.find(anchor);
  const std::size_t found = start == std::string::npos ? start : text.find(what.empty() ? anchor : what, start);
  if (found == std::string::npos) throw std::runtime_error("the text has no `" + anchor + "` … `" + what + "`");
  return position_at(text, found + further);
}

std::string applied(const std::string& text, Json edits) {
  const auto offset = [&](const Json& p) {
    std::size_t i = 0;
    while (i < text.size() && position_at(text, i) != p) ++i;
    return i;
  };
  std::vector<std::tuple<std::size_t, std::size_t, std::string>> list;
  for (const Json& e : edits) list.emplace_back(offset(e["range"]["start"]), offset(e["range"]["end"]), e["newText"]);
  std::sort(list.rbegin(), list.rend());
  std::string out = text;
  for (const auto& [begin, end, with] : list) out.replace(begin, end - begin, with);
  return out;
}

}  // namespace mlp::lsp_test
