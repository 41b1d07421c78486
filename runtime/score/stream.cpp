// Threads take pieces of the input in turn, read and score them side by side, and write in the order of the pieces.
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/codes/command.h"
#include "base/codes/serving.h"
#include "base/diagnostic.h"
#include "runtime/score/output.h"
#include "runtime/score/pieces.h"
#include "runtime/score/request.h"
#include "runtime/score/score.h"

namespace mlp::score {
namespace {

void write_all(int fd, std::string& bytes) {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Failure(code::write_failed, std::string("cannot write the predictions: ") + std::strerror(errno));
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  bytes.clear();
}

struct Stopped {};  // thrown to who waits for a turn that an earlier failure has made void

// The order in which pieces are finished, and what is known when they are.
class Turns {
 public:
  std::int64_t rows = 0, lines = 0;       // of the pieces before the one whose turn it is
  std::vector<std::int64_t> breaches;
  std::exception_ptr failure;             // of the first piece that failed; no later one gets a turn

  void wait(std::int64_t piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == piece || failure; });
    if (turn_ != piece) throw Stopped{};
  }
  void finish(std::exception_ptr error) {  // by whose turn it is
    const std::lock_guard lock(mutex_);
    failure = error;
    if (!error) ++turn_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t turn_ = 0;
};

// The input of all threads.
class Input {
 public:
  Input(ByteSource source, std::function<bool()> waits, char delimiter, std::size_t target) : pieces_(std::move(source), std::move(waits), delimiter, target) {}
  bool next(Piece& piece, std::int64_t& number) {
    const std::lock_guard lock(mutex_);
    number = taken_++;
    return pieces_.next(piece);
  }

 private:
  std::mutex mutex_;
  Pieces pieces_;
  std::int64_t taken_ = 0;
};

// What one thread works with.
class Worker {
 public:
  Worker(const Engine& engine, const OutputWriter& writer, const StreamOptions& options, const CsvRequest::Layout& layout, Input& input, Turns& turns, int output)
      : engine_(engine), writer_(writer), options_(options), input_(input), turns_(turns), output_(output), rows_(engine.package().signature),
        csv_(engine.package().signature, layout, options.input_name), lines_(options.input_name), json_request_(engine.package().signature) {
    rows_.set_input(options.input_name);
    if (options.folder) rows_.set_folder(*options.folder);
    rows_.set_earlier([this] { return turns_.wait(number_), turns_.rows; });
  }

  void run() {
    try {
      while (one_piece()) {}
    } catch (const Stopped&) {
    }
  }

