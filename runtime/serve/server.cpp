// HTTP/1.1 over Boost.Beast. Requests become serve::Request, nothing else happens here.
#include <pthread.h>
#include <csignal>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <iostream>
#include <map>
#include <optional>
#include <thread>

#include "base/codes/serving.h"
#include "runtime/serve/api.h"

namespace mlp::serve {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = net::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::uint32_t max_header = 16 << 10;
constexpr std::size_t max_discard = std::size_t{64} << 20;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

std::chrono::steady_clock::duration seconds(double s) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(s));
}

class Session;

// The connections that are open; how a shutdown reaches them.
class Sessions {
 public:
  explicit Sessions(std::size_t limit) : limit_(limit) {}
  void add(const std::shared_ptr<Session>& session) {
    const std::lock_guard lock(mutex_);
    open_.insert({session.get(), session});
  }
  void remove(Session* session) {
    std::function<void()> resume;
    {
      const std::lock_guard lock(mutex_);
      open_.erase(session);
      if (open_.empty()) none_.notify_all();
      if (open_.size() < limit_) resume.swap(resume_);
    }
    if (resume) resume();
  }
  // False when the server is full: `resume` is then called once there is room again.
  bool room(std::function<void()> resume) {
    const std::lock_guard lock(mutex_);
    if (open_.size() < limit_) return true;
    resume_ = std::move(resume);
    return false;
  }
  void forget_resume() {
    const std::lock_guard lock(mutex_);
    resume_ = nullptr;
  }
  std::vector<std::shared_ptr<Session>> all() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Session>> out;
    for (const auto& [raw, weak] : open_)
      if (auto session = weak.lock()) out.push_back(std::move(session));
    return out;
  }
  void wait_for_none(std::chrono::steady_clock::duration time) {
    std::unique_lock lock(mutex_);
    none_.wait_for(lock, time, [&] { return open_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::map<Session*, std::weak_ptr<Session>> open_;
  std::size_t limit_;
  std::function<void()> resume_;
};

struct Shared {
  Shared(const score::Engine& engine, ServeOptions o) : options(std::move(o)), api(engine, options), sessions(options.max_connections) {}
  const ServeOptions options;
  Api api;
  Sessions sessions;
  std::atomic<bool> draining{false};
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Shared& shared) : stream_(std::move(socket)), shared_(shared) {}
  ~Session() { shared_.sessions.remove(this); }

  void start() {
    error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read_header(); });
  }
  // A connection that waits for a request ends; one that is at work ends after its answer.
  void drain() {
    net::dispatch(stream_.get_executor(), [self = shared_from_this()] {
      if (self->waiting_) self->close();
    });
  }
  void abort() {
    net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->close(); });
  }

 private:
  void close() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(max_header);
    parser_->body_limit(shared_.options.max_body);
    waiting_ = buffer_.size() == 0;
    if (shared_.draining && waiting_) return close();
    stream_.expires_after(seconds(shared_.options.idle_seconds));
    http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) { self->on_header(error); });
  }

  void on_header(error_code error) {
    waiting_ = false;
    if (error) return on_error(error);
    const auto& message = parser_->get();
    // What two servers could read differently is refused: both lengths, a transfer coding that is not plain `chunked`,
    // any at all in HTTP/1.0, and doubled headers of either kind.
    const std::size_t lengths = message.count(http::field::content_length), codings = message.count(http::field::transfer_encoding);
    const bool chunked = beast::iequals(message[http::field::transfer_encoding], "chunked");
    if (lengths > 1 || codings > 1 || (lengths == 1 && codings == 1) || (codings == 1 && (!chunked || message.version() < 11)))
      return refuse(400, "Content-Length and Transfer-Encoding contradict each other");
    if (message.version() >= 11 && message.count(http::field::host) != 1) return refuse(400, "the request needs exactly one Host header");
    if (message.target().empty() || message.target().front() != '/') return refuse(400, "the target must start with `/`");
    const auto length = parser_->content_length();
    if (length && *length > shared_.options.max_body) return too_large();
    stream_.expires_after(seconds(shared_.options.request_seconds));
    if (beast::iequals(message[http::field::expect], "100-continue")) {
      static const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      return net::async_write(stream_, net::buffer(go_on), [self = shared_from_this()](error_code failed, std::size_t) {
        if (failed) return self->close();
        self->read_body();
      });
    }
    read_body();
  }

  void read_body() {
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->on_error(error);
      self->answer();
    });
  }

  void answer() {
    const auto& message = parser_->get();
    const std::string method = std::string(view(message.method_string()));
    Request request;
    request.method = method;
    request.target = view(message.target());
    request.content_type = view(message[http::field::content_type]);
    request.content_encoding = view(message[http::field::content_encoding]);
    request.accept = view(message[http::field::accept]);
    request.binary_tensors = message.find("Inference-Header-Content-Length") != message.end();
    request.body = message.body();
    write(shared_.api.handle(request), message.keep_alive() && !shared_.draining, method == "HEAD", false);
  }

  void on_error(error_code error) {
    if (error == http::error::end_of_stream || error == beast::error::timeout || error == net::error::operation_aborted) return close();
    if (error == http::error::body_limit) return too_large();
    if (error == http::error::header_limit || error == http::error::buffer_overflow) return refuse(431, "the headers are larger than 16 KiB");
    if (error.category() == make_error_code(http::error::bad_method).category() && error != http::error::partial_message)
      return refuse(400, "malformed HTTP: " + error.message());
    close();
  }
  void too_large() { refuse(413, "the body is larger than " + std::to_string(shared_.options.max_body) + " bytes"); }

  // An answer to what never became a request. The rest of what the client sends is read for a while, so that the answer
  // is not lost to a reset.
  void refuse(int status, const std::string& message) {
    stream_.expires_after(seconds(shared_.options.request_seconds));
    write(shared_.api.error(status, message), false, false, true);
  }

  void write(Response made, bool keep_alive, bool head, bool linger) {
    response_.emplace();
    http::response<http::string_body>& r = *response_;
    r.version(11);
    r.result(static_cast<unsigned>(made.status));
    r.set(http::field::content_type, made.content_type);
    r.set(http::field::server, "millrace");
    if (!made.allow.empty()) r.set(http::field::allow, made.allow);
    r.keep_alive(keep_alive);
    const std::size_t size = made.body.size();
    if (!head) r.body() = std::move(made.body);
    r.content_length(size);
    if (head) {
      head_.emplace(r);
      return http::async_write_header(stream_, *head_, [self = shared_from_this(), keep_alive](error_code error, std::size_t) { self->written(error, keep_alive, false); });
    }
    http::async_write(stream_, r, [self = shared_from_this(), keep_alive, linger](error_code error, std::size_t) { self->written(error, keep_alive, linger); });
  }

  void written(error_code error, bool keep_alive, bool linger) {
    if (error) return close();
    if (keep_alive) return read_header();
    stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    if (!linger) return close();
    stream_.expires_after(std::chrono::seconds(2));
    buffer_.clear();
    discard();
  }
  void discard() {
    stream_.async_read_some(net::buffer(scrap_), [self = shared_from_this()](error_code error, std::size_t n) {
      self->discarded_ += n;
      if (error || self->discarded_ > max_discard) return self->close();
      self->discard();
    });
  }

  beast::tcp_stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response_serializer<http::string_body>> head_;
  std::array<char, 8192> scrap_;
  std::size_t discarded_ = 0;
  bool waiting_ = false;  // for a request to begin
};

