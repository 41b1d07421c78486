// A kernel is written as phases between barriers. The host compiles the same headers, for what they say of memory and of blocks. A kernel K gives
//   Call, by value · Shared, what the threads of a block have in common · State, of one thread
//   steps(call, block)                               how often `load` and `use` follow each other
//   begin(call, block, thread, state)                before all
//   load(call, block, thread, step, shared, state)   writes shared; a barrier follows
//   use(call, block, thread, step, shared, state)    reads shared; a barrier follows
//   end(call, block, thread, state)                  after all
// Freestanding: no library is called. A thread's number within its block is below `threads`.
#pragma once
#include <stdint.h>

#include "base/launch_threads.h"

namespace mlp::device {

constexpr int threads = launch_threads;

// An address in shared memory: there 32 bits, so that one integer instruction makes it.
#if defined(__NVPTX__)
using Near = uint32_t;
inline Near near(const void* shared) { return static_cast<Near>(reinterpret_cast<uintptr_t>((const __attribute__((address_space(3))) char*)shared)); }
template <class T>
T read(Near at) {
  typedef T __attribute__((may_alias)) Any;
  return *reinterpret_cast<const __attribute__((address_space(3))) Any*>(static_cast<uintptr_t>(at));
}
#else
using Near = const char*;
inline Near near(const void* shared) { return static_cast<Near>(shared); }
#endif
template <class T>
T read(const char* at) {
  typedef T __attribute__((may_alias)) Any;
  return *reinterpret_cast<const Any*>(at);
}

#if defined(__NVPTX__)

template <class K>
__attribute__((always_inline)) inline void run_block(const typename K::Call& call, typename K::Shared& shared) {
  const int64_t block = __nvvm_read_ptx_sreg_ctaid_x();
  const int thread = __nvvm_read_ptx_sreg_tid_x();
  typename K::State state;
  const int64_t steps = K::steps(call, block);
  K::begin(call, block, thread, state);
  for (int64_t step = 0; step < steps; ++step) {
    K::load(call, block, thread, step, shared, state);
    __nvvm_bar_sync(0);
    K::use(call, block, thread, step, shared, state);
    __nvvm_bar_sync(0);
  }
  K::end(call, block, thread, state);
}

#endif

}  // namespace mlp::device
