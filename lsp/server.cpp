// The protocol: documents, who is asked what, and when diagnostics are sent.
#include "lsp/server.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <map>

#include "base/version.h"
#include "lsp/answers.h"
#include "lsp/frames.h"

namespace mlp::lsp {

Json position_json(Position p) { return {{"line", p.line}, {"character", p.character}}; }
Position position_of(const Json& p) {
  const auto number = [&](const char* key) { return p.at(key).is_number_unsigned() ? p.at(key).get<std::uint32_t>() : throw Refusal(invalid_params, std::string("`") + key + "` must be a number from 0"); };
  return {number("line"), number("character")};
}
Json View::range(Span span) const { return {{"start", position_json(text.position(span.begin, encoding))}, {"end", position_json(text.position(span.end, encoding))}}; }
std::uint32_t View::offset(const Json& position) const { return text.offset(position_of(position), encoding); }
Json markdown(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return {{"kind", "markdown"}, {"value", std::move(text)}};
}

namespace {

// file:///a%20b.mlp → /a b.mlp; anything else stays as it is.
std::string path_of(const std::string& uri) {
  constexpr std::string_view scheme = "file://";
  if (!uri.starts_with(scheme)) return uri;
  std::string path;
  const auto hex = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  for (std::size_t i = std::min(uri.find('/', scheme.size()), uri.size()); i < uri.size(); ++i) {
    const bool escaped = uri[i] == '%' && i + 2 < uri.size() && hex(uri[i + 1]) >= 0 && hex(uri[i + 2]) >= 0;
    path += escaped ? static_cast<char>(hex(uri[i + 1]) * 16 + hex(uri[i + 2])) : uri[i];
    if (escaped) i += 2;
  }
  return path;
}

struct Document {
  Text text;
  Json version = nullptr;
  bool silent = false;                 // its diagnostics are those of this text
  std::unique_ptr<Analysis> analysis;  // of this text; empty when the text has changed since
};

class Session {
 public:
  Session(int in, int out, const LastRun& last_run) : in_(in), out_(out), last_run_(last_run) {}

  int run() {
    for (;;) {
      const bool idle = queue_.empty() && !next_to_publish();
      if (!receive(idle) && queue_.empty()) return 1;  // the client is gone
      if (!queue_.empty()) {
        const Json message = std::move(queue_.front());
        queue_.pop_front();
        if (take(message)) return shut_down_ ? 0 : 1;
      } else if (Document* document = next_to_publish()) {
        publish(*document);
      }
    }
  }

 private:
  // ---- bytes
  // Reads what is there; waits for something when there is nothing else to do. False at the end of the input.
  bool receive(bool wait) {
    pollfd waiting{in_, POLLIN, 0};
    while (!closed_) {
      const int ready = ::poll(&waiting, 1, wait && queue_.empty() ? -1 : 0);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return true;
      char buffer[1 << 16];
      const ssize_t count = ::read(in_, buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        closed_ = true;
        break;
      }
      frames_.feed({buffer, static_cast<std::size_t>(count)});
      while (std::optional<Frame> frame = frames_.next()) enqueue(*frame);
      if (!queue_.empty()) return true;
    }
    return false;
  }

  void enqueue(const Frame& frame) {
    if (!frame.fault.empty()) return send_error(nullptr, parse_error, frame.fault);
    Json message = Json::parse(frame.body, nullptr, false);
    if (message.is_discarded()) return send_error(nullptr, parse_error, "a message that is no JSON");
    // A request that is still waiting can be taken back.
    if (message.is_object() && message.value("method", Json()) == "$/cancelRequest") {
      const Json id = message.value("params", Json::object()).value("id", Json());
      for (auto waiting = queue_.begin(); waiting != queue_.end(); ++waiting)
        if (waiting->is_object() && waiting->contains("method") && waiting->value("id", Json()) == id && !id.is_null()) {
          queue_.erase(waiting);
          return send_error(id, request_cancelled, "cancelled");
        }
      return;
    }
    queue_.push_back(std::move(message));
  }

  void send(const Json& message) {
    const std::string bytes = framed(message.dump(-1, ' ', false, Json::error_handler_t::replace));
    for (std::size_t sent = 0; sent < bytes.size() && !closed_;) {
      const ssize_t count = ::write(out_, bytes.data() + sent, bytes.size() - sent);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) closed_ = true;
      else sent += static_cast<std::size_t>(count);
    }
  }
  void send_error(const Json& id, int code, const std::string& message) { send({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}}); }

