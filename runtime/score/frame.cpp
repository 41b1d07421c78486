#include "runtime/score/frame.h"

#include <algorithm>

namespace mlp::score {

void JsonFrame::learn(std::string_view text, std::vector<Hole> holes) {
  std::sort(holes.begin(), holes.end(), [](const Hole& a, const Hole& b) { return a.begin < b.begin; });
  learned_ = true;
  what_.clear();
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
    what_.push_back(hole.what);
  }
  piece(text.size());
}

}  // namespace mlp::score
