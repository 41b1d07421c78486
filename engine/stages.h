// The stages of training as they are cached: what each is made from, as a key.
#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "compiler/driver/stages.h"

namespace mlp::engine {

// The digest of the bytes that the sources of a program name now, and of the pictures that their cells name. Throws Failure.
std::string data_digest(const flow::Program& program, const std::filesystem::path& directory);

// The key of each stage that is made from rows: the facts that it reads of the spec, the bytes of the data, and this build
// of mlp. Equal keys, equal results. No key for a tune block that there is not.
std::map<driver::Stage, std::string> stage_keys(const driver::Unit& unit, const std::string& data_digest);

// What a train did about a stage.
struct StageDone {
  driver::Stage stage{};
  bool reused = false;
  std::string key;        // "" without a cache
  double seconds = 0;     // that making it took, now or when it was made
};

}  // namespace mlp::engine
