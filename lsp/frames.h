// Bytes of a stream → messages: `Content-Length: N`, an empty line, N bytes.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mlp::lsp {

struct Frame {
  std::string body;
  std::string fault;  // set instead of a body: why the bytes so far were thrown away
};

class Frames {
 public:
  void feed(std::string_view bytes) { buffer_ += bytes; }
  std::optional<Frame> next();  // nothing: more bytes are needed

 private:
  std::string buffer_;
  std::size_t skip_ = 0;  // bytes of a body that is too large
};

std::string framed(std::string_view body);

}  // namespace mlp::lsp
