// The pixels that a column wants, from the rows of a picture as they are decoded.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/schema.h"

namespace mlp::pictures {

class Canvas {
 public:
  // Of a picture of height x width pixels with `channels` samples each, 1 or 3.
  Canvas(std::int64_t height, std::int64_t width, std::int64_t channels, const ImageShape& to);
  void row(const std::uint8_t* samples);  // the next one, from the top
  std::string pixels() const;             // when all have come

 private:
  const std::int64_t height_, width_, channels_;
  const ImageShape to_;
  std::int64_t next_ = 0;
  std::vector<std::uint8_t> line_;        // a row with the channels that are wanted
  std::vector<std::int64_t> across_;      // the same in the width that is wanted, times width_
  std::vector<std::int64_t> sums_;        // the pixels, times height_ * width_
};

}  // namespace mlp::pictures
