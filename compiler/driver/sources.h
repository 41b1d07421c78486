// The texts of a spec: the file itself, what it imports, and the values given from outside, as one ast.
#pragma once
#include "compiler/driver/driver.h"

namespace mlp::driver {
// Parses the spec, source 0, and the files that it imports into unit.file. Each file once; cycles are reported.
void load_sources(Unit& unit, const Options& options);

// Gives params their values of --set and of a tune block, and settings of the model those of a tune block. Each value is a
// source of its own, so that what is wrong with it can be shown.
void assign(Unit& unit, const std::vector<Assignment>& set, const std::vector<Assignment>& tuned);
}  // namespace mlp::driver
