// A CSV file into typed columns in memory, as an artifact reads rows: bench_csv FILE SCHEMA THREADS. SCHEMA: a letter a column, n number,
// c category, t moment. Threads take pieces of the file in turn; the columns lie piece by piece.
#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <thread>

#include "bench/workers/worker.h"
#include "runtime/score/pieces.h"
#include "runtime/score/request.h"
#include "runtime/score/score.h"

using namespace mlp;

int main(int count, char** arguments) {
  if (count != 4) return 3;
  const std::string path = arguments[1], letters = arguments[2];
  const int threads = std::atoi(arguments[3]);
  package::Signature signature;
  for (const char letter : letters) {
    Column column;
    column.name = letter + std::to_string(signature.request.size());
    column.type = {letter == 'n' ? Scalar::real : letter == 'c' ? Scalar::category : Scalar::timestamp, letter == 'n'};
    signature.request_place.push_back(signature.schema_size++);
    signature.request.push_back(column);
  }
  std::string sums;
  const auto run = [&] {
    const double start = bench::now();
    const int file = ::open(path.c_str(), O_RDONLY);
    score::CsvRequest head(signature, score::file_source(file, path), path);
    score::Pieces pieces(head.rest(), [] { return false; }, head.layout().delimiter, score::Pieces::usual);
    std::vector<std::unique_ptr<score::RowBuilder>> parts;
    std::mutex mutex;
    const auto work = [&] {
      score::CsvRequest csv(signature, head.layout(), path);
      score::Piece piece;
      while (true) {
        score::RowBuilder* rows = nullptr;
        {
          const std::lock_guard lock(mutex);
          if (!pieces.next(piece)) return;
          rows = parts.emplace_back(std::make_unique<score::RowBuilder>(signature)).get();
        }
        csv.take(piece);
        while (csv.next(*rows)) {}
      }
    };
    {
      std::vector<std::jthread> others;
      for (int i = 1; i < threads; ++i) others.emplace_back(work);
      work();
    }
    ::close(file);
    const double seconds = bench::now() - start;
    if (!sums.empty()) return seconds;
    // Of each column what both sides must agree on: the sum of its values (of a text its bytes) and how many it has.
    for (std::size_t c = 0; c < letters.size(); ++c) {
      double sum = 0;
      std::int64_t present = 0;
      for (const auto& rows : parts) {
        const mlp_column column = rows->columns()[c];
        for (std::int64_t r = 0; r < rows->rows(); ++r) {
          present += !column.present || column.present[r];
          if (letters[c] == 'n') sum += static_cast<const double*>(column.values)[r];
          else if (letters[c] == 't') sum += static_cast<double>(static_cast<const std::int64_t*>(column.values)[r]) / 1e6;
          else sum += static_cast<double>(static_cast<const mlp_string*>(column.values)[r].size);
        }
      }
      char text[64];
      std::snprintf(text, sizeof text, "%s[%.17g,%lld]", c ? "," : "", sum, static_cast<long long>(present));
      sums += text;
    }
    return seconds;
  };
  run();
  return bench::serve("{\"version\":\"mlp, " + std::to_string(threads) + " threads\",\"columns\":[" + sums + "]}", run);
}
