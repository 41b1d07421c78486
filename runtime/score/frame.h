// The text of a document around its values. A client sends the same text again and again with other values in it; what was
// read once need only be compared.
#pragma once
#include "runtime/score/json.h"

namespace mlp::score {

class JsonFrame {
 public:
  struct Hole {
    std::size_t begin = 0, end = 0;  // of a value in the text, a string with its quotes
  };
  // `holes` in the order of the text, which is one that Json::parse takes. The values may be of any kind but array and object.
  void learn(std::string_view text, const std::vector<Hole>& holes);
  void forget() { learned_ = false; }

  struct Value {
    JsonKind kind;
    std::string_view text;           // as Json::raw
  };
  // Whether `text` is what was learnt with other values, and these, by hole. False also for what is better read in full:
  // strings with escapes, NaN and the infinities.
  bool match(std::string_view text, std::vector<Value>& values) const;

 private:
  bool learned_ = false;
  std::string around_;                 // the text without its values
  std::vector<std::uint32_t> sizes_;   // of its pieces: before each hole, and behind the last
};

}  // namespace mlp::score
