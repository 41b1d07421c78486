// Threads of a block, of every launch on a device. Apart from launches.h: code of devices includes it, and knows no library.
#pragma once

namespace mlp {

inline constexpr int launch_threads = 256;

}  // namespace mlp
