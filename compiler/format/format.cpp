#include "compiler/format/format.h"

#include <algorithm>
#include <functional>

#include "compiler/format/expression.h"

namespace mlp {
namespace {

using namespace formatting;
using ast::ExprId;

constexpr int page = 120;        // columns
constexpr int widest_cell = 32;   // wider cells do not push the others aside

int columns(std::string_view s) {
  return static_cast<int>(std::count_if(s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}
std::string padded(const std::string& s, int width) { return s + std::string(static_cast<std::size_t>(std::max(0, width - columns(s))), ' '); }
void widen(int& width, const std::string& cell) {
  if (columns(cell) <= widest_cell) width = std::max(width, columns(cell));
}
std::string described(const std::string& description) { return description.empty() ? "" : " " + format_text(description); }

// One entry of a body: `key = value`, where keys align in a body of several lines. An empty key stands for no cell.
struct Entry {
  std::uint32_t begin = 0, end = 0;  // in the source
  std::string doc;
  std::string key;
  std::string middle;  // between key and value: "= ", ": " or ""
  std::function<DocPtr(Expressions&)> value;  // none: the key stands alone
};

class Formatter {
 public:
  Formatter(const SourceMap& sources, const ast::File& file)
      : text_(sources.text(file.source)), file_(file), comments_(sources, file.comments), expr_(file, comments_),
        silent_(sources, nothing_), plain_(file, silent_) {}

  std::string run() {
    std::optional<ast::DeclKind> before;
    for (const ast::DeclRef& d : file_.order) {
      const auto i = static_cast<std::size_t>(d.index);
      tight_ = before == d.kind && (d.kind == ast::DeclKind::import || d.kind == ast::DeclKind::param);
      before = d.kind;
      switch (d.kind) {
        case ast::DeclKind::pipeline: pipeline(file_.pipelines[i]); break;
        case ast::DeclKind::schema: schema(file_.schemas[i]); break;
        case ast::DeclKind::source: source(file_.sources[i]); break;
        case ast::DeclKind::table: table(file_.tables[i]); break;
        case ast::DeclKind::expect: expect(file_.expects[i]); break;
        case ast::DeclKind::features: features(file_.features[i]); break;
        case ast::DeclKind::split: split(file_.splits[i]); break;
        case ast::DeclKind::model: model(file_.models[i]); break;
        case ast::DeclKind::test: test(file_.tests[i]); break;
        case ast::DeclKind::deploy: deploy(file_.deploys[i]); break;
        case ast::DeclKind::monitor: monitor(file_.monitors[i]); break;
        case ast::DeclKind::import: import_file(file_.imports[i]); break;
        case ast::DeclKind::param: param(file_.params[i]); break;
        case ast::DeclKind::tune: tune(file_.tunes[i]); break;
        case ast::DeclKind::function: function(file_.functions[i], file_.functions[i].external() ? "extern fn " : "fn "); break;
        case ast::DeclKind::layer: function(file_.layers[i], "layer "); break;
        case ast::DeclKind::loss: function(file_.losses[i].function, "loss ", file_.losses[i].link); break;
      }
    }
    leading_comments(static_cast<std::uint32_t>(text_.size()) + 1, 0);
    return std::move(out_);
  }

 private:
  // ---- the page
  void put_line(const std::string& line, int indent) { (out_ += std::string(static_cast<std::size_t>(indent), ' ') + line) += '\n'; }
  void blank() {
    if (!out_.empty() && !out_.ends_with("\n\n")) out_ += '\n';
  }
  // Was there an empty line between what was printed last and this place?
  bool gap(std::uint32_t begin) const {
    if (!last_end_ || begin <= *last_end_) return false;
    const std::string_view between = text_.substr(*last_end_, begin - *last_end_);
    return std::count(between.begin(), between.end(), '\n') > 1;
  }

  // Comments that stand before an offset, on lines of their own.
  void leading_comments(std::uint32_t offset, int indent) {
    while (comments_.any_before(offset)) {
      const Comments::Taken c = comments_.take();
      if (gap(c.span.begin) || (indent == 0 && after_declaration_)) blank();
      after_declaration_ = false;
      put_line(c.text, indent);
      last_end_ = std::max(last_end_.value_or(0), c.span.end);
    }
  }
  // The comment behind an entry on its line, or the first one inside it that found no place there; others get lines of
  // their own in front of what comes next.
  void trailing_comment(std::uint32_t end, std::uint32_t limit) {
    last_end_ = end;
    if (!comments_.any_before(limit)) return;
    const ast::Comment& next = *comments_.peek();
    const bool behind = !next.own_line && text_.substr(end, next.span.begin - std::min(end, next.span.begin)).find('\n') == std::string_view::npos;
    if (next.span.begin >= end && !behind) return;
    const Comments::Taken c = comments_.take();
    out_.pop_back();
    out_ += "  " + c.text + "\n";
    last_end_ = std::max(end, c.span.end);
  }

  // The first byte of an item or of the /// lines directly above it.
  std::uint32_t with_doc(std::uint32_t begin, const std::string& doc) const {
    std::size_t at = begin;
    while (!doc.empty()) {
      const std::size_t line_start = at == 0 ? 0 : text_.rfind('\n', at - 1) + 1;
      if (line_start == 0) break;
      const std::size_t above = line_start < 2 ? 0 : text_.rfind('\n', line_start - 2) + 1;
      const std::size_t content = text_.find_first_not_of(" \t", above);
      if (text_.substr(content, 3) != "///") break;
      at = content;
    }
    return static_cast<std::uint32_t>(at);
  }
  void put_doc(const std::string& doc, int indent) {
    for (std::size_t from = 0; !doc.empty() && from <= doc.size();) {
      const std::size_t end = std::min(doc.find('\n', from), doc.size());
      put_line(end == from ? "///" : "/// " + doc.substr(from, end - from), indent);
      from = end + 1;
    }
  }

  // ---- declarations: what all of them share
  void open(const ast::Head& head) {
    leading_comments(head.span.begin, 0);
    if ((after_declaration_ && !tight_) || gap(with_doc(head.span.begin, head.doc))) blank();
    put_doc(head.doc, 0);
  }
  void close(const ast::Head& head) {
    trailing_comment(head.span.end, static_cast<std::uint32_t>(text_.size()) + 1);
    after_declaration_ = true;
  }
  void declare(const ast::Head& head, const std::string& header, std::vector<Entry> entries) {
    open(head);
    body(header, head.span, std::move(entries), 0);
    close(head);
  }
  void declare_line(const ast::Head& head, const std::function<DocPtr()>& line) {
    open(head);
    put_line(render(line(), 0, page), 0);
    close(head);
  }

  DocPtr written(const Entry& e, int width, Expressions& expr) const {
    if (e.key.empty()) return e.value(expr);
    if (!e.value) return text(e.key);
    return sequence({text(padded(e.key, width) + " " + e.middle), e.value(expr)});
  }
  void body(const std::string& header, Span whole, std::vector<Entry> entries, int indent) {
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
    if (entries.empty() && !comments_.any_before(whole.end)) return put_line(header + " {}", indent);
    if (const auto line = one_line(header, whole, entries, indent)) return put_line(*line, indent);
    put_line(header + " {", indent);
    last_end_.reset();
    int width = 0;
    for (const Entry& e : entries) widen(width, e.key);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const Entry& e = entries[i];
      leading_comments(e.begin, indent + 2);
      if (gap(with_doc(e.begin, e.doc))) blank();
      put_doc(e.doc, indent + 2);
      put_line(render(written(e, width, expr_), indent + 2, page), indent + 2);
      trailing_comment(e.end, i + 1 < entries.size() ? entries[i + 1].begin : whole.end);
    }
    leading_comments(whole.end, indent + 2);
    put_line("}", indent);
  }
  // A body that was written on one line stays there while it fits. It holds no comments: they would reach past its end.
  std::optional<std::string> one_line(const std::string& header, Span whole, const std::vector<Entry>& entries, int indent) {
    if (text_.substr(whole.begin, whole.end - whole.begin).find('\n') != std::string_view::npos || entries.empty()) return std::nullopt;
    std::string line = header + " { ";
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto part = flat(written(entries[i], 0, plain_));
      if (!part || !entries[i].doc.empty()) return std::nullopt;
      line += (i ? ", " : "") + *part;
    }
    line += " }";
    return columns(line) + indent <= page ? std::optional(line) : std::nullopt;
  }

  std::uint32_t end_of(ExprId id) const { return file_[id].span.end; }
  Entry condition(ExprId id) const {
    return {expr_.begin(id), end_of(id), "", "", "", [id](Expressions& x) { return x(id); }};
  }
  Entry setting(const ast::Setting& s) const {
    return {s.name_span.begin, end_of(s.value), "", format_name(s.name), "= ", [id = s.value](Expressions& x) { return x(id); }};
  }
  std::string type(const ast::TypeRef& t) {
    std::string shape;
    for (const ExprId id : t.shape) shape += (shape.empty() ? "[" : ", ") + flat(plain_(id)).value();
    return format_name(t.name) + (shape.empty() ? "" : shape + "]") + (t.nullable ? "?" : "");
  }

  // ---- declarations, one by one
  void pipeline(const ast::Pipeline& p) {
    declare_line(p.head, [&] { return text("pipeline " + format_name(p.head.name) + described(p.head.description)); });
  }

  void import_file(const ast::Import& i) {
    ast::Head head;
    head.span = i.span;
    declare_line(head, [&] { return text("import " + format_text(i.path)); });
  }

  void param(const ast::Param& p) {
    declare_line(p.head, [&] {
      std::vector<DocPtr> parts = {text("param " + format_name(p.head.name) + ": " + type(p.type))};
      if (!p.constraints.empty()) parts.insert(parts.end(), {text(" "), constraints(p.constraints, expr_)});
      parts.insert(parts.end(), {text(" = "), expr_(p.value), text(described(p.head.description))});
      return sequence(std::move(parts));
    });
  }

  DocPtr constraints(const std::vector<ast::Constraint>& list, Expressions& x) {
    std::vector<DocPtr> parts;
    for (const ast::Constraint& c : list) {
      if (!parts.empty()) parts.push_back(text(" "));
      switch (c.kind) {
        case ast::ConstraintKind::in: parts.push_back(sequence({text("in "), x(c.args[0])})); break;
        case ast::ConstraintKind::compare: parts.push_back(sequence({text(c.text + " "), x.tight(c.args[0])})); break;
        case ast::ConstraintKind::matches: case ast::ConstraintKind::zone: parts.push_back(sequence({text(c.kind == ast::ConstraintKind::zone ? "zone " : "matches "), x(c.args[0])})); break;
        default: parts.push_back(sequence({text(std::string(ir::enum_words<ast::ConstraintKind>::words[static_cast<int>(c.kind)]) + " "), x.list('(', c.args, ')', c.span.end)}));
      }
    }
    return sequence(std::move(parts));
  }
  void schema(const ast::Schema& s) {
    // Three cells: type; constraints, or the tail where there are none; the tail behind constraints.
    const auto tail = [](const ast::Field& f) {
      std::string out;
      for (const ast::Attribute& a : f.attributes) out += (out.empty() ? "@" : " @") + a.name;
      if (!f.description.empty()) out += (out.empty() ? "" : " ") + format_text(f.description);
      return out;
    };
    int type_width = 0, constraint_width = 0;
    for (const ast::Field& f : s.columns) {
      if (f.constraints.empty() && tail(f).empty()) continue;
      widen(type_width, type(f.type));
      if (!f.constraints.empty() && !tail(f).empty()) widen(constraint_width, flat(constraints(f.constraints, plain_)).value());
    }
    std::vector<Entry> entries;
    for (const ast::Field& f : s.columns) {
      Entry e{f.name_span.begin, f.type.span.end, f.doc, format_name(f.name), ": ", {}};
      if (!f.last_name.empty()) e.key += ".." + format_name(f.last_name);
      for (const auto& c : f.constraints) e.end = std::max(e.end, c.span.end);
      for (const auto& a : f.attributes) e.end = std::max(e.end, a.span.end);
      e.value = [=, this, &f, end_cell = tail(f)](Expressions& x) {
        const bool aligned = &x != &plain_;  // on one line nothing aligns
        const auto filler = [&](int used, int width) { return std::string(static_cast<std::size_t>(aligned ? std::max(0, width - used) + 2 : 1), ' '); };
        const std::string first = type(f.type);
        std::vector<DocPtr> cells = {text(first)};
        if (f.constraints.empty() && end_cell.empty()) return cells[0];
        cells.push_back(text(filler(columns(first), type_width)));
        if (!f.constraints.empty()) cells.push_back(constraints(f.constraints, x));
        if (!f.constraints.empty() && !end_cell.empty()) cells.push_back(text(filler(columns(flat(constraints(f.constraints, plain_)).value()), constraint_width)));
        cells.push_back(text(end_cell));
        return sequence(std::move(cells));
      };
      entries.push_back(std::move(e));
    }
    declare(s.head, "schema " + format_name(s.head.name) + described(s.head.description), std::move(entries));
  }

  void source(const ast::Source& s) {
    declare_line(s.head, [&] {
      return sequence({text("source " + format_name(s.head.name) + ": " + format_name(s.schema) + " = "), expr_(s.reader), text(described(s.head.description))});
    });
  }

  void table(const ast::Table& t) {
    declare_line(t.head, [&] { return sequence({text("table " + format_name(t.head.name) + " = "), expr_(t.value), text(described(t.head.description))}); });
  }

  void expect(const ast::Expect& e) {
    std::vector<Entry> entries;
    for (const ExprId id : e.conditions) entries.push_back(condition(id));
    declare(e.head, "expect " + format_name(e.head.name) + described(e.head.description), std::move(entries));
  }

  void features(const ast::Features& f) {
    std::vector<Entry> entries;
    for (const ast::FeatureEntry& e : f.entries) {
      const bool named = !e.name.empty();
      entries.push_back({named ? e.name_span.begin : expr_.begin(e.value), end_of(e.value), e.doc, named ? format_name(e.name) : "", "= ",
                         [&e](Expressions& x) { return sequence({x(e.value), text(described(e.description))}); }});
    }
    declare(f.head, "features " + format_name(f.head.name) + " from " + format_name(f.source) + described(f.head.description), std::move(entries));
  }

  void split(const ast::Split& s) {
    std::vector<Entry> entries;
    for (const ast::Setting& x : s.settings) entries.push_back(setting(x));
    declare(s.head, "split " + format_name(s.head.name) + described(s.head.description), std::move(entries));
  }

  void model(const ast::Model& m) {
    std::vector<Entry> entries;
    for (const ast::Setting& x : m.settings) entries.push_back(setting(x));
    if (m.target.known())
      entries.push_back({expr_.begin(m.target), m.features_span.end, "", "predict", "",
                         [&m](Expressions& x) { return sequence({x(m.target), text(" from " + format_name(m.features))}); }});
    else if (m.features_span.known())
      entries.push_back({m.features_span.begin, m.features_span.end, "", "learn", "", [&m](Expressions&) { return text("from " + format_name(m.features)); }});
    if (m.truth.known())
      entries.push_back({expr_.begin(m.truth), end_of(m.truth), "", "measure", "", [&m](Expressions& x) { return sequence({text("against "), x(m.truth)}); }});
    declare(m.head, "model " + format_name(m.head.name) + " = " + format_name(m.kind) + described(m.head.description), std::move(entries));
  }

  void tune(const ast::Tune& t) {
    std::vector<Entry> entries;
    for (const ast::TuneRange& r : t.ranges)
      entries.push_back({r.name_span.begin, end_of(r.values), "", format_name(r.name), "in ", [&r](Expressions& x) { return x(r.values); }});
    for (const ast::Setting& x : t.settings) entries.push_back(setting(x));
    if (t.objective.known())
      entries.push_back({t.objective_span.begin, end_of(t.objective), "", t.direction, "", [&t](Expressions& x) { return x(t.objective); }});
    declare(t.head, "tune " + format_name(t.head.name) + described(t.head.description), std::move(entries));
  }

  // Names of a list where `require`, `given` and the like begin the next entry.
  static std::string listed(const std::vector<std::string>& names) {
    static constexpr std::string_view taken[] = {"require", "invariant", "monotone", "given", "within"};
    std::string out;
    for (const std::string& n : names) {
      const bool clash = std::find(std::begin(taken), std::end(taken), n) != std::end(taken);
      out += (out.empty() ? "" : ", ") + (clash ? "`" + n + "`" : format_name(n));
    }
    return out;
  }
  void test(const ast::Test& t) {
    std::vector<Entry> entries;
    for (const ast::Gate& g : t.gates) {
      Entry e{g.span.begin, g.span.end, "", "", "", {}};
      e.value = [&g](Expressions& x) -> DocPtr {
        switch (g.kind) {
          case GateKind::require: return sequence({text("require "), x(g.condition)});
          case GateKind::monotone: return text("monotone " + g.direction + " " + listed(g.names));
          case GateKind::given: return sequence({text("given "), x(g.given), text(" expect "), x(g.condition)});
          case GateKind::invariant: break;
        }
        return g.condition.known() ? sequence({text("invariant " + listed(g.names) + " within "), x(g.condition)}) : text("invariant " + listed(g.names));
      };
      entries.push_back(std::move(e));
    }
    declare(t.head, "test " + format_name(t.head.name) + described(t.head.description), std::move(entries));
  }

  void deploy(const ast::Deploy& d) {
    std::vector<Entry> entries;
    for (const ast::Setting& x : d.settings) entries.push_back(setting(x));
    if (d.population.known()) {
      Entry e{d.population_span.begin, d.population_span.end, "", "", "", {}};
      e.value = [&d](Expressions& x) { return sequence({text("serve on "), x(d.population)}); };
      entries.push_back(std::move(e));
    }
    if (!d.budget.empty()) {
      Entry e{d.budget_span.begin, d.budget_span.end, "", "", "", {}};
      e.value = [&d](Expressions& x) { return sequence({text("budget "), x.conditions(d.budget, d.budget_span.end)}); };
      entries.push_back(std::move(e));
    }
    declare(d.head, "deploy " + format_name(d.head.name) + " serves " + format_name(d.model) + described(d.head.description), std::move(entries));
  }

  // Names where `warn`, `by` and the like may follow.
  static std::string subject(const std::string& n) {
    static constexpr std::string_view taken[] = {"warn", "alert", "by", "within", "for"};
    return std::find(std::begin(taken), std::end(taken), n) != std::end(taken) ? "`" + n + "`" : format_name(n);
  }
  void monitor(const ast::Monitor& m) {
    std::vector<Entry> entries;
    for (const ast::MonitorRule& r : m.rules) {
      Entry e{r.subject_span.begin, r.subject_span.end, "", subject(r.subject), "", {}};
      if (!r.target.empty()) e.key += " " + subject(r.target);
      for (const Span s : {r.target_span, r.by_span}) e.end = std::max(e.end, s.end);
      if (r.within.known()) e.end = end_of(r.within);
      for (const auto& l : r.levels) e.end = std::max(e.end, l.span.end);
      if (!r.by.empty() || r.within.known() || !r.levels.empty()) e.value = [&r](Expressions& x) {
        std::vector<DocPtr> parts;
        const auto space = [&] { if (!parts.empty()) parts.push_back(text(" ")); };
        if (!r.by.empty()) parts.push_back(text("by " + format_name(r.by)));
        if (r.within.known()) {
          space();
          parts.push_back(sequence({text("within "), x(r.within)}));
        }
        for (std::size_t i = 0; i < r.levels.size(); ++i) {
          if (i > 0) parts.push_back(text(","));
          space();
          parts.push_back(sequence({text(r.levels[i].level + " "), x(r.levels[i].condition)}));
          if (r.levels[i].lasting.known()) parts.push_back(sequence({text(" for "), x(r.levels[i].lasting)}));
        }
        return sequence(std::move(parts));
      };
      entries.push_back(std::move(e));
    }
    declare(m.head, "monitor " + format_name(m.head.name) + described(m.head.description), std::move(entries));
  }

  void function(const ast::Function& f, const std::string& word, const std::string& link = "") {
    std::string header = word + format_name(f.head.name) + "(";
    for (std::size_t i = 0; i < f.parameters.size(); ++i) {
      const ast::Parameter& p = f.parameters[i];
      header += (i ? ", " : "") + format_name(p.name) + ": " + type(p.type);
      if (p.fallback.known()) header += " = " + flat(plain_(p.fallback)).value();
    }
    header += ")";
    if (!f.result.name.empty()) header += " -> " + type(f.result);
    if (!link.empty()) header += " link " + format_name(link);
    if (f.external()) header += " from " + format_text(f.file);
    header += described(f.head.description);
    if (f.external()) return declare_line(f.head, [&] { return text(header); });
    const ast::Expr& b = file_[f.body];
    if (b.kind != ast::ExprKind::block) return declare_line(f.head, [&] { return sequence({text(header + " ="), nest(group(sequence({line(), expr_(f.body)})))}); });
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < b.args.size(); ++i) {
      if (b.arg_names[i].empty()) entries.push_back(condition(b.args[i]));
      else entries.push_back({b.arg_name_spans[i].begin, end_of(b.args[i]), "", "", "",
                              [&b, i](Expressions& x) { return sequence({text("let " + format_name(b.arg_names[i]) + " = "), x(b.args[i])}); }});
    }
    declare(f.head, header, std::move(entries));
  }

  std::string_view text_;
  const ast::File& file_;
  Comments comments_;
  Expressions expr_;
  const std::vector<ast::Comment> nothing_;
  Comments silent_;
  Expressions plain_;  // for measuring: takes no comments
  std::string out_;
  std::optional<std::uint32_t> last_end_;  // where in the source the last printed thing ended
  bool after_declaration_ = false;
  bool tight_ = false;  // the declaration before is of the same kind, and they may stand without an empty line between
};

}  // namespace

std::string format(const SourceMap& sources, const ast::File& file) { return Formatter(sources, file).run(); }

}  // namespace mlp
