#include "base/render.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace mlp {
namespace {

constexpr std::size_t widest_line = 160;  // columns of source shown; longer lines are cut around the marks

struct Mark {
  std::uint32_t line = 1;
  std::uint32_t begin = 0, end = 0;  // bytes in the line
  bool primary = false;
  std::string text;
};

// A source line as it can be shown: tabs as four spaces, what cannot be shown as U+FFFD; columns[i] is where byte i stands.
struct Shown {
  std::vector<std::string> cells;
  std::vector<std::size_t> columns;
};
Shown show(std::string_view line) {
  Shown out;
  for (std::size_t i = 0; i < line.size();) {
    const auto lead = static_cast<unsigned char>(line[i]);
    std::size_t length = lead < 0x80 ? 1 : (lead & 0xE0) == 0xC0 ? 2 : (lead & 0xF0) == 0xE0 ? 3 : (lead & 0xF8) == 0xF0 ? 4 : 0;
    bool good = length > 0 && i + length <= line.size() && lead >= 0x20 && lead != 0x7F;
    for (std::size_t k = 1; good && k < length; ++k) good = (static_cast<unsigned char>(line[i + k]) & 0xC0) == 0x80;
    if (!good) length = 1;
    for (std::size_t k = 0; k < length; ++k) out.columns.push_back(out.cells.size());
    if (line[i] == '\t') out.cells.insert(out.cells.end(), 4, " ");
    else out.cells.push_back(good ? std::string(line.substr(i, length)) : "\xEF\xBF\xBD");
    i += length;
  }
  out.columns.push_back(out.cells.size());
  return out;
}

// Messages may quote data; what would steer a terminal is not passed on.
std::string clean(std::string_view text, bool keep_lines = false) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' && keep_lines) out += c;
    else if (c == '\n' || c == '\t') out += ' ';
    else if (byte < 0x20 || byte == 0x7F) out += "\xEF\xBF\xBD";
    else out += c;
  }
  return out;
}

class Painter {
 public:
  explicit Painter(bool color) : color_(color) {}
  std::string operator()(const char* code, std::string_view text) const {
    const std::string shown = clean(text);
    return color_ && !shown.empty() ? "\x1b[" + std::string(code) + "m" + shown + "\x1b[0m" : shown;
  }

 private:
  bool color_;
};
constexpr const char* bold = "1";
constexpr const char* red = "1;31";
constexpr const char* yellow = "1;33";
constexpr const char* blue = "1;34";

std::string place(const SourceMap& sources, Span span) {
  const LineColumn at = sources.locate(span.source, span.begin);
  return sources.name(span.source) + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}
std::string place(const DataPlace& data) {
  std::string out = data.file;
  if (data.row > 0) out += ": row " + std::to_string(data.row);
  if (!data.column.empty()) out += (data.row > 0 ? ", column `" : ": column `") + data.column + "`";
  return out;
}

class Text {
 public:
  Text(const Diagnostic& d, const SourceMap& sources, bool color) : d_(d), sources_(sources), paint_(color) {}

  std::string run() {
    const bool error = info(d_.code).severity == Severity::error;
    main_ = error ? red : yellow;
    out_ += paint_(main_, std::string(error ? "error" : "warning") + "[" + info(d_.code).code + "]") + paint_(bold, ": " + d_.message) + "\n";
    collect();
    bool first = true;
    for (const std::int32_t source : order_) {
      arrow(place(sources_, source == d_.span.source ? d_.span : first_of_[source]), first);
      snippet(source);
      first = false;
    }
    if (d_.data) arrow(place(*d_.data), first);
    if (d_.data && order_.empty()) gutter("");
    for (const std::string& note : d_.notes) remark("note", note);
    if (!d_.help.empty()) remark("help", d_.help);
    else if (d_.fix.size() == 1) remark("help", d_.fix[0].replacement.empty() ? "remove it" : "write `" + d_.fix[0].replacement + "`");
    remark("note", std::string("mlp explain ") + info(d_.code).code);
    return std::move(out_);
  }

