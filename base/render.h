// A diagnostic as text for people, in rustc's layout. It is in every artifact, which has no compiler.
#pragma once
#include <string>

#include "base/diagnostic.h"

namespace mlp {

// Several lines, the last one ended: header, place, the source lines with carets, notes, help. Any span renders, also one
// past the end, in a missing source, or over bytes that are not UTF-8.
std::string render(const Diagnostic& d, const SourceMap& sources = {}, bool color = false);
std::string render_bug(const std::string& what);  // for exit 70: says that the fault is ours

}  // namespace mlp
