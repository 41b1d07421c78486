// Listening, accepting, threads, and the end of it all.
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <thread>

#include "base/codes/serving.h"
#include "base/machine.h"
#include "runtime/serve/loop.h"

namespace mlp::serve {

namespace net = boost::asio;
using tcp = net::ip::tcp;

namespace {

[[noreturn]] void cannot_listen(const std::string& where, const std::string& why, const std::string& help) {
  throw Failure(code::cannot_listen, "cannot listen on " + where + ": " + why, help);
}

net::ip::address address_of(const std::string& host) {
  if (host == "localhost") return net::ip::address_v4::loopback();
  boost::system::error_code error;
  const net::ip::address address = net::ip::make_address(host, error);
  if (error) cannot_listen("`" + host + "`", "not an address", "give an address such as 127.0.0.1 or 0.0.0.0");
  return address;
}

}  // namespace

struct Server::Impl {
  Impl(const score::Engine& engine, ServeOptions o) : options(std::move(o)), api(engine, options), room{options.max_connections, {}, wake} {
    const net::ip::address address = address_of(options.host);
    if (options.port < 0 || options.port > 65535) cannot_listen(spell(address, options.port), "ports go from 0 to 65535", "choose another with `--port`");
    const std::string where = spell(address, options.port);
    local = tcp::endpoint(address, static_cast<unsigned short>(options.port));
    listener.reset(::socket(local.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    // What is accepted inherits TCP_NODELAY.
    const int on = 1;
    auto size = static_cast<socklen_t>(local.capacity());
    if (listener.get() < 0 || ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::setsockopt(listener.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::bind(listener.get(), local.data(), static_cast<socklen_t>(local.size())) != 0 || ::listen(listener.get(), SOMAXCONN) != 0 ||
        ::getsockname(listener.get(), local.data(), &size) != 0) {
      if (errno == EADDRINUSE) cannot_listen(where, "the port is in use", "stop the other program, or choose another port with `--port` (0 takes any free one)");
      if (errno == EACCES) cannot_listen(where, "ports below 1024 are not for this user", "choose another port with `--port`");
      cannot_listen(where, std::strerror(errno), "choose another address with `--host`, or another port with `--port`");
    }
    if (!address.is_loopback() && options.warn) {
      Diagnostic warning{.code = code::open_address, .message = "the server listens on " + address.to_string() + ", without TLS or authentication"};
      warning.help = "put it behind a proxy that has both, or listen on 127.0.0.1";
      options.warn(warning);
    }
  }

  static std::string spell(const net::ip::address& address, int port) {
    return (address.is_v6() ? "[" + address.to_string() + "]" : address.to_string()) + ":" + std::to_string(port);
  }

  // Hands each connection to the loop that has fewest, until told to stop: then those that wait already, and no more.
  void accept() {
    bool pause = false;  // out of descriptors, mostly
    while (true) {
      const bool full = room.open >= room.limit;
      pollfd watched[] = {{wake.fd(), POLLIN, 0}, {listener.get(), static_cast<short>(full || pause ? 0 : POLLIN), 0}};
      ::poll(watched, 2, pause ? 100 : -1);
      pause = false;
      wake.heard();
      const bool last = stopping;
      while (room.open < room.limit) {
        const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
          if (errno == ECONNABORTED || errno == EINTR) continue;
          pause = errno != EAGAIN;
          break;
        }
        ++room.open;
        (*std::min_element(loops.begin(), loops.end(), [](const auto& a, const auto& b) { return a->connections() < b->connections(); }))->add(fd);
      }
      if (last) break;
    }
    listener.reset();
  }

  void start() {
    int count = options.threads;
    if (count <= 0) count = cores();
    for (int i = 0; i < count; ++i) loops.push_back(std::make_unique<Loop>(api, options, room));
    for (const auto& loop : loops) threads.emplace_back([&loop = *loop] { loop.run(); });
    acceptor = std::thread([this] { accept(); });
  }

  void stop() {
    if (stopping.exchange(true)) return;
    api.set_draining();
    if (!acceptor.joinable()) return listener.reset();
    wake.ring();
    acceptor.join();
    for (const auto& loop : loops) loop->drain();
    for (std::thread& thread : threads) thread.join();
    loops.clear();
  }

  const ServeOptions options;
  Api api;
  Wake wake;                    // of the acceptor
  Room room;
  Descriptor listener;
  tcp::endpoint local;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::thread> threads;
  std::thread acceptor;
  std::atomic<bool> stopping{false};
};

Server::Server(const score::Engine& engine, ServeOptions options) : impl_(std::make_unique<Impl>(engine, std::move(options))) {}
Server::~Server() { impl_->stop(); }
int Server::port() const { return impl_->local.port(); }
std::string Server::url() const { return "http://" + Impl::spell(impl_->local.address(), port()); }
void Server::start() { impl_->start(); }
void Server::stop() { impl_->stop(); }

int serve(const score::Engine& engine, const ServeOptions& options) {
  // Signals are taken here by waiting for them; the server's threads inherit the mask.
  sigset_t ends, before;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, &before);
  try {
    Server server(engine, options);
    server.start();
    std::cerr << "listening on " + server.url() + "\n" << std::flush;
    int signal = 0;
    while (sigwait(&ends, &signal) != 0) {}
    // A second signal does what it does by default: it ends the process.
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    server.stop();
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  return 0;
}

}  // namespace mlp::serve