 private:
  void collect() {
    const auto add = [&](Span span, const std::string& text, bool primary) {
      if (!span.known()) return;
      const LineColumn at = sources_.locate(span.source, span.begin);
      const std::string_view line = sources_.line(span.source, at.line);
      const std::uint32_t start = line_start(span.source, span.begin);
      const auto length = static_cast<std::uint32_t>(line.size());
      const std::uint32_t begin = std::min(span.begin - std::min(span.begin, start), length);
      const std::uint32_t end = std::max(begin, std::min(span.end - std::min(span.end, start), length));  // a span of many lines: the first
      if (std::find(order_.begin(), order_.end(), span.source) == order_.end()) {
        order_.push_back(span.source);
        first_of_[span.source] = span;
      }
      marks_[span.source].push_back({at.line, begin, end, primary, text});
      number_width_ = std::max(number_width_, std::to_string(at.line).size());
    };
    add(d_.span, d_.label, true);
    for (const Label& l : d_.others) add(l.span, l.text, false);
  }
  std::uint32_t line_start(std::int32_t source, std::uint32_t offset) const {
    const std::string_view text = sources_.text(source);
    std::size_t i = std::min<std::size_t>(offset, text.size());
    while (i > 0 && text[i - 1] != '\n') --i;
    return static_cast<std::uint32_t>(i);
  }

  void arrow(const std::string& where, bool first) {
    out_ += std::string(number_width_, ' ') + paint_(blue, first ? "--> " : "::: ") + clean(where) + "\n";
  }
  void gutter(const std::string& content, const std::string& number = "") {
    out_ += paint_(blue, std::string(number_width_ - number.size(), ' ') + number + " |");
    if (!content.empty()) out_ += " " + content;
    out_ += "\n";
  }
  void remark(const char* kind, std::string_view text) {
    out_ += std::string(number_width_ + 1, ' ') + paint_(blue, "= ") + paint_(bold, std::string(kind) + ": ");
    const std::string indent(number_width_ + 9, ' ');
    for (const char c : clean(text, true)) {
      out_ += c;
      if (c == '\n') out_ += indent;
    }
    out_ += "\n";
  }

