// A first spec from a data file: types, null words and a target found out, written so that it trains as it stands.
#pragma once
#include <filesystem>
#include <string>

#include "base/settings.h"

namespace mlp::engine {
struct FirstSpec {
  ModelKind model = ModelKind::gbdt;
  std::string predict;              // the column to predict, "" = chosen (the last that can be)
  std::string measure;              // the column that a model without a target is measured against, or ""
  std::filesystem::path directory;  // what the data path is relative to
};
// Throws Failure.
std::string write_spec(const std::filesystem::path& data, const FirstSpec& wanted);
}  // namespace mlp::engine