  // ---- messages
  // True when the client says `exit`.
  bool take(const Json& message) {
    const Json method = message.is_object() ? message.value("method", Json()) : Json();
    const Json id = message.is_object() ? message.value("id", Json()) : Json();
    if (message.is_object() && method.is_null() && (message.contains("result") || message.contains("error"))) return false;  // an answer; we ask nothing
    if (!method.is_string()) {
      send_error(id, invalid_request, "a message is an object with a `method`");
      return false;
    }
    const bool request = message.contains("id");
    if (method == "exit" && !request) return true;
    try {
      const Json params = message.value("params", Json::object());
      if (request) send({{"jsonrpc", "2.0"}, {"id", id}, {"result", answer(method, params)}});
      else if (initialized_) note(method, params);
    } catch (const Refusal& e) {
      if (request) send_error(id, e.code, e.what());
    } catch (const Json::exception& e) {
      if (request) send_error(id, invalid_params, e.what());
    } catch (const std::exception& e) {  // a bug of ours: the session goes on
      if (request) send_error(id, internal_error, std::string("a fault of mlp: ") + e.what());
    }
    return false;
  }

  Json initialize(const Json& params) {
    if (initialized_) throw Refusal(invalid_request, "initialized already");
    initialized_ = true;
    const auto capability = [&](const char* pointer) {
      const Json::json_pointer at(pointer);
      return params.contains(at) ? params.at(at) : Json();
    };
    const Json encodings = capability("/capabilities/general/positionEncodings");
    if (encodings.is_array() && std::find(encodings.begin(), encodings.end(), "utf-8") != encodings.end()) encoding_ = Encoding::utf8;
    snippets_ = capability("/capabilities/textDocument/completion/completionItem/snippetSupport") == true;
    library_opens_ = capability("/initializationOptions/libraryDocuments") == true;
    return {{"serverInfo", {{"name", "mlp"}, {"version", version}}},
            {"capabilities",
             {{"positionEncoding", encoding_ == Encoding::utf8 ? "utf-8" : "utf-16"},
              {"textDocumentSync", {{"openClose", true}, {"change", 2}, {"save", false}}},
              {"hoverProvider", true},
              {"completionProvider", {{"triggerCharacters", {".", "@", ">"}}}},
              {"signatureHelpProvider", {{"triggerCharacters", {"(", ","}}}},
              {"definitionProvider", true},
              {"referencesProvider", true},
              {"documentHighlightProvider", true},
              {"documentSymbolProvider", true},
              {"workspaceSymbolProvider", true},
              {"foldingRangeProvider", true},
              {"renameProvider", {{"prepareProvider", true}}},
              {"codeActionProvider", {{"codeActionKinds", {"quickfix", "source.fixAll.mlp"}}}},
              {"documentFormattingProvider", true},
              {"semanticTokensProvider", {{"legend", semantic_legend()}, {"full", true}, {"range", true}}},
              {"inlayHintProvider", true}}}};
  }

  Json answer(const std::string& method, const Json& params) {
    if (method == "initialize") return initialize(params);
    if (!initialized_) throw Refusal(not_initialized, "`initialize` comes first");
    if (shut_down_) throw Refusal(invalid_request, "the server is shut down");
    if (method == "shutdown") {
      shut_down_ = true;
      return nullptr;
    }
    if (method == "workspace/symbol") {
      Json list = Json::array();
      for (auto& [uri, document] : documents_)
        for (Json& symbol : workspace_symbols(view(uri, document), params.at("query"))) list.push_back(std::move(symbol));
      return list;
    }
    if (method == "mlp/libraryDocument") return library_text(params.at("uri"));
    const auto handler = handlers().find(method);
    if (handler == handlers().end()) throw Refusal(method_not_found, "`" + method + "` is not known");
    const std::string uri = params.at("textDocument").at("uri");
    const auto document = documents_.find(uri);
    if (document == documents_.end()) throw Refusal(invalid_params, "`" + uri + "` is not open");
    return handler->second(*this, view(document->first, document->second), params);
  }

