// Writes a CSV file as Parquet, for the end-to-end tests: to_parquet IN.csv OUT.parquet
#include <cstdio>

#include "base/diagnostic.h"
#include "runtime/data/duck.h"

int main(int count, char** arguments) try {
  if (count != 3) return 2;
  mlp::data::Duck duck(1);
  duck.query("COPY (SELECT * FROM read_csv('" + std::string(arguments[1]) + "')) TO '" + arguments[2] + "' (FORMAT parquet)", arguments[1]);
  return 0;
} catch (const mlp::Failure& failure) {
  std::fprintf(stderr, "%s\n", failure.what());
  return 1;
}
