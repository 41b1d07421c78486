#include "base/render_plain.h"

namespace mlp {
namespace {

// Messages may quote data; what would steer a terminal is not passed on.
std::string clean(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t') out += ' ';
    else if (byte < 0x20 || byte == 0x7F) out += "\xEF\xBF\xBD";
    else out += c;
  }
  return out;
}

}  // namespace

std::string render_plain(const Diagnostic& d, bool color) {
  const CodeInfo& code = info(d.code);
  const bool error = code.severity == Severity::error;
  const auto paint = [&](const char* style, const std::string& text) { return color ? std::string("\x1b[") + style + "m" + text + "\x1b[0m" : text; };
  std::string out = paint(error ? "1;31" : "1;33", std::string(error ? "error" : "warning") + "[" + code.code + "]") + paint("1", clean(": " + d.message)) + "\n";
  if (d.data) {
    std::string place = d.data->file;
    if (d.data->row > 0) place += ": row " + std::to_string(d.data->row);
    if (!d.data->column.empty()) place += (d.data->row > 0 ? ", column `" : ": column `") + d.data->column + "`";
    out += " " + paint("1;34", "--> ") + clean(place) + "\n" + paint("1;34", "  |") + "\n";
  }
  const auto remark = [&](const char* kind, const std::string& text) { out += "  " + paint("1;34", "= ") + paint("1", std::string(kind) + ": ") + clean(text) + "\n"; };
  for (const std::string& note : d.notes) remark("note", note);
  if (!d.help.empty()) remark("help", d.help);
  remark("note", std::string("mlp explain ") + code.code);
  return out;
}

std::string render_bug(const std::string& what) {
  return "internal error: " + clean(what) + "\n  = note: this is a fault of the program, not of your input; please report it with what you ran\n";
}

}  // namespace mlp
