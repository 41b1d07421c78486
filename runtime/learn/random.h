// Counter-based randomness: a value is a function of its key, so it depends on no order of evaluation.
// Mixer: the finalizer of SplitMix64 (Steele, Lea, Flood 2014), chained over the words of the key.
#pragma once
#include <cstdint>

namespace mlp::learn {

inline std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
inline std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return mix(mix(mix(seed) ^ stream) ^ index);
}
// In [0, 1), 53 bits.
inline double random_unit(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return static_cast<double>(random_bits(seed, stream, index) >> 11) * 0x1p-53;
}

}  // namespace mlp::learn
