#include "runtime/score/probe.h"

#include <cmath>
#include <limits>

#include "runtime/score/output.h"

namespace mlp::score {
namespace {

constexpr std::uint64_t probe_rows = 64;

// SplitMix64 (Steele, Lea, Flood 2014): the same everywhere.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

void add_value(RowBuilder& rows, std::size_t i, const Column& column, const package::Package& package, std::uint64_t random) {
  if (column.type.nullable && random % 8 == 0) return rows.add_null(i);
  random = mix(random);
  const double low = column.bounds.low.value_or(-1000), high = column.bounds.high.value_or(std::max(low, 0.0) + 1000);
  const double between = low + (high - low) * (static_cast<double>(random >> 11) * 0x1p-53);
  switch (column.type.scalar) {
    case Scalar::real:
    case Scalar::real32: {
      const double special[] = {0.0, -0.0, low, high, std::numeric_limits<float>::denorm_min(), -1e30, 1e30};
      return rows.add_number(i, random % 4 == 0 ? special[random / 4 % 7] : between);
    }
    case Scalar::integer: {
      const double whole = std::floor(between);
      return rows.add_integer(i, random % 16 == 0 ? std::numeric_limits<std::int64_t>::max() : std::fabs(whole) < 9e15 ? static_cast<std::int64_t>(whole) : 0);
    }
    case Scalar::boolean: return rows.add_text(i, random % 2 ? "true" : "false");
    case Scalar::timestamp: return rows.add_text(i, random % 2 ? "2024-02-29T23:59:59.999999Z" : "1969-12-31T00:00:00Z");
    case Scalar::date: return rows.add_text(i, random % 2 ? "2024-02-29" : "1969-12-31");
    case Scalar::image: {
      std::string pixels(static_cast<std::size_t>(column.image.size()), '\0');
      for (char& p : pixels) p = static_cast<char>(random = mix(random));
      return rows.add_pixels(i, pixels);
    }
    case Scalar::duration: return rows.add_text(i, random % 2 ? "90s" : "26:00:01.5");
    default: {
      // A key that some dictionary knows, or one that none does.
      const auto& tables = package.fitted.tables;
      if (!tables.empty() && random % 8 != 0) {
        const fit::FittedTable& table = tables[random / 8 % tables.size()];
        if (!table.keys.empty()) {
          std::string value = table.keys[mix(random) % table.keys.size()];
          if (column.type.scalar == Scalar::text)  // several words, should they be such
            for (std::uint64_t more = mix(random + 1) % 8; more > 0; --more) value += " " + table.keys[mix(random + 1 + more) % table.keys.size()];
          return rows.add_text(i, value);
        }
      }
      return rows.add_text(i, random % 16 == 0 ? std::string(300, 'x') : random % 3 ? std::string("unseen é ") + std::to_string(random % 100) : std::string("-"));
    }
  }
}

}  // namespace

void add_probe_rows(const package::Package& package, RowBuilder& rows) {
  for (std::uint64_t r = 0; r < probe_rows; ++r) {
    for (std::size_t i = 0; i < rows.schema().size(); ++i) add_value(rows, i, rows.schema()[i], package, mix(r * 0x10001 + i));
    rows.end_row();
  }
}

ProbeRun run_probe(const Engine& engine) {
  // Without null words, so that a probe text is always a value.
  package::Signature signature = engine.package().signature;
  signature.source.null_words.clear();
  RowBuilder rows(signature);
  add_probe_rows(engine.package(), rows);
  ProbeRun out;
  out.rows = rows.rows();
  out.predictions.resize(static_cast<std::size_t>(out.rows) * static_cast<std::size_t>(engine.width()));
  engine.run(rows.columns(), out.rows, out.predictions.data(), &out.features, &out.bags);
  return out;
}

std::vector<std::string> golden_predictions(const Engine& engine) {
  const ProbeRun run = run_probe(engine);
  const OutputWriter writer(engine.package().model, Format::csv);
  std::vector<std::string> out;
  for (std::int64_t r = 0; r < run.rows; ++r) {
    std::string& line = out.emplace_back();
    writer.rows(line, run.predictions.data() + r * engine.width(), 1);
    line.pop_back();
  }
  return out;
}

}  // namespace mlp::score
