// Where the time of a command goes, for `--time-passes`: parts by name, one inside another as their scopes are.
#pragma once
#include <chrono>
#include <cstdint>
#include <list>
#include <string>

namespace mlp {

struct TimedPart {
  std::string name;
  double seconds = 0;
  std::int64_t calls = 0;
  std::list<TimedPart> parts{};  // in the order in which they were first entered; stay where they are
};

// While it lives, the scopes of this thread are recorded; without one they cost nothing.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  const std::list<TimedPart>& parts() const { return all_.parts; }

 private:
  TimedPart all_;
};

// Of this thread, not handed down through every call: what is timed has no other use for it.
class Timed {
 public:
  explicit Timed(const char* name);
  ~Timed();
  Timed(const Timed&) = delete;

 private:
  TimedPart *part_ = nullptr, *around_ = nullptr;
  std::chrono::steady_clock::time_point begin_;
};
template <class Work>
auto timed(const char* name, Work&& work) {
  const Timed scope(name);
  return work();
}

}  // namespace mlp
