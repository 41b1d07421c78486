// A first spec from a data file: types, null words and a target found out, written so that it trains as it stands.
#pragma once
#include <filesystem>
#include <string>

namespace mlp::engine {
// `predict`: the column to predict, "" = chosen (the last that can be). `spec_directory`: what the data path is relative
// to. Throws Failure.
std::string write_spec(const std::filesystem::path& data, const std::string& predict, const std::filesystem::path& spec_directory);
}  // namespace mlp::engine
