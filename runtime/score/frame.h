// The text of a document around its values. A client sends the same text again and again with other values in it; what was
// read once need only be compared.
#pragma once
#include <cstring>

#include "runtime/score/json.h"
#include "runtime/score/scan.h"
#include "runtime/values/parse.h"

namespace mlp::score {

class JsonFrame {
 public:
  struct Hole {
    std::size_t begin = 0, end = 0;  // of a value in the text, a string with its quotes
    std::size_t what = 0;            // the caller's
  };
  static constexpr std::size_t longest = 64 << 10;  // texts beyond are not worth it
  // `text` is one that Json::parse takes; the values are of any kind but array and object.
  void learn(std::string_view text, std::vector<Hole> holes);
  void forget() { learned_ = false; }

  // Whether `text` is what was learnt with other values: take(what, kind, text as of Json::raw) is called for each, in their
  // order, until it says false. False also for what is better read in full: strings with escapes, NaN and the infinities.
  template <class Take> bool match(std::string_view text, Take take) const;

 private:
  bool learned_ = false;
  std::vector<std::size_t> what_;
  std::string around_;                 // the text without its values
  std::vector<std::uint32_t> sizes_;   // of its pieces: before each hole, and behind the last
};

template <class Take> bool JsonFrame::match(std::string_view text, Take take) const {
  if (!learned_) return false;
  const char* around = around_.data();
  std::size_t at = 0;
  for (std::size_t i = 0; i < sizes_.size(); ++i) {
    const std::size_t size = sizes_[i];
    if (size > text.size() - at || std::memcmp(text.data() + at, around, size) != 0) return false;
    at += size;
    around += size;
    if (i + 1 == sizes_.size()) break;
    if (at == text.size()) return false;
    JsonKind kind = JsonKind::number;
    std::size_t begin = at, end = 0;
    const auto word = [&](std::string_view name, JsonKind its) {
      if (text.substr(at, name.size()) != name) return false;
      kind = its;
      at = end = at + name.size();
      return true;
    };
    switch (text[at]) {
      case '"':
        kind = JsonKind::string;
        end = end_of_plain(text, ++begin);
        if (end == text.size() || text[end] != '"' || !values::valid_utf8(text.substr(begin, end - begin))) return false;
        at = end + 1;
        break;
      case 'n':
        if (!word("null", JsonKind::null)) return false;
        break;
      case 't':
        if (!word("true", JsonKind::boolean)) return false;
        break;
      case 'f':
        if (!word("false", JsonKind::boolean)) return false;
        break;
      default:
        end = end_of_number(text, at);
        if (end == 0) return false;
        at = end;
    }
    if (!take(what_[i], kind, std::string_view(text.data() + begin, end - begin))) return false;
  }
  return at == text.size();
}


}  // namespace mlp::score
