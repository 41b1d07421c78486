// The answers to each kind of question, as the protocol writes them. A file each; see the README.
#pragma once
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "lsp/analysis.h"
#include "lsp/server.h"
#include "lsp/text.h"

namespace mlp::lsp {

using Json = nlohmann::json;

// An answer that is an error of the protocol: code and words.
struct Refusal : std::runtime_error {
  Refusal(int number, const std::string& what) : std::runtime_error(what), code(number) {}
  int code;
};
inline constexpr int parse_error = -32700, invalid_request = -32600, method_not_found = -32601, invalid_params = -32602, internal_error = -32603,
                     not_initialized = -32002, request_failed = -32803, request_cancelled = -32800;

// A document as a question sees it.
struct View {
  const std::string& uri;
  const Text& text;
  const Analysis& analysis;
  Encoding encoding;
  Json range(Span span) const;
  std::uint32_t offset(const Json& position) const;
};
Json position_json(Position position);
Position position_of(const Json& position);  // throws what nlohmann throws
std::string library_uri(const Analysis& analysis, Span span);
Json markdown(std::string text);

// hover.cpp
Json hover(const View& view, std::uint32_t offset, const std::function<std::optional<Run>()>& last_run);

// completion.cpp
Json completion(const View& view, std::uint32_t offset, bool snippets);
Json signature_help(const View& view, std::uint32_t offset);

// navigation.cpp
Json location(const View& view, Span span);  // also in a file that the document brings in, or in the library
Json definition(const View& view, std::uint32_t offset, bool library_opens);
Json references(const View& view, std::uint32_t offset, bool with_declaration);
Json highlights(const View& view, std::uint32_t offset);
Json document_symbols(const View& view);
Json workspace_symbols(const View& view, const std::string& query);
Json folding_ranges(const View& view);

// rename.cpp
Json prepare_rename(const View& view, std::uint32_t offset);
Json rename(const View& view, std::uint32_t offset, std::string to);

// highlighting.cpp
Json semantic_legend();
Json semantic_tokens(const View& view, std::uint32_t begin, std::uint32_t end);
Json inlay_hints(const View& view, std::uint32_t begin, std::uint32_t end);

// repairs.cpp
Json diagnostics(const View& view);
Json code_actions(const View& view, std::uint32_t begin, std::uint32_t end, const Json& context);
Json formatting(const View& view);

}  // namespace mlp::lsp
