// Floats rounded to bfloat16, as runtime/product/bf16.h has it.
#pragma once
#include "runtime/device/kernels/block.h"

namespace mlp::device {

inline float rounded_to_bf16(float v) {
  uint32_t bits;
  __builtin_memcpy(&bits, &v, 4);
  const uint32_t above = bits & 0x7fffffffu, rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  bits = (above > 0x7f800000u ? bits | 0x400000u : above < 0x00800000u ? bits & 0x80000000u : rounded) & 0xffff0000u;
  __builtin_memcpy(&v, &bits, 4);
  return v;
}

}  // namespace mlp::device
