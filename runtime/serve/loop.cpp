#include "runtime/serve/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace mlp::serve {
namespace {

constexpr std::size_t read_size = 64 << 10, kept = 16 << 10, max_discard = std::size_t{64} << 20;
constexpr std::chrono::seconds linger_time{2};

Clock::duration seconds(double s) { return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(s)); }
int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

}  // namespace

void Descriptor::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Wake::Wake() : event_(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")) {}
void Wake::ring() const { ::eventfd_write(event_.get(), 1); }
void Wake::heard() const {
  eventfd_t count = 0;
  ::eventfd_read(event_.get(), &count);
}

// Its socket's bytes come in by receive() and go out by flush(), and nowhere else: the place for TLS.
class Loop::Connection {
 public:
  Connection(Loop& loop, int fd, std::size_t place_) : place(place_), loop_(loop), fd_(fd), reader_(loop.options_.max_body) { wait(); }

  // These give false at the connection's end.
  bool on_event(std::uint32_t events) {
    // An event is told once: what it said counts until the socket was read that far.
    if (events & ~std::uint32_t{EPOLLOUT}) unread_ = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ends_ = true;
    if (queued_) return true;  // has bytes; more are read when they are used up
    if (phase_ != Phase::writing) return !unread_ || receive();
    if (!flush()) return false;
    queue();
    return true;
  }
  bool on_turn() {
    queued_ = false;
    if (phase_ == Phase::waiting && !left_.empty()) return advance(left_);
    return receive() && !(loop_.draining_ && phase_ == Phase::waiting);
  }
  bool on_drain() {
    // A request may have come that was not read yet.
    return phase_ != Phase::waiting || queued_ || (receive() && phase_ != Phase::waiting);
  }
  bool late() const { return loop_.now_ >= deadline_ && !queued_; }
  int fd() const { return fd_.get(); }
  std::size_t place;  // among the loop's connections

 private:
  enum class Phase {
    waiting,    // for the first byte of a request
    reading,    // a request
    writing,    // what the socket does not take at once
    lingering,  // after a refusal: what the client sends is read for a while, so that the answer is not lost to a reset
  };

  void wait() {
    phase_ = Phase::waiting;
    deadline_ = loop_.now_ + seconds(loop_.options_.idle_seconds);
  }
  void queue() {
    if (phase_ == Phase::writing || !(unread_ || (phase_ == Phase::waiting && !left_.empty()))) return;
    queued_ = true;
    loop_.ready_.push_back(this);
  }

  bool receive() {
    ssize_t size = 0;
    do size = ::recv(fd(), loop_.in_.data(), loop_.in_.size(), 0);
    while (size < 0 && errno == EINTR);
    if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
    unread_ = size > 0 && (ends_ || static_cast<std::size_t>(size) == loop_.in_.size());
    if (size < 0) return true;
    const std::string_view bytes(loop_.in_.data(), static_cast<std::size_t>(size));
    if (phase_ == Phase::lingering) {
      if ((discarded_ += bytes.size()) > max_discard) return false;
      queue();
      return true;
    }
    if (left_.empty()) return advance(bytes);
    left_ += bytes;
    return advance(left_);
  }

  // Goes on with bytes that are not used yet: those just read, or `left_`. Answers one request at most.
  bool advance(std::string_view bytes) {
    std::size_t used = reader_.put(bytes);
    if (reader_.state() == RequestReader::State::expects) {
      out_ += "HTTP/1.1 100 Continue\r\n\r\n";
      used += reader_.put(bytes.substr(used));
    }
    bool alive = true;
    switch (reader_.state()) {
      case RequestReader::State::expects:
      case RequestReader::State::more:
        if (phase_ == Phase::waiting) begin(Phase::reading);
        alive = out_.empty() || flush();
        break;
      case RequestReader::State::complete:
        keep_alive_ = reader_.keep_alive() && !loop_.draining_;
        append_response(out_, loop_.api_.handle(reader_.request(), loop_.worker_), keep_alive_, reader_.http_1_0(), reader_.request().method == "HEAD");
        answered_ = true;
        alive = flush();
        break;
      case RequestReader::State::refused:
        used = bytes.size();
        keep_alive_ = false;
        append_response(out_, loop_.api_.error(reader_.status(), reader_.why()), false, false, false);
        answered_ = true;
        alive = flush();
    }
    if (!alive) return false;
    if (bytes.data() == left_.data()) left_.erase(0, used);
    else left_.assign(bytes.substr(used));
    if (left_.capacity() > kept && left_.size() <= kept) left_.shrink_to_fit();
    queue();
    return true;
  }

  void begin(Phase phase) {
    phase_ = phase;
    deadline_ = loop_.now_ + seconds(loop_.options_.request_seconds);
  }

  bool flush() {
    while (sent_ < out_.size()) {
      const ssize_t size = ::send(fd(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (size >= 0) {
        sent_ += static_cast<std::size_t>(size);
      } else if (errno == EAGAIN) {
        if (!answered_) return true;  // `100 Continue` then comes with the answer
        if (phase_ == Phase::waiting) begin(Phase::writing);
        phase_ = Phase::writing;
        return true;
      } else if (errno != EINTR) {
        return false;
      }
    }
    sent_ = 0;
    if (out_.capacity() > kept) out_ = {};
    out_.clear();
    if (!answered_) return true;
    answered_ = false;
    if (!keep_alive_) return hang_up();
    reader_.restart();
    wait();
    return true;
  }

  bool hang_up() {
    ::shutdown(fd(), SHUT_WR);
    if (reader_.state() != RequestReader::State::refused) return false;
    phase_ = Phase::lingering;
    deadline_ = loop_.now_ + linger_time;
    return true;
  }

  Loop& loop_;
  Descriptor fd_;
  RequestReader reader_;
  Phase phase_ = Phase::waiting;
  Clock::time_point deadline_;
  std::string left_;            // bytes that were read and are not used
  std::string out_;             // bytes to be sent, from sent_ on
  std::size_t sent_ = 0, discarded_ = 0;
  bool queued_ = false;         // among those that go on without an event
  bool unread_ = false;         // the socket may have bytes, or its end
  bool ends_ = false;           // no more come than are on their way
  bool answered_ = false;       // out_ ends with an answer
  bool keep_alive_ = true;      // after it
};

Loop::Loop(Api& api, const ServeOptions& options, Room& room)
    : api_(api), options_(options), room_(room), worker_(api.add_worker()), poll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      timer_(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")), in_(read_size) {
  epoll_event event{};
  event.events = EPOLLIN;
  checked(::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, wake_.fd(), &event), "epoll_ctl");
  event.data.ptr = &timer_;
  checked(::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
  // Connections that are late are looked for now and then: exact enough, and a request sets no timer.
  const double shortest = std::min({options.idle_seconds, options.request_seconds, std::chrono::duration<double>(linger_time).count()});
  sweep_every_ = std::clamp<Clock::duration>(seconds(shortest / 4), std::chrono::milliseconds(5), std::chrono::milliseconds(500));
}
Loop::~Loop() {
  for (const int fd : added_) ::close(fd);
}

void Loop::add(int fd) {
  ++count_;
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(fd);
  }
  wake_.ring();
}

void Loop::drain() {
  drain_ = true;
  wake_.ring();
}

void Loop::take_new() {
  std::vector<int> fds;
  {
    const std::lock_guard lock(mutex_);
    fds.swap(added_);
  }
  if (!sweeping_ && !fds.empty()) sweep_every(sweep_every_);
  for (const int fd : fds) {
    connections_.push_back(std::make_unique<Connection>(*this, fd, connections_.size()));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = connections_.back().get();
    if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) remove(*connections_.back());
  }
}

void Loop::sweep_every(Clock::duration time) {
  const auto ns = std::chrono::nanoseconds(time).count();
  const timespec each{ns / 1'000'000'000, ns % 1'000'000'000};
  const itimerspec spec{each, each};
  checked(::timerfd_settime(timer_.get(), 0, &spec, nullptr), "timerfd_settime");
  sweeping_ = ns > 0;
}

void Loop::remove(Connection& connection) {
  // Closing does not end the watch while a child process has the socket too, as every fork does for a moment.
  ::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, connection.fd(), nullptr);
  const std::size_t place = connection.place;
  std::swap(connections_[place], connections_.back());
  connections_[place]->place = place;
  connections_.pop_back();
  --count_;
  room_.leave();
}

