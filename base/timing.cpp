#include "base/timing.h"

#include <algorithm>

namespace mlp {
namespace {

thread_local TimedPart* inside = nullptr;  // null: nothing is recorded

}  // namespace

Recording::Recording() { inside = &all_; }
Recording::~Recording() { inside = nullptr; }

Timed::Timed(const char* name) {
  if (inside == nullptr) return;
  around_ = inside;
  const auto found = std::find_if(around_->parts.begin(), around_->parts.end(), [&](const TimedPart& part) { return part.name == name; });
  part_ = found != around_->parts.end() ? &*found : &around_->parts.emplace_back(TimedPart{.name = name});
  inside = part_;
  begin_ = std::chrono::steady_clock::now();
}
Timed::~Timed() {
  if (part_ == nullptr) return;
  part_->seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  ++part_->calls;
  inside = around_;
}

}  // namespace mlp
