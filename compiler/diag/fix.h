// Machine-applicable fixes, applied to the text that they were found in.
#pragma once
#include "base/diagnostic.h"

namespace mlp::diag {

struct Fixed {
  std::string text;
  std::vector<const Diagnostic*> applied;  // in the order of the text
};

// The edits of one diagnostic are applied together or not at all. One that touches text that an earlier one replaces is left
// for another round, after the text was checked again.
Fixed apply_fixes(const std::vector<Diagnostic>& list, const SourceMap& sources, std::int32_t source);

}  // namespace mlp::diag
