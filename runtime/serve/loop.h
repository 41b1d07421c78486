// One thread's connections: an epoll of their sockets, which tells each change of a socket once and in the order they came. A
// request costs one read, one write and its share of a wait; no timer, no lock, no memory.
#pragma once
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <vector>

#include "runtime/serve/http.h"

namespace mlp::serve {

using Clock = std::chrono::steady_clock;

// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset(int fd = -1);
  int get() const { return fd_; }

 private:
  int fd_;
};

// What another thread wakes this one with: becomes readable.
class Wake {
 public:
  Wake();
  int fd() const { return event_.get(); }
  void ring() const;
  void heard() const;

 private:
  Descriptor event_;
};

// The connections that are open on all threads, against their limit.
struct Room {
  const std::size_t limit;
  std::atomic<std::size_t> open{0};
  Wake& waiting;                                // rung when there is room again
  void leave() {
    if (open.fetch_sub(1) == limit) waiting.ring();
  }
};

class Loop {
 public:
  Loop(Api& api, const ServeOptions& options, Room& room);
  ~Loop();
  void run();                                   // until it was told to drain, and has
  // From other threads:
  void add(int fd);                             // a connection, counted in `room` already
  std::size_t connections() const { return count_.load(std::memory_order_relaxed); }
  void drain();                                 // answers what is under way, then ends; after drain_seconds it ends anyway

 private:
  class Connection;
  void take_new();
  void sweep_every(Clock::duration time);       // looks for late connections; 0: no more
  void remove(Connection& connection);
  // Takes a step of a connection, or of each: false ends it.
  template <class Step> void serve(Connection& connection, Step step);
  template <class Step> void serve_all(Step step);

  Api& api_;
  const ServeOptions& options_;
  Room& room_;
  Worker& worker_;
  Wake wake_;
  Descriptor poll_, timer_;
  std::mutex mutex_;                            // of what follows
  std::vector<int> added_;
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> drain_{false};
  // Of the loop's own thread:
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> ready_;               // go on without an event; each is served one request in a turn
  std::vector<char> in_;                        // what was read last
  Clock::time_point now_;                       // when the events at hand came
  Clock::duration sweep_every_;
  bool sweeping_ = false, draining_ = false;
};

}  // namespace mlp::serve
