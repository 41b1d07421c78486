// Diagnostics for people (rustc layout) and for programs. Lines and columns count from 1, columns in code points.
#pragma once
#include "base/diagnostic.h"

namespace mlp::diag {

struct Style { bool color = false; };

// Several lines, the last one ended: header, place, the source lines with carets, notes, help.
std::string text(const Diagnostic& d, const SourceMap& sources, Style style);

// `file:line:column: error[E0312]: message`, for editors and logs; no line break.
std::string one_line(const Diagnostic& d, const SourceMap& sources);

// One object on one line: code, name, severity, message, file, line, column, end_line, end_column, label, labels (the other
// places), notes, help, fix (edits with byte offsets), data (file, row, column, value) or null, rendered (= text without colour).
// What is not known is null. Bytes that are not UTF-8 become U+FFFD.
std::string json(const Diagnostic& d, const SourceMap& sources);

}  // namespace mlp::diag
