// The endpoints, apart from any HTTP library: a request in, a response out.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/monitor/monitor.h"
#include "runtime/score/request.h"
#include "runtime/values/parse.h"
#include "runtime/serve/serve.h"

namespace mlp::serve {

struct Request {
  std::string_view method, target;              // target as it stands in the request line
  std::string_view content_type, accept, content_encoding;
  bool binary_tensors = false;                  // has the header of V2's binary extension
  std::string_view body;
};
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;                            // of a 405
};

// What a request did wrong; becomes a response.
struct ApiError {
  int status = 400;
  std::string message, help, code;
  std::string allow;
};

// What one request needs while it is worked on; kept from request to request.
struct Worker {
  explicit Worker(const package::Signature& signature) : rows(signature), json_rows(signature) { rows.set_input("the request"); }
  score::RowBuilder rows;
  score::JsonRequest json_rows;
  score::Json json;
  std::vector<std::vector<double>> features;
  std::vector<double> predictions;              // of all rows of the request so far
};

class Api {
 public:
  Api(const score::Engine& engine, const ServeOptions& options);
  Response handle(const Request& request);      // never throws; thread-safe
  Response error(int status, const std::string& message) const;  // for what never became a request
  void set_draining() { draining_ = true; }
  const std::string& name() const { return name_; }

 private:
  Response route(const Request& request);
  Response v2(const Request& request, const std::vector<std::string_view>& path);
  Response metrics(const Request& request) const;
  Response infer(const Request& request);       // v2.cpp
  std::string metadata() const;                 // v2.cpp
  Response invocations(const Request& request); // invocations.cpp
  template <class F> Response inference(monitor::RequestCounts& counts, F&& work, bool mlflow);

  void finish_rows(Worker& worker);             // scores what `worker` holds, counts it, clears it
  void finish_when_full(Worker& worker) { if (worker.rows.rows() >= 4096) finish_rows(worker); }
  std::unique_ptr<Worker> worker();
  void give_back(std::unique_ptr<Worker> worker);
  const package::Package& package() const { return engine_.package(); }

  const score::Engine& engine_;
  std::string name_, version_, metadata_;
  monitor::Monitor monitor_;
  monitor::RequestCounts v2_counts_, invocation_counts_;
  std::atomic<std::int64_t> in_flight_{0};
  std::atomic<bool> draining_{false};
  double start_time_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

// Shared by the bodies. Both throw ApiError.
void parse_body(score::Json& json, std::string_view body);
void need_media_type(const Request& request, const std::vector<std::string_view>& allowed, bool required);
std::string_view media_type(std::string_view content_type);  // without parameters and blanks

}  // namespace mlp::serve