[[noreturn]] void cannot_listen(const std::string& where, const std::string& why, const std::string& help) {
  throw Failure(code::cannot_listen, "cannot listen on " + where + ": " + why, help);
}

net::ip::address address_of(const std::string& host) {
  if (host == "localhost") return net::ip::address_v4::loopback();
  error_code error;
  const net::ip::address address = net::ip::make_address(host, error);
  if (error) cannot_listen("`" + host + "`", "not an address", "give an address such as 127.0.0.1 or 0.0.0.0");
  return address;
}

}  // namespace

struct Server::Impl {
  Impl(const score::Engine& engine, ServeOptions options) : shared(engine, std::move(options)), acceptor(net::make_strand(context)), retry(acceptor.get_executor()) {
    const ServeOptions& o = shared.options;
    const net::ip::address address = address_of(o.host);
    const std::string where = (address.is_v6() ? "[" + address.to_string() + "]" : address.to_string()) + ":" + std::to_string(o.port);
    if (o.port < 0 || o.port > 65535) cannot_listen(where, "ports go from 0 to 65535", "choose another with `--port`");
    const tcp::endpoint endpoint(address, static_cast<unsigned short>(o.port));
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
    if (error == net::error::address_in_use)
      cannot_listen(where, "the port is in use", "stop the other program, or choose another port with `--port` (0 takes any free one)");
    if (error == net::error::access_denied) cannot_listen(where, "ports below 1024 are not for this user", "choose another port with `--port`");
    if (error) cannot_listen(where, error.message(), "choose another address with `--host`, or another port with `--port`");
    local = acceptor.local_endpoint();
    if (!address.is_loopback() && o.warn) {
      Diagnostic warning{.code = code::open_address, .message = "the server listens on " + address.to_string() + ", without TLS or authentication"};
      warning.help = "put it behind a proxy that has both, or listen on 127.0.0.1";
      o.warn(warning);
    }
  }

