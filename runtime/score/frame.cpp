#include "runtime/score/frame.h"

#include <cstring>

#include "runtime/score/scan.h"
#include "runtime/values/parse.h"

namespace mlp::score {

void JsonFrame::learn(std::string_view text, const std::vector<Hole>& holes) {
  learned_ = true;
  around_.clear();
  sizes_.clear();
  std::size_t at = 0;
  const auto piece = [&](std::size_t end) {
    around_ += text.substr(at, end - at);
    sizes_.push_back(static_cast<std::uint32_t>(end - at));
  };
  for (const Hole& hole : holes) {
    piece(hole.begin);
    at = hole.end;
  }
  piece(text.size());
}

bool JsonFrame::match(std::string_view text, std::vector<Value>& values) const {
  if (!learned_) return false;
  values.resize(sizes_.size() - 1);
  const char* around = around_.data();
  std::size_t at = 0;
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    const std::size_t size = sizes_[i];
    if (size > text.size() - at || std::memcmp(text.data() + at, around, size) != 0) return false;
    at += size;
    around += size;
    if (i + 1 == sizes_.size()) break;
    if (at == text.size()) return false;
    Value& value = values[i];
    const auto word = [&](std::string_view name, JsonKind kind) {
      value = {kind, text.substr(at, name.size())};
      at += name.size();
      return value.text == name;
    };
    switch (text[at]) {
      case '"': {
        const std::size_t end = end_of_plain(text, at + 1);
        if (end == text.size() || text[end] != '"') return false;
        value = {JsonKind::string, text.substr(at + 1, end - at - 1)};
        if (!values::valid_utf8(value.text)) return false;
        at = end + 1;
        break;
      }
      case 'n':
        if (!word("null", JsonKind::null)) return false;
        break;
      case 't':
        if (!word("true", JsonKind::boolean)) return false;
        break;
      case 'f':
        if (!word("false", JsonKind::boolean)) return false;
        break;
      default: {
        const std::size_t end = end_of_number(text, at);
        if (end == 0) return false;
        value = {JsonKind::number, {text.data() + at, end - at}};
        at = end;
      }
    }
  }
  return at == text.size();
}

}  // namespace mlp::score
