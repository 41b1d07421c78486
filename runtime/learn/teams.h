// Tasks that run at once and multiply matrices. Where there are at least twice as many threads as tasks, each has a team of them for its large products.
#pragma once
#include <deque>

#include "abi/abi.h"
#include "runtime/learn/pool.h"

namespace mlp::learn {

class Teams {
 public:
  explicit Teams(Pool& pool) : pool_(pool) {}
  // Pool::run of task(i, multiply), where `multiply` is `product`, or cuts one up among the threads of the task and is for its thread alone. Each number of a
  // product is a chain of its own (abi/abi.h), so how it is cut changes no bit.
  void run(std::int64_t count, mlp_product product, const std::function<void(std::int64_t, mlp_product)>& task);

 private:
  Pool& pool_;
  std::deque<Pool> teams_;  // by task; their threads are for the number of tasks that came first
};

}  // namespace mlp::learn