template <class Step> void Loop::serve(Connection& connection, Step step) {
  bool alive = false;
  try {
    alive = step(connection);
  } catch (const std::exception&) {}  // out of memory, mostly: this connection ends, the others go on
  if (!alive) remove(connection);
}

template <class Step> void Loop::serve_all(Step step) {
  for (std::size_t i = connections_.size(); i-- > 0;) serve(*connections_[i], step);
}

void Loop::run() {
  std::array<epoll_event, 256> events;
  now_ = Clock::now();
  Clock::time_point end = Clock::time_point::max();
  while (now_ < end && !(draining_ && connections_.empty())) {
    const int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), ready_.empty() ? -1 : 0);
    now_ = Clock::now();
    bool woken = false, sweep = false;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (!event.data.ptr) woken = true;
      else if (event.data.ptr == &timer_) sweep = true;
      else serve(*static_cast<Connection*>(event.data.ptr), [&](Connection& c) { return c.on_event(event.events); });
    }
    // One request of each that has more: nobody waits for another's pipeline.
    for (std::size_t turns = ready_.size(); turns > 0; --turns) {
      Connection& connection = *ready_.front();
      ready_.pop_front();
      serve(connection, [](Connection& c) { return c.on_turn(); });
    }
    if (woken) {
      wake_.heard();
      const bool drain = drain_;  // asked first: what was added before it was set is then taken
      take_new();
      if (drain && !draining_) {
        draining_ = true;
        end = now_ + seconds(options_.drain_seconds);
        serve_all([](Connection& c) { return c.on_drain(); });
      }
    }
    if (sweep) {
      std::uint64_t times = 0;
      if (::read(timer_.get(), &times, sizeof times) < 0 && errno != EAGAIN) checked(-1, "timerfd");  // unread it does not ring again
      serve_all([](Connection& c) { return !c.late(); });
      if (connections_.empty()) sweep_every({});
    }
  }
}

}  // namespace mlp::serve
