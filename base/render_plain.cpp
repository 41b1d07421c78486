#include "base/render_plain.h"

namespace mlp {

std::string render_plain(const Diagnostic& d, PlainStyle style, const std::string& excerpt) {
  const CodeInfo& code = info(d.code);
  const bool error = code.severity == Severity::error;
  const auto paint = [&](const char* escape, const std::string& text) { return style.color ? escape + text + "\x1b[0m" : text; };
  const char* const strong = error ? "\x1b[1;31m" : "\x1b[1;33m";
  std::string out = paint(strong, std::string(error ? "error" : "warning") + "[" + code.code + "]") + paint("\x1b[1m", ": " + d.message) + "\n";
  if (d.data) {
    const DataPlace& place = *d.data;
    out += paint("\x1b[34m", "  --> ") + place.file;
    if (place.row > 0) out += ", row " + std::to_string(place.row);
    if (!place.column.empty()) out += ", column `" + place.column + "`";
    if (!place.value.empty()) out += ": `" + place.value + "`";
    out += "\n";
  }
  out += excerpt;
  if (!d.help.empty()) out += paint("\x1b[34m", "   = ") + paint("\x1b[1m", "help: ") + d.help + "\n";
  for (const std::string& note : d.notes) out += paint("\x1b[34m", "   = ") + paint("\x1b[1m", "note: ") + note + "\n";
  out += paint("\x1b[34m", "   = ") + paint("\x1b[1m", "note: ") + "mlp explain " + code.code + "\n";
  return out;
}

std::string render_bug(const std::string& what) {
  return "internal error: " + what + "\n   = note: this is a fault of the program, not of your input; please report it with what you ran\n";
}

}  // namespace mlp
