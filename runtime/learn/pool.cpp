#include "runtime/learn/pool.h"

#include <algorithm>

namespace mlp::learn {

// Looks for a few dozen microseconds whether `come` is true.
template <class Come>
static void look_for(const Come& come) {
  for (int i = 0; i < 2000 && !come(); ++i) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
  }
}

Pool::Pool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

Pool::~Pool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : workers_) t.join();
}

void Pool::execute(std::int64_t number) {
  try {
    (*task_)(number);
  } catch (...) {
    std::lock_guard lock(mutex_);
    if (!error_ || number < error_task_) {
      error_ = std::current_exception();
      error_task_ = number;
    }
  }
}

void Pool::drain(std::int64_t thread) {
  if (own_) return execute(thread);
  for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) execute(i);
}

void Pool::work(std::int64_t thread) {
  std::uint64_t seen = 0;
  for (;;) {
    const auto come = [&] { return stop_ || open_ / places != seen; };
    look_for(come);
    if (!come()) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, come);
    }
    if (stop_) return;
    std::uint64_t open = open_;
    bool taken = false;
    while (open / places != seen && open % places > 0 && !taken) taken = open_.compare_exchange_weak(open, open - 1);
    seen = open / places;
    if (!taken) continue;
    drain(thread);
    if (--busy_ == 0) {
      std::lock_guard lock(mutex_);  // not between the caller's look and its sleep
      done_.notify_one();
    }
  }
}

void Pool::run(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  if (workers_.empty() || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  start(count, task, false);
}

void Pool::each(const std::function<void(std::int64_t)>& task) {
  if (workers_.empty()) return task(0);
  start(threads(), task, true);
}

void Pool::start(std::int64_t count, const std::function<void(std::int64_t)>& task, bool own) {
  const std::size_t wanted = own ? workers_.size() : std::min(workers_.size(), static_cast<std::size_t>(count - 1));
  {
    std::lock_guard lock(mutex_);
    task_ = &task;
    count_ = count;
    own_ = own;
    next_.store(0, std::memory_order_relaxed);
    error_ = nullptr;
    busy_ = static_cast<int>(wanted);
    open_ = (open_ / places + 1) * places + wanted;
  }
  if (wanted == workers_.size()) wake_.notify_all();
  else
    for (std::size_t i = 0; i < wanted; ++i) wake_.notify_one();
  drain(0);
  if (!own) {  // who has not come yet would find nothing to do, and may never come: one that was here and sleeps again may have been woken in its place
    std::uint64_t open = open_;
    while (open % places > 0 && !open_.compare_exchange_weak(open, open - open % places)) {}
    busy_ -= static_cast<int>(open % places);
  }
  const auto ended = [&] { return busy_ == 0; };
  look_for(ended);
  std::unique_lock lock(mutex_);
  done_.wait(lock, ended);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace mlp::learn
