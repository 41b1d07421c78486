// Diagnostics for people (rustc layout) and for programs.
#pragma once
#include "base/diagnostic.h"

namespace mlp::diag {
struct Style { bool color = false; };
std::string text(const Diagnostic& d, const SourceMap& sources, Style style);
std::string json(const Diagnostic& d, const SourceMap& sources);  // one object, one line
}  // namespace mlp::diag
