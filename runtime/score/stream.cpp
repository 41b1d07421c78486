#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/codes/command.h"
#include "base/codes/serving.h"
#include "base/diagnostic.h"
#include "runtime/score/output.h"
#include "runtime/score/request.h"
#include "runtime/score/score.h"

namespace mlp::score {
namespace {

constexpr std::int64_t batch_rows = 1024;

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

}  // namespace

std::int64_t stream(const Engine& engine, int input_fd, int output_fd, const StreamOptions& options) {
  const package::Signature& signature = engine.package().signature;
  const OutputWriter writer(engine.package().model, options.to, options.features ? &engine.package().fitted : nullptr);
  RowBuilder rows(signature);
  rows.set_input(options.input_name);
  std::string out;
  std::vector<double> predictions;
  std::vector<std::vector<double>> features;
  Bags bags;
  std::int64_t scored = 0;

  const auto score_batch = [&] {
    const std::int64_t n = rows.rows();
    if (n == 0) return;
    predictions.resize(static_cast<std::size_t>(n) * static_cast<std::size_t>(engine.width()));
    const mlp_column* columns = rows.columns();
    engine.run(columns, n, predictions.data(), options.observe || options.features ? &features : nullptr, options.features ? &bags : nullptr);
    if (options.observe) options.observe(columns, n, features, predictions.data());
    writer.rows(out, predictions.data(), n, features, bags);
    scored += n;
    rows.clear();
    if (out.size() >= (std::size_t{1} << 16)) write_all(output_fd, out);
  };
  // Whoever feeds us row by row through a pipe gets each answer before we wait for the next row.
  const ByteSource file = file_source(input_fd, options.input_name);
  const ByteSource source = [&](char* to, std::size_t size) {
    pollfd ready{input_fd, POLLIN, 0};
    if (::poll(&ready, 1, 0) == 0) {
      score_batch();
      write_all(output_fd, out);
    }
    return file(to, size);
  };

  try {
    if (options.from == Format::csv) {
      CsvRequest request(signature, source, options.input_name);
      writer.header(out);
      while (request.next(rows))
        if (rows.rows() >= batch_rows) score_batch();
    } else {
      writer.header(out);
      LineReader lines(source, options.input_name);
      JsonRequest request(signature);
      Json json;
      std::string_view line;
      while (lines.next(line)) {
        if (lines.lines() == 1 && line.substr(0, 3) == "\xEF\xBB\xBF") line.remove_prefix(3);
        if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
        try {
          json.parse(line);
        } catch (const JsonError& error) {
          Failure failure(code::request_bad_json, "line " + std::to_string(lines.lines()) + ", byte " + std::to_string(error.offset + 1) + ": " + error.what(),
                          "JSON lines hold one object a line; for CSV say `--from csv`");
          failure.diagnostic.in_data({options.input_name, rows.row_number(), "", ""});
          throw failure;
        }
        request.read(json, 0, rows);
        if (rows.rows() >= batch_rows) score_batch();
      }
      if (rows.row_number() == 1)
        throw Failure(code::request_empty, "`" + options.input_name + "` is empty", "JSON lines hold one object a line; for CSV say `--from csv`");
    }
  } catch (const Failure&) {
    score_batch();
    write_all(output_fd, out);
    throw;
  }
  score_batch();
  write_all(output_fd, out);
  if (options.warn && scored == 0) {
    Diagnostic warning{.code = code::request_no_rows, .message = "`" + options.input_name + "` has no rows, only a header"};
    options.warn(warning);
  }
  if (options.warn)
    for (std::size_t c = 0; c < signature.request.size(); ++c)
      if (const std::int64_t n = rows.breaches()[c]; n > 0) {
        Diagnostic warning{.code = code::request_breaks_constraint,
                           .message = std::to_string(n) + (n == 1 ? " value" : " values") + " of `" + signature.request[c].name + "` break its constraint in the schema"};
        warning.help = "they were scored all the same: mend the data, or widen the constraint and train again";
        options.warn(warning.in_data({options.input_name, 0, signature.request[c].name, ""}));
      }
  return scored;
}

}  // namespace mlp::score
