// An arena that gives exactly what is asked for, in blocks of their own, so that sanitizers see a byte too many.
#pragma once
#include <deque>
#include <vector>

#include "abi/abi.h"

namespace mlp::test {

struct Arena : mlp_arena {
  std::deque<std::vector<char>> blocks;
  Arena() : mlp_arena{nullptr, nullptr, [](mlp_arena* self, std::int64_t size) {
                        auto& block = static_cast<Arena*>(self)->blocks.emplace_back(static_cast<std::size_t>(size));
                        self->cursor = block.data();
                        self->limit = block.data() + size;
                      }} {}
};

}  // namespace mlp::test