  void snippet(std::int32_t source) {
    auto& marks = marks_[source];
    std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.line < b.line; });
    gutter("");
    for (std::size_t i = 0; i < marks.size();) {
      std::size_t end = i;
      while (end < marks.size() && marks[end].line == marks[i].line) ++end;
      if (i > 0 && marks[i].line > marks[i - 1].line + 1) {
        if (marks[i].line == marks[i - 1].line + 2) plain_line(source, marks[i].line - 1);
        else out_ += paint_(blue, "...") + "\n";
      }
      marked_line(source, std::vector<Mark>(marks.begin() + static_cast<std::ptrdiff_t>(i), marks.begin() + static_cast<std::ptrdiff_t>(end)));
      i = end;
    }
    gutter("");
  }
  void plain_line(std::int32_t source, std::uint32_t number) {
    const Shown shown = show(sources_.line(source, number).substr(0, 16 * widest_line));
    std::string line;
    for (std::size_t i = 0; i < std::min(shown.cells.size(), widest_line); ++i) line += shown.cells[i];
    gutter(line, std::to_string(number));
  }

  void marked_line(std::int32_t source, std::vector<Mark> marks) {
    std::string_view whole = sources_.line(source, marks[0].line);
    const std::size_t cut = whole.size() > 16 * widest_line && marks[0].begin > 8 * widest_line ? marks[0].begin - 8 * widest_line : 0;
    whole = whole.substr(cut, 16 * widest_line);  // of a line without end, what is near the first mark
    for (Mark& m : marks) {
      m.begin = static_cast<std::uint32_t>(std::min(m.begin - std::min<std::size_t>(m.begin, cut), whole.size()));
      m.end = static_cast<std::uint32_t>(std::min(m.end - std::min<std::size_t>(m.end, cut), whole.size()));
    }
    const Shown shown = show(whole);
    std::size_t from = 0, to = shown.cells.size();
    if (to > widest_line) {
      const std::size_t focus = shown.columns[marks[0].begin];
      from = focus > widest_line / 2 ? focus - widest_line / 2 : 0;
      to = std::min(to, from + widest_line);
    }
    std::string line = from > 0 ? "…" : "";
    const std::size_t shift = from > 0 ? 1 : 0;
    for (std::size_t i = from; i < to; ++i) line += shown.cells[i];
    if (to < shown.cells.size()) line += "…";
    gutter(line, std::to_string(marks[0].line));

    struct Placed { std::size_t begin, end; const Mark* mark; };
    std::vector<Placed> placed;
    for (const Mark& m : marks) {
      const std::size_t begin = std::clamp(shown.columns[m.begin], from, to) - from + shift;
      const std::size_t end = std::clamp(shown.columns[m.end], from, to) - from + shift;
      placed.push_back({begin, std::max(begin + 1, end), &m});
    }
    std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return std::tuple(a.begin, a.end, a.mark->primary) < std::tuple(b.begin, b.end, b.mark->primary); });
    std::size_t width = 0;
    for (const Placed& p : placed) width = std::max(width, p.end);
    std::string signs(width, ' ');
    for (const bool primary : {false, true})
      for (const Placed& p : placed)
        if (p.mark->primary == primary) std::fill(signs.begin() + static_cast<std::ptrdiff_t>(p.begin), signs.begin() + static_cast<std::ptrdiff_t>(p.end), primary ? '^' : '-');
    // The rightmost label stands beside the signs if nothing is further right; the others hang below on bars.
    const bool beside = placed.back().end == width;
    std::string row = paint_signs(signs);
    std::size_t hanging = placed.size();
    if (beside) {
      --hanging;
      if (!placed.back().mark->text.empty()) row += " " + paint_(color_of(*placed.back().mark), placed.back().mark->text);
    }
    gutter(row);
    std::vector<Placed> bars;
    for (std::size_t i = 0; i < hanging; ++i)
      if (!placed[i].mark->text.empty()) bars.push_back(placed[i]);
    if (!bars.empty()) gutter(bar_row(bars, bars.size(), 0));
    for (std::size_t i = bars.size(); i-- > 0;) {
      std::size_t left = i;  // labels of one place hang below each other
      while (left > 0 && bars[left - 1].begin == bars[i].begin) --left;
      gutter(bar_row(bars, left, bars[i].begin) + paint_(color_of(*bars[i].mark), bars[i].mark->text));
    }
  }
  // Bars under the first `count` marks, padded to a width.
  template <class Placed>
  std::string bar_row(const std::vector<Placed>& bars, std::size_t count, std::size_t width) const {
    std::string row;
    std::size_t column = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (bars[i].begin < column) continue;
      row += std::string(bars[i].begin - column, ' ') + paint_(color_of(*bars[i].mark), "|");
      column = bars[i].begin + 1;
    }
    if (width > column) row += std::string(width - column, ' ');
    return row;
  }
  const char* color_of(const Mark& m) const { return m.primary ? main_ : blue; }
  std::string paint_signs(const std::string& signs) const {
    std::string out;
    for (std::size_t i = 0; i < signs.size();) {
      std::size_t end = i;
      while (end < signs.size() && signs[end] == signs[i]) ++end;
      const std::string run = signs.substr(i, end - i);
      out += signs[i] == ' ' ? run : paint_(signs[i] == '^' ? main_ : blue, run);
      i = end;
    }
    return out;
  }

  const Diagnostic& d_;
  const SourceMap& sources_;
  Painter paint_;
  const char* main_ = red;
  std::string out_;
  std::size_t number_width_ = 1;
  std::vector<std::int32_t> order_;  // the sources with marks, the primary one first
  std::map<std::int32_t, Span> first_of_;
  std::map<std::int32_t, std::vector<Mark>> marks_;
};

}  // namespace

std::string render(const Diagnostic& d, const SourceMap& sources, bool color) { return Text(d, sources, color).run(); }

std::string render_bug(const std::string& what) {
  return "internal error: " + clean(what) + "\n  = note: this is a fault of the program, not of your input; please report it with what you ran\n";
}

}  // namespace mlp
