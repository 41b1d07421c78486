// Diagnostics for programs: JSON lines, SARIF 2.1.0, JUnit XML, annotations of GitHub and GitLab. For people: base/render.h.
// Lines and columns count from 1, columns in code points. Bytes that are not UTF-8 become U+FFFD.
#pragma once
#include <optional>

#include "base/diagnostic.h"

namespace mlp::diag {

enum class Format { text, json, sarif, junit, github, gitlab };
const std::vector<std::string>& formats();  // their words, in the order of the enum
Format read_format(const std::string& word);

// What was found in one thing that was looked at: a spec, or a line of a `test` block. An empty list is good news, which
// JUnit counts.
struct Findings {
  std::string name;
  const SourceMap* sources;
  std::vector<Diagnostic> list;
};

// The whole document, its last line ended; nothing for `text`.
std::string report(const std::vector<Findings>& all, Format format);

// One object on one line: code, name, severity, message, file, line, column, end_line, end_column, label, labels (the other
// places), notes, help, fix (edits with byte offsets), data (file, row, column, value) or null, rendered (= text without colour).
// What is not known is null.
std::string json(const Diagnostic& d, const SourceMap& sources);

}  // namespace mlp::diag
