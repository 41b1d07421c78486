// Worker threads that share out numbered tasks. Results must not depend on which thread runs a task, and do not:
// sums are integers, or are kept by task and added in task order. Who waits first looks for some microseconds, since a tree
// asks for thousands of short runs, and then sleeps. A run wakes no more threads than it has tasks for, and waits for none that has not come when all its
// tasks are begun.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace mlp::learn {

class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  int threads() const { return static_cast<int>(workers_.size()) + 1; }
  // Runs task(0) … task(count - 1), also on the calling thread; returns when all have ended. A task's exception is
  // thrown on (the one of the lowest task number that failed).
  void run(std::int64_t count, const std::function<void(std::int64_t)>& task);
  // task(t) on thread t, for each of the threads: what a thread worked on last time lies in its core's cache.
  void each(const std::function<void(std::int64_t)>& task);

 private:
  void start(std::int64_t count, const std::function<void(std::int64_t)>& task, bool own);
  void work(std::int64_t thread);
  void drain(std::int64_t thread);
  void execute(std::int64_t number);
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  static constexpr std::uint64_t places = 1 << 16;
  std::atomic<std::uint64_t> open_{0};       // the run * places + the threads that it still takes: no more than it has tasks
  std::atomic<bool> stop_ = false;
  std::atomic<int> busy_ = 0;
  const std::function<void(std::int64_t)>* task_ = nullptr;
  std::int64_t count_ = 0;
  bool own_ = false;                         // each
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr error_;
  std::int64_t error_task_ = 0;
};

// The fixed grid of every sum of doubles: chunks of this many rows, added in order.
inline constexpr std::int64_t chunk_rows = 4096;
inline std::int64_t chunks_of(std::int64_t rows) { return (rows + chunk_rows - 1) / chunk_rows; }

}  // namespace mlp::learn
