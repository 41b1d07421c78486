// A diagnostic about data as text for people, in the layout that compiler/diag gives to those about specs. It is in every
// artifact, which has no compiler.
#pragma once
#include <string>

#include "base/diagnostic.h"

namespace mlp {

std::string render_plain(const Diagnostic& d, bool color = false);  // several lines
std::string render_bug(const std::string& what);                    // for exit 70: says that the fault is ours

}  // namespace mlp
