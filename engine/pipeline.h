// A spec made ready to run in this process: compiled units, kernels, and what belongs to them.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "compiler/driver/driver.h"
#include "runtime/package/package.h"
#include "runtime/score/score.h"

namespace mlp::engine {

// A spec with findings that stop it. Carries the sources, so that the command line can show them.
class SpecError : public std::exception {
 public:
  explicit SpecError(driver::Unit unit) : unit_(std::make_shared<driver::Unit>(std::move(unit))) {}
  const driver::Unit& unit() const { return *unit_; }
  const char* what() const noexcept override { return "the spec has errors"; }
 private:
  std::shared_ptr<driver::Unit> unit_;
};

struct Pipeline {
  driver::Unit unit;
  std::unique_ptr<codegen::Compiled> kernels;
  std::string identity;                 // SHA-256 of driver::training_identity
  std::vector<Assignment> set, tuned;   // as given to `prepare`
  const flow::Program& program() const { return unit.program; }
  mlp_network network() const;          // the code that scores its network; null where the model is none
  std::vector<package::Imported> imports() const;
  // Puts the spec, all that it is made of, into a package.
  void write_sources(package::Package& package) const;
};

// Compiles a spec to kernels in this process. Throws SpecError; warnings stay in unit.diagnostics.
Pipeline prepare(const std::string& name, std::string text, const driver::Options& options = {}, const codegen::Options& codegen = {});

// The spec of a package as it was trained: with its imports and the params that were set. `tuned`: with what its tune
// block chose too, as scoring needs it.
driver::Options options_of(const package::Package& package, bool tuned);

// What messages call a spec, and the directory that its paths are relative to.
std::filesystem::path directory_of(const std::filesystem::path& spec);

// Whether the kernels of a program can trust what the package holds: its fitted values, features and columns are those of the
// program, as compiled with the same passes.
bool fits(const package::Package& package, const flow::Program& program);

// A package with the kernel of its own spec, ready to score.
struct Loaded {
  Pipeline pipeline;                    // owns the kernel
  std::unique_ptr<score::Engine> engine;
};
Loaded load(package::Package package, const std::string& what);

}  // namespace mlp::engine