  // On the acceptor's strand.
  void accept() {
    if (shared.draining) return;
    // Full: accepting goes on when a connection ends.
    if (!shared.sessions.room([this] { net::dispatch(acceptor.get_executor(), [this] { accept(); }); })) return;
    acceptor.async_accept(net::make_strand(context), [this](error_code error, tcp::socket socket) {
      if (shared.draining) return;
      if (error) {
        // Out of descriptors, mostly: try again in a moment, do not spin.
        retry.expires_after(std::chrono::milliseconds(100));
        retry.async_wait([this](error_code cancelled) { if (!cancelled) accept(); });
        return;
      }
      const auto session = std::make_shared<Session>(std::move(socket), shared);
      shared.sessions.add(session);
      session->start();
      accept();
    });
  }

  void stop() {
    if (shared.draining.exchange(true)) return;
    shared.api.set_draining();
    shared.sessions.forget_resume();
    net::dispatch(acceptor.get_executor(), [this] {
      error_code ignored;
      acceptor.close(ignored);
      retry.cancel();
    });
    if (threads.empty()) return;
    for (const auto& session : shared.sessions.all()) session->drain();
    shared.sessions.wait_for_none(seconds(shared.options.drain_seconds));
    for (const auto& session : shared.sessions.all()) session->abort();
    shared.sessions.wait_for_none(std::chrono::seconds(1));
    context.stop();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  Shared shared;                // first: sessions that the context destroys at its end still use it
  net::io_context context;
  tcp::acceptor acceptor;
  net::steady_timer retry;
  tcp::endpoint local;
  std::vector<std::thread> threads;
};

Server::Server(const score::Engine& engine, ServeOptions options) : impl_(std::make_unique<Impl>(engine, std::move(options))) {}
Server::~Server() { impl_->stop(); }
int Server::port() const { return impl_->local.port(); }
std::string Server::url() const {
  const auto address = impl_->local.address();
  return "http://" + (address.is_v6() ? "[" + address.to_string() + "]" : address.to_string()) + ":" + std::to_string(port());
}

void Server::start() {
  net::dispatch(impl_->acceptor.get_executor(), [impl = impl_.get()] { impl->accept(); });
  int count = impl_->shared.options.threads;
  if (count <= 0) count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  for (int i = 0; i < count; ++i)
    impl_->threads.emplace_back([impl = impl_.get()] {
      const auto work = net::make_work_guard(impl->context);
      impl->context.run();
    });
}
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
