// Our side of csv-*: csv FILE SCHEMA. SCHEMA: a letter a column, n number, c category, t moment. Reads the whole file into
// typed columns with the reader of artifacts, on one thread.
#include <fcntl.h>
#include <unistd.h>

#include "bench/workers/worker.h"
#include "runtime/score/request.h"

using namespace mlp;

int main(int count, char** arguments) {
  if (count != 3) return 3;
  const std::string path = arguments[1], letters = arguments[2];
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
    score::RowBuilder rows(signature);
    score::CsvRequest csv(signature, score::file_source(file, path), path);
    while (csv.next(rows)) {}
    ::close(file);
    const double seconds = bench::now() - start;
    if (!sums.empty()) return seconds;
    // Of each column what both sides must agree on: the sum of its values (of a text its bytes) and how many it has.
    const mlp_column* columns = rows.columns();
    for (std::size_t c = 0; c < letters.size(); ++c) {
      double sum = 0;
      std::int64_t present = 0;
      for (std::int64_t r = 0; r < rows.rows(); ++r) {
        present += !columns[c].present || columns[c].present[r];
        if (letters[c] == 'n') sum += static_cast<const double*>(columns[c].values)[r];
        else if (letters[c] == 't') sum += static_cast<double>(static_cast<const std::int64_t*>(columns[c].values)[r]) / 1e6;
        else sum += static_cast<double>(static_cast<const mlp_string*>(columns[c].values)[r].size);
      }
      char text[64];
      std::snprintf(text, sizeof text, "%s[%.17g,%lld]", c ? "," : "", sum, static_cast<long long>(present));
      sums += text;
    }
    return seconds;
  };
  run();
  return bench::serve("{\"version\":\"mlp, one thread\",\"columns\":[" + sums + "]}", run);
}
