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
#include "runtime/score/frame.h"
#include "runtime/score/output.h"
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
  std::string_view content_type = "application/json";  // static text
  std::string_view allow;                              // of a 405; static text
  std::string body;
};

// What a request did wrong; becomes a response.
struct ApiError {
  int status = 400;
  std::string message, help, code;
  std::string_view allow;
};

struct Datatype;  // of V2

// How the last request of a protocol was written: the next one mostly is written alike, with other values.
struct LastRequest {
  score::JsonFrame frame;                       // of what is below
  std::int64_t rows = 0;
};
struct LastV2 : LastRequest {
  std::vector<const Datatype*> types;           // by column
  bool has_id = false;
  std::string_view id;                          // as it is written
  std::string parameters;                       // the same; empty without
  std::vector<std::size_t> outputs;             // that it asks for
};

// What one request needs while it is worked on; kept from request to request.
struct Scratch {
  explicit Scratch(const package::Signature& signature) : rows(signature), json_rows(signature) { rows.set_input("the request"); }
  score::RowBuilder rows;
  score::JsonRequest json_rows;
  score::Json json;
  LastV2 v2;
  LastRequest invocation;
  std::vector<std::vector<double>> features;
  std::vector<double> predictions;              // of all rows of the request so far
};

// What one thread answers requests with.
struct Worker {
  explicit Worker(monitor::Tally& tally_) : tally(tally_) {}
  monitor::Tally& tally;
  monitor::RequestCounts v2, invocations;
  monitor::Count busy;                          // 1 while it works on a request
  std::unique_ptr<Scratch> scratch;
  Response response;                            // the last one
};

class Api {
 public:
  Api(const score::Engine& engine, const ServeOptions& options);
  Worker& add_worker();                         // for a thread; the Api keeps it
  // Never throws. Any number of threads at once, each with its worker, whose response it gives.
  const Response& handle(const Request& request, Worker& worker);
  Response error(int status, const std::string& message) const;  // for what never became a request
  void set_draining() { draining_ = true; }
  const std::string& name() const { return name_; }

 private:
  Response route(const Request& request, Worker& worker);
  Response v2(const Request& request, const std::vector<std::string_view>& path, Worker& worker);
  Response metrics(const Request& request) const;
  Response infer(const Request& request, Worker& worker);        // v2.cpp
  void read_v2(std::string_view body, Worker& worker) const;     // its rows into the scratch, the rest into `v2`
  void read_invocation(std::string_view body, Worker& worker) const;  // its rows into the scratch
  std::string metadata() const;                                  // v2.cpp
  std::vector<std::string> output_heads() const;                 // v2.cpp
  Response invocations(const Request& request, Worker& worker);  // invocations.cpp
  template <class F> Response inference(monitor::RequestCounts& counts, Worker& worker, F&& work, bool mlflow);

  Scratch& begin(Worker& worker) const;         // its scratch, empty
  std::string body_of(Worker& worker) const;    // empty, with the memory of the last
  // Reads only the values of a body that is written as the last one was. `accept` may refuse them.
  template <class Accept> static bool read_again(std::string_view body, const LastRequest& last, Scratch& scratch, Accept accept);
  // Around a whole reading, for which the next one is to be compared with it.
  static void begin_learning(std::string_view body, LastRequest& last, Scratch& scratch);
  void learn(std::string_view body, LastRequest& last, Scratch& scratch, std::size_t others = 0) const;  // others: noted beside the values
  void finish_rows(Worker& worker) const;       // scores what its scratch holds, counts it, clears it
  static constexpr std::int64_t full = 4096;    // rows at once
  void finish_when_full(Worker& worker) const { if (worker.scratch->rows.rows() >= full) finish_rows(worker); }
  void finish_request(Worker& worker) const;    // scores the rest
  const package::Package& package() const { return engine_.package(); }

  const score::Engine& engine_;
  std::string name_, version_, metadata_;
  std::string infer_path_;                      // what most requests ask for
  const std::vector<std::string> outputs_;      // their names
  const score::OutputWriter writer_;
  std::string answer_head_;                     // of V2: what all answers begin with
  std::vector<std::string> output_heads_;       // of each output in it, up to the number of rows
  monitor::Monitor monitor_;
  std::atomic<bool> draining_{false};
  double start_time_;
  mutable std::mutex mutex_;                    // of the workers
  std::vector<std::unique_ptr<Worker>> workers_;
};

template <class Accept> bool Api::read_again(std::string_view body, const LastRequest& last, Scratch& s, Accept accept) {
  try {
    // Of a column the values stand in the order of the rows.
    const auto take = [&](std::size_t column, score::JsonKind kind, std::string_view text) {
      if (!accept(column, kind, text)) return false;
      if (column < s.rows.schema().size()) s.json_rows.value(kind, text, static_cast<std::size_t>(body.data() + body.size() - text.data() - text.size()), column, s.rows);
      return true;
    };
    if (last.frame.match(body, take)) {
      for (std::int64_t r = 0; r < last.rows; ++r) s.rows.end_row();
      return true;
    }
  } catch (const Failure&) {}  // read in full it comes again, and names its row
  s.rows.restart();
  return false;
}

// Shared by the bodies. Both throw ApiError.
void parse_body(score::Json& json, std::string_view body);
void need_media_type(const Request& request, std::initializer_list<std::string_view> allowed, bool required);
std::string_view media_type(std::string_view content_type);  // without parameters and blanks

}  // namespace mlp::serve
