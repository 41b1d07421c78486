// A model over HTTP: Open Inference Protocol V2 (one tensor per column), MLflow's /invocations, health, /metrics.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/score/score.h"

namespace mlp::serve {

struct ServeOptions {
  std::string host = "127.0.0.1";          // an address, not a name; beyond loopback a warning is printed
  int port = 8080;                         // 0 = any free one
  int threads = 0;                         // 0 = one for each processor
  std::size_t max_body = std::size_t{16} << 20;  // bytes; more is answered with 413
  std::size_t max_connections = 4096;      // more wait to be accepted
  double idle_seconds = 60;                // a connection without a request is closed after this
  double request_seconds = 30;             // a request must have arrived, and its answer been taken, within this
  double drain_seconds = 10;               // on shutdown, how long requests may take to finish
  std::string version;                     // of the model; by convention the first 12 digits of the package digest
  std::function<void(const Diagnostic&)> warn;
};

// Listens from construction on; answers until stopped. The engine must outlive it.
class Server {
 public:
  Server(const score::Engine& engine, ServeOptions options);  // throws Failure (cannot_listen)
  ~Server();
  int port() const;
  std::string url() const;                 // http://127.0.0.1:8080
  void start();                            // returns at once
  void stop();                             // finishes the requests under way, then returns
 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Prints `listening on URL` to standard error and serves until SIGINT or SIGTERM; a second signal ends at once.
// Returns the exit code.
int serve(const score::Engine& engine, const ServeOptions& options);  // throws Failure

}  // namespace mlp::serve
