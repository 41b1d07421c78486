#pragma once
#include <compare>
#include <cstdint>

namespace mlp {

// A typed index into one store; prints as %n, and as _ when it names nothing.
template <class Tag>
struct Id {
  std::int32_t index = -1;
  bool known() const { return index >= 0; }
  friend bool operator==(Id, Id) = default;
  friend auto operator<=>(Id, Id) = default;
};

}  // namespace mlp