  // Questions about a document.
  using Handler = Json (*)(Session&, const View&, const Json&);
  static const std::map<std::string, Handler>& handlers() {
    static const auto at = [](const View& v, const Json& p) { return v.offset(p.at("position")); };
    static const auto begin = [](const View& v, const Json& p) { return v.offset(p.at("range").at("start")); };
    static const auto end = [](const View& v, const Json& p) { return v.offset(p.at("range").at("end")); };
    static const std::map<std::string, Handler> list = {
        {"textDocument/hover", [](Session& s, const View& v, const Json& p) {
           return hover(v, at(v, p), [&] { return s.last_run_(path_of(v.uri), v.analysis.unit.module.name); });
         }},
        {"textDocument/completion", [](Session& s, const View& v, const Json& p) { return completion(v, at(v, p), s.snippets_); }},
        {"textDocument/signatureHelp", [](Session&, const View& v, const Json& p) { return signature_help(v, at(v, p)); }},
        {"textDocument/definition", [](Session& s, const View& v, const Json& p) { return definition(v, at(v, p), s.library_opens_); }},
        {"textDocument/references", [](Session&, const View& v, const Json& p) { return references(v, at(v, p), p.at("context").at("includeDeclaration")); }},
        {"textDocument/documentHighlight", [](Session&, const View& v, const Json& p) { return highlights(v, at(v, p)); }},
        {"textDocument/documentSymbol", [](Session&, const View& v, const Json&) { return document_symbols(v); }},
        {"textDocument/foldingRange", [](Session&, const View& v, const Json&) { return folding_ranges(v); }},
        {"textDocument/prepareRename", [](Session&, const View& v, const Json& p) { return prepare_rename(v, at(v, p)); }},
        {"textDocument/rename", [](Session&, const View& v, const Json& p) { return rename(v, at(v, p), p.at("newName")); }},
        {"textDocument/codeAction", [](Session&, const View& v, const Json& p) { return code_actions(v, begin(v, p), end(v, p), p.value("context", Json::object())); }},
        {"textDocument/formatting", [](Session&, const View& v, const Json&) { return formatting(v); }},
        {"textDocument/semanticTokens/full", [](Session&, const View& v, const Json&) { return semantic_tokens(v, 0, UINT32_MAX); }},
        {"textDocument/semanticTokens/range", [](Session&, const View& v, const Json& p) { return semantic_tokens(v, begin(v, p), end(v, p)); }},
        {"textDocument/inlayHint", [](Session&, const View& v, const Json& p) { return inlay_hints(v, begin(v, p), end(v, p)); }},
    };
    return list;
  }

  // Notifications; those that are not known are passed over.
  void note(const std::string& method, const Json& params) {
    if (method == "textDocument/didOpen") {
      const Json& opened = params.at("textDocument");
      documents_[opened.at("uri")] = {Text(opened.at("text").get<std::string>()), opened.value("version", Json()), false, nullptr};
    } else if (method == "textDocument/didChange") {
      const auto found = documents_.find(params.at("textDocument").at("uri"));
      if (found == documents_.end()) return;
      Document& document = found->second;
      document.analysis.reset();
      document.silent = false;
      document.version = params.at("textDocument").value("version", Json());
      for (const Json& change : params.at("contentChanges")) {
        const std::string text = change.at("text");
        if (!change.contains("range")) {
          document.text = Text(text);
          continue;
        }
        const std::uint32_t a = document.text.offset(position_of(change.at("range").at("start")), encoding_);
        const std::uint32_t b = document.text.offset(position_of(change.at("range").at("end")), encoding_);
        document.text.replace(std::min(a, b), std::max(a, b), text);
      }
    } else if (method == "textDocument/didClose") {
      const std::string uri = params.at("textDocument").at("uri");
      if (documents_.erase(uri)) send_diagnostics(uri, nullptr, Json::array());
    }
  }

  // ---- documents
  View view(const std::string& uri, Document& document) {
    if (!document.analysis) document.analysis = std::make_unique<Analysis>(path_of(uri), document.text.content());
    return {uri, document.text, *document.analysis, encoding_};
  }

  Document* next_to_publish() {
    for (auto& [uri, document] : documents_)
      if (!document.silent) return &document;
    return nullptr;
  }
  void publish(Document& document) {
    document.silent = true;
    for (auto& [uri, other] : documents_) {
      if (&other != &document) continue;
      try {
        send_diagnostics(uri, document.version, diagnostics(view(uri, document)));
      } catch (const std::exception& e) {
        send({{"jsonrpc", "2.0"}, {"method", "window/logMessage"}, {"params", {{"type", 1}, {"message", std::string("a fault of mlp: ") + e.what()}}}});
      }
    }
  }
  void send_diagnostics(const std::string& uri, const Json& version, Json list) {
    Json params = {{"uri", uri}, {"diagnostics", std::move(list)}};
    if (version.is_number()) params["version"] = version;
    send({{"jsonrpc", "2.0"}, {"method", "textDocument/publishDiagnostics"}, {"params", std::move(params)}});
  }

  Json library_text(const std::string& uri) const {
    const Analysis library("", "");
    for (const ast::File& file : library.library)
      if (library_uri(library, {file.source, 0, 0}) == uri) return std::string(library.unit.sources.text(file.source));
    throw Refusal(invalid_params, "`" + uri + "` is not in the library");
  }

  int in_, out_;
  const LastRun& last_run_;
  Frames frames_;
  std::deque<Json> queue_;
  std::map<std::string, Document> documents_;
  Encoding encoding_ = Encoding::utf16;
  bool snippets_ = false, library_opens_ = false;
  bool initialized_ = false, shut_down_ = false, closed_ = false;
};

}  // namespace

int serve(int in, int out, const LastRun& last_run) { return Session(in, out, last_run).run(); }

}  // namespace mlp::lsp