 private:
  bool one_piece() {
    std::exception_ptr error;
    scored_ = 0;
    rows_.restart();
    try {
      if (!input_.next(piece_, number_)) return false;
      options_.from == Format::csv ? csv() : json_lines();
    } catch (const Stopped&) {
      throw;
    } catch (...) {
      error = std::current_exception();
    }
    turns_.wait(number_);
    try {
      write_all(output_, out_);
    } catch (...) {
      if (!error) error = std::current_exception();
    }
    turns_.rows += scored_;
    turns_.lines += lines_.lines();
    for (std::size_t c = 0; c < turns_.breaches.size(); ++c) turns_.breaches[c] += rows_.breaches()[c];
    turns_.finish(error);
    return !error;
  }
  void csv() {
    csv_.take(piece_);
    try {
      while (csv_.next(rows_))
        if (rows_.rows() >= engine_.batch_rows()) score_batch();
    } catch (const Failure&) {
      score_batch();  // the rows before the bad one
      throw;
    }
    score_batch();
  }
  void json_lines() {
    lines_.take(piece_);
    try {
      std::string_view line;
      while (lines_.next(line)) {
        if (number_ == 0 && lines_.lines() == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
        if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
        read(line);
        if (rows_.rows() >= engine_.batch_rows()) score_batch();
      }
    } catch (const Failure&) {
      score_batch();
      throw;
    }
    score_batch();
  }
  void read(std::string_view line) {
    try {
      json_.parse(line);
    } catch (const JsonError& error) {
      const std::int64_t row = rows_.row_number();
      Failure failure(code::request_bad_json, "line " + std::to_string(turns_.lines + lines_.lines()) + ", byte " + std::to_string(error.offset + 1) + ": " + error.what(),
                      "JSON lines hold one object a line; for CSV say `--from csv`");
      failure.diagnostic.in_data({options_.input_name, row, "", ""});
      throw failure;
    }
    json_request_.read(json_, 0, rows_);
  }
  void score_batch() {
    const std::int64_t n = rows_.rows();
    if (n == 0) return;
    predictions_.resize(static_cast<std::size_t>(n) * static_cast<std::size_t>(engine_.width()));
    const mlp_column* columns = rows_.columns();
    engine_.run(columns, n, predictions_.data(), options_.observe || options_.features ? &features_ : nullptr, options_.features ? &bags_ : nullptr);
    if (options_.observe) {
      turns_.wait(number_);
      options_.observe(columns, n, features_, predictions_.data());
    }
    writer_.rows(out_, predictions_.data(), n, features_, bags_);
    scored_ += n;
    rows_.clear();
  }

  const Engine& engine_;
  const OutputWriter& writer_;
  const StreamOptions& options_;
  Input& input_;
  Turns& turns_;
  int output_;
  RowBuilder rows_;
  CsvRequest csv_;
  LineReader lines_;
  JsonRequest json_request_;
  Json json_;
  Piece piece_;
  std::int64_t number_ = 0, scored_ = 0;
  std::string out_;
  std::vector<double> predictions_;
  std::vector<std::vector<double>> features_;
  Bags bags_;
};

// As many as asked for, and no more than there are pieces, where the size of the input is known.
int useful_threads(int asked, int input, std::size_t target) {
  struct stat status {};
  if (::fstat(input, &status) != 0 || !S_ISREG(status.st_mode)) return asked;
  return static_cast<int>(std::clamp<std::int64_t>(status.st_size / static_cast<std::int64_t>(target) + 1, 1, asked));
}

}  // namespace

std::int64_t stream(const Engine& engine, int input_fd, int output_fd, const StreamOptions& options) {
  const package::Signature& signature = engine.package().signature;
  const OutputWriter writer(engine.package().model, options.to, options.features ? &engine.package().fitted : nullptr);
  ByteSource source = file_source(input_fd, options.input_name);
  // Whoever feeds us row by row through a pipe gets each answer before we wait for the next row.
  const auto waits = [input_fd] {
    pollfd ready{input_fd, POLLIN, 0};
    return ::poll(&ready, 1, 0) == 0;
  };
  std::optional<CsvRequest> head;
  CsvRequest::Layout layout;
  layout.delimiter = Pieces::lines;
  if (options.from == Format::csv) {
    head.emplace(signature, source, options.input_name);
    layout = head->layout();
    source = head->rest();
  }
  std::string header;
  writer.header(header);
  write_all(output_fd, header);

  const bool pictures = std::any_of(signature.request.begin(), signature.request.end(), [](const Column& c) { return c.type.scalar == Scalar::image; });
  // A device takes the rows of a piece together.
  const std::size_t target = (pictures ? Pieces::few : Pieces::usual) * static_cast<std::size_t>(std::clamp<std::int64_t>(engine.batch_rows() / 4096, 1, 16));
  Input input(source, waits, layout.delimiter, target);
  Turns turns;
  turns.breaches.resize(signature.request.size());
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = useful_threads(options.threads, input_fd, target); i > 0; --i) workers.push_back(std::make_unique<Worker>(engine, writer, options, layout, input, turns, output_fd));
    std::vector<std::jthread> others;
    try {
      for (std::size_t i = 1; i < workers.size(); ++i) others.emplace_back([worker = workers[i].get()] { worker->run(); });
    } catch (const std::system_error&) {
      // The system gives no more: fewer do as well.
    }
    workers[0]->run();
  }
  if (turns.failure) std::rethrow_exception(turns.failure);
  if (options.from == Format::jsonl && turns.rows == 0)
    throw Failure(code::request_empty, "`" + options.input_name + "` is empty", "JSON lines hold one object a line; for CSV say `--from csv`");
  if (options.warn && turns.rows == 0) {
    Diagnostic warning{.code = code::request_no_rows, .message = "`" + options.input_name + "` has no rows, only a header"};
    options.warn(warning);
  }
  if (options.warn)
    for (std::size_t c = 0; c < signature.request.size(); ++c)
      if (const std::int64_t n = turns.breaches[c]; n > 0) {
        Diagnostic warning{.code = code::request_breaks_constraint,
                           .message = std::to_string(n) + (n == 1 ? " value" : " values") + " of `" + signature.request[c].name + "` break its constraint in the schema"};
        warning.help = "they were scored all the same: mend the data, or widen the constraint and train again";
        options.warn(warning.in_data({options.input_name, 0, signature.request[c].name, ""}));
      }
  return turns.rows;
}

}  // namespace mlp::score
