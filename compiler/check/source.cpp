// Where rows come from, what is expected of them, and how they are split.
#include <cmath>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

constexpr std::pair<const char*, Compare> comparisons[] = {{"<", Compare::lt},  {"<=", Compare::le}, {">", Compare::gt},
                                                           {">=", Compare::ge}, {"==", Compare::eq}, {"!=", Compare::ne}};

}  // namespace

std::optional<Compare> comparison(const std::string& text) {
  for (const auto& [word, compare] : comparisons)
    if (text == word) return compare;
  return {};
}

// A text in quotes, a param, or `concat` of such.
std::optional<std::string> Checker::constant_text(ast::ExprId id) const {
  const ast::Expr& e = node(id);
  if (e.kind == ast::ExprKind::string) return e.text;
  if (e.kind != ast::ExprKind::call || e.text != "concat" || e.args.size() != 2) return {};
  const auto a = constant_text(e.args[0]), b = constant_text(e.args[1]);
  return a && b ? std::optional(*a + *b) : std::nullopt;
}

void Checker::check_source(const ast::Source& source) {
  declaration_ = source.head.span;
  Source& s = module_.source;
  s.name = source.head.name;
  s.span = source.head.name_span;
  const ast::Expr& reader = node(source.reader);
  static const std::map<std::string, Format> formats = {{"csv", Format::csv}, {"parquet", Format::parquet}, {"jsonl", Format::jsonl}};
  const auto format = formats.find(reader.text);
  if (reader.kind != ast::ExprKind::call || format == formats.end()) {
    const bool later = reader.text == "arrow" || reader.text == "sqlite" || reader.text == "postgres" || reader.text == "sql";
    const Span span = callee_span(reader);
    Diagnostic& d = report(later ? code::not_available : code::unknown_reader,
                           later ? "`" + reader.text + "` sources are not available in this version" : "a source is read by `csv`, `parquet` or `jsonl`", span);
    if (!later && reader.kind == ast::ExprKind::call) suggest_name(d, span, reader.text, {"csv", "parquet", "jsonl"});
    if (d.help.empty()) d.suggest("`csv(\"data.csv\")`, `parquet(\"data/*.parquet\")` or `jsonl(\"data.jsonl.gz\")`");
    return;
  }
  s.format = format->second;
  const auto texts = [&](ast::ExprId id, std::vector<std::string>& into, const std::string& what) {
    const ast::Expr& e = node(id);
    if (const auto one = constant_text(id)) {
      into.push_back(*one);
      return;
    }
    bool good = e.kind == ast::ExprKind::list;
    for (const ast::ExprId item : e.args) {
      const auto one = constant_text(item);
      good = good && one;
      if (good) into.push_back(*one);
    }
    if (!good) report(code::bad_setting, what + " must be a text or a list of texts, found `" + text(e.span) + "`", e.span);
  };
  std::vector<ast::Setting> settings;
  for (std::size_t i = 0; i < reader.args.size(); ++i) {
    if (reader.arg_names[i].empty()) texts(reader.args[i], s.paths, "a path");
    else settings.push_back({reader.arg_names[i], reader.arg_name_spans[i], reader.args[i]});
  }
  // Paths are relative to the file that names them.
  for (std::string& path : s.paths)
    if (!source.directory.empty() && !path.starts_with('/') && path.find("://") == std::string::npos) path = source.directory + "/" + path;
  if (s.paths.empty() && !found_.has_errors())
    report(code::bad_setting, "`" + reader.text + "` needs the path of a file", reader.span, "no path").suggest("`" + reader.text + "(\"data." + reader.text + "\")`");
  const Option null{"null", [&](const ast::Setting& v) {
    s.null_words.clear();
    texts(v.value, s.null_words, "`null`");
  }};
  const Option policy{"on_violation", [&](const ast::Setting& v) {
    const ast::Expr& e = node(v.value);
    if (e.text == "fail") s.policy = Policy::fail;
    else if (e.text == "drop") s.policy = Policy::drop;
    else if (e.text == "quarantine") s.policy = Policy::quarantine;
    else report(code::bad_setting, "`on_violation` is `fail`, `drop` or `quarantine`, found `" + text(e.span) + "`", e.span).suggest("`drop` leaves out the row, `quarantine` keeps it in a file, `fail` stops");
  }};
  const Option delimiter{"delimiter", [&](const ast::Setting& v) {
    const ast::Expr& e = node(v.value);
    if (e.kind == ast::ExprKind::string && e.text.size() == 1 && e.text != "\"" && e.text != "\n") s.delimiter = e.text;
    else report(code::bad_setting, "`delimiter` is one character in quotes, found `" + text(e.span) + "`", e.span).suggest("`delimiter = \";\"`");
  }};
  const Option header{"header", [&](const ast::Setting& v) {
    const ast::Expr& e = node(v.value);
    if (e.kind == ast::ExprKind::boolean) s.header = e.text == "true";
    else report(code::bad_setting, "`header` is `true` or `false`, found `" + text(e.span) + "`", e.span);
  }};
  std::vector<Option> options{policy};
  if (s.format == Format::csv) options = {null, delimiter, header, policy};
  take_settings(settings, options, "`" + reader.text + "`", {{"sep", "delimiter"}, {"separator", "delimiter"}, {"na", "null"}, {"nulls", "null"}, {"null_values", "null"}});
}

// rows >= 5_000 · unique(c) · missing(c) < 1% · min(c) >= 0 · max(c) · mean(c) · distinct(c)
void Checker::check_expect(const ast::Expect& expect) {
  static const std::map<std::string, ExpectKind> kinds = {{"unique", ExpectKind::unique}, {"missing", ExpectKind::missing}, {"min", ExpectKind::min},
                                                          {"max", ExpectKind::max}, {"mean", ExpectKind::mean}, {"distinct", ExpectKind::distinct}};
  for (const ast::ExprId id : expect.conditions) {
    const ast::Expr& e = node(id);
    Expectation x;
    x.text = text(e.span);
    x.span = e.span;
    const bool compared = e.kind == ast::ExprKind::binary && comparison(e.text).has_value();
    const ast::Expr& what = compared ? node(e.args[0]) : e;
    if (what.kind == ast::ExprKind::name && what.text == "rows") {
      x.kind = ExpectKind::rows;
    } else if (const auto kind = kinds.find(what.text); what.kind == ast::ExprKind::call && kind != kinds.end() && what.args.size() == 1) {
      x.kind = kind->second;
      x.column = column_named(node(what.args[0]), "the argument of `" + what.text + "`");
      if (!x.column.known()) continue;
      const Column& c = module_.columns[x.column.index];
      const bool numeric = x.kind == ExpectKind::min || x.kind == ExpectKind::max || x.kind == ExpectKind::mean;
      if (numeric && !is_number(c.type.scalar)) {
        report(code::type_mismatch, "`" + what.text + "` needs a number, and `" + c.name + "` is a " + show(c.type), node(what.args[0]).span).also(c.span, "declared here");
        continue;
      }
    } else {
      Diagnostic& d = report(code::bad_condition, "`" + text(what.span) + "` cannot be expected of a source", what.span);
      if (what.kind == ast::ExprKind::call || what.kind == ast::ExprKind::name) {
        const std::string near = nearest(what.text, {"rows", "unique", "missing", "min", "max", "mean", "distinct"});
        if (!near.empty() && near != what.text) d.suggest("did you mean `" + near + "`?").edit(callee_span(what), near);
      }
      if (d.help.empty()) d.suggest("expect `rows`, `unique(c)`, or compare `missing(c)`, `min(c)`, `max(c)`, `mean(c)`, `distinct(c)`");
      continue;
    }
    if (x.kind == ExpectKind::unique) {
      if (compared) {
        report(code::bad_condition, "`unique` is not compared", e.span).suggest("write `unique(c)` alone, or compare `distinct(c)`");
        continue;
      }
    } else {
      const auto limit = compared ? number(e.args[1]) : std::nullopt;
      if (!limit) {
        report(code::bad_condition, "`" + text(what.span) + "` must be compared with a number", compared ? node(e.args[1]).span : e.span).suggest("`" + text(what.span) + " >= 100`");
        continue;
      }
      if (x.kind == ExpectKind::missing && (*limit < 0 || *limit > 1)) {
        report(code::out_of_range, "`missing` is a share of the rows, from 0% to 100%", node(e.args[1]).span, "found `" + text(node(e.args[1]).span) + "`");
        continue;
      }
      x.compare = *comparison(e.text);
      x.value = *limit;
    }
    module_.expectations.push_back(std::move(x));
  }
}

// What is left out between the parts of a time split, in the unit of its column.
bool Checker::take_gap(const ast::Expr& gap, const Column& column) {
  const Number n = gap.kind == ast::ExprKind::number ? read_number(gap.text) : Number{};
  const bool moment = column.type.scalar != Scalar::integer;
  if (n.kind == (moment ? Number::duration : Number::integer)) {
    module_.split.gap = n.whole;
    return true;
  }
  const bool other_unit = n.kind == Number::duration || n.kind == Number::integer;
  Diagnostic& d = report(other_unit ? code::unit_mismatch : code::bad_split,
                         moment ? "`gap` is a duration, found `" + text(gap.span) + "`" : "`gap` is a whole number, as `" + column.name + "` is, found `" + text(gap.span) + "`", gap.span,
                         other_unit ? moment ? "has no unit" : "has a unit" : "");
  d.also(column.span, "`" + column.name + "` is a " + show(column.type)).suggest(moment ? "`gap = 7d`" : "`gap = 7`");
  if (n.kind == Number::integer) d.edit(gap.span, text(gap.span) + "d");
  return false;
}

// folds = 5 · folds = forward(5, test = 1_000, train = 10_000)
bool Checker::take_folds(const ast::Setting& setting) {
  Split& s = module_.split;
  const ast::Expr& e = node(setting.value);
  const auto refuse = [&](Code code, const std::string& message, Span span) -> Diagnostic& { return report(code, message, span, "found `" + text(span) + "`"); };
  const bool forward = e.kind == ast::ExprKind::call && e.text == "forward";
  if (s.method == SplitMethod::column) {
    report(code::bad_split, "`folds` has no meaning where a column says the parts", setting.name_span).suggest("split by `random`, `group(c)`, `stratified(c)` or `time(c)`");
    return false;
  }
  if (forward && s.method != SplitMethod::time) {
    report(code::bad_split, "forward folds need an order of time", e.span).suggest("`by = time(column)`, or write the number alone: `folds = 5`");
    return false;
  }
  const ast::ExprId count = forward && !e.args.empty() && e.arg_names[0].empty() ? e.args[0] : setting.value;
  const auto n = whole(count);
  if (!n || *n < 2 || *n > 100) {
    refuse(n ? code::out_of_range : code::bad_split, "`folds` is a whole number from 2 to 100", node(count).span).suggest("`folds = 5`");
    return false;
  }
  s.folds = *n;
  for (std::size_t i = 1; forward && i < e.args.size(); ++i) {
    const auto rows = whole(e.args[i]);
    std::int64_t* into = e.arg_names[i] == "test" ? &s.fold_test : e.arg_names[i] == "train" ? &s.fold_train : nullptr;
    if (!into) {
      report(code::bad_split, "`forward` has no such argument", e.arg_names[i].empty() ? node(e.args[i]).span : e.arg_name_spans[i], "not known").suggest("`forward(5, test = 1_000, train = 10_000)`: rows");
      return false;
    }
    if (!rows || *rows < 1) {
      refuse(rows ? code::out_of_range : code::bad_split, "`" + e.arg_names[i] + "` is a number of rows", node(e.args[i]).span);
      return false;
    }
    *into = *rows;
  }
  return true;
}

void Checker::check_split(const ast::Split& split) {
  declaration_ = split.head.span;
  Split& s = module_.split;
  s.defaulted = false;
  s.span = split.head.name_span;
  std::optional<double> train, valid, test;
  Span train_span = split.head.name_span, valid_span, test_span;
  bool bad = false;
  const auto part = [&](std::optional<double>& into, Span& at) {
    return [&, this](const ast::Setting& v) {
      const ast::Expr& e = node(v.value);
      at = e.span;
      into = number(v.value);
      if (into && *into >= 0 && *into <= 1) return;
      report(into ? code::out_of_range : code::bad_setting, "`" + v.name + "` is a share of the rows, from 0% to 100%", e.span, "found `" + text(e.span) + "`").suggest("write a share: `70%`; the parts add up to 100%");
      bad = true;
    };
  };
  const auto by = [&](const ast::Setting& v) {
    const ast::Expr& e = node(v.value);
    static const std::map<std::string, SplitMethod> methods = {{"random", SplitMethod::random}, {"hash", SplitMethod::hash}, {"group", SplitMethod::group},
                                                               {"time", SplitMethod::time}, {"stratified", SplitMethod::stratified},
                                                               {"every", SplitMethod::every}, {"column", SplitMethod::column}};
    const auto method = methods.find(e.text);
    if ((e.kind != ast::ExprKind::name && e.kind != ast::ExprKind::call) || method == methods.end()) {
      const Span span = callee_span(e);
      Diagnostic& d = report(code::bad_split, "there is no such way to split: `" + text(e.span) + "`", span);
      if (e.kind == ast::ExprKind::name && find_column(e.text).known()) d.suggest("split by its values: `hash(" + e.text + ")` or `group(" + e.text + ")`");
      else suggest_name(d, span, e.text, {"random", "hash", "group", "time", "stratified", "every", "column"});
      if (d.help.empty()) d.suggest("`random`, `hash(c)`, `group(c)`, `time(c)`, `stratified(c)`, `every(n)` or `column(c)`");
      bad = true;
      return;
    }
    s.method = method->second;
    const std::size_t expected = s.method == SplitMethod::random ? 0 : 1;
    ast::ExprId gap;
    std::size_t positional = 0;
    for (std::size_t i = 0; i < e.args.size(); ++i) {
      if (e.arg_names[i].empty()) ++positional;
      else if (s.method == SplitMethod::time && e.arg_names[i] == "gap") {
        gap = e.args[i];
      } else {
        report(code::bad_split, "`" + e.text + "` has no argument `" + e.arg_names[i] + "`", e.arg_name_spans[i]);
        bad = true;
      }
    }
    if (positional != expected) {
      report(code::bad_split, "`" + e.text + "` takes " + (expected ? s.method == SplitMethod::every ? "one number" : "one column" : "no argument"), e.span)
          .suggest(expected ? "`" + e.text + (s.method == SplitMethod::every ? "(5)`" : "(column)`") : "`random`");
      bad = true;
      return;
    }
    if (s.method == SplitMethod::every) {
      const auto n = whole(e.args[0]);
      if (!n || *n < 2) {
        report(code::bad_split, "`every` takes a whole number from 2", node(e.args[0]).span, "found `" + text(node(e.args[0]).span) + "`").suggest("`every(5)` tests every fifth row");
        bad = true;
      } else {
        s.every = *n;
      }
    } else if (expected) {
      s.column = column_named(node(e.args[0]), "the argument of `" + e.text + "`");
      if (!s.column.known()) {
        bad = true;
        return;
      }
      const Column& c = module_.columns[s.column.index];
      const bool moment = c.type.scalar == Scalar::timestamp || c.type.scalar == Scalar::date;
      const char* wants = s.method == SplitMethod::time && !moment && c.type.scalar != Scalar::integer ? "a `timestamp`, a `date` or an `int`"
                          : s.method == SplitMethod::column && !is_text(c.type.scalar)                ? "a text: `train`, `valid` or `test` in each row"
                          : s.method == SplitMethod::stratified && !is_text(c.type.scalar) && c.type.scalar != Scalar::boolean && c.type.scalar != Scalar::integer
                              ? "a `bool`, an `int` or a text"
                              : nullptr;
      if (wants) {
        report(code::bad_split, "`" + e.text + "` needs " + wants + ", and `" + c.name + "` is a " + show(c.type), node(e.args[0]).span).also(c.span, "declared here").suggest(std::string("name a column that is ") + wants);
        bad = true;
      } else if (gap.known()) {
        bad = !take_gap(node(gap), c) || bad;
      }
    }
  };
  const auto seed = [&](const ast::Setting& v) {
    const auto n = whole(v.value);
    if (n && *n >= 0) s.seed = static_cast<std::uint64_t>(*n);
    else report(code::out_of_range, "`seed` is a whole number from 0", node(v.value).span, "found `" + text(node(v.value).span) + "`");
  };
  const ast::Setting* folds = nullptr;
  const bool known = take_settings(split.settings, {{"train", part(train, train_span)}, {"valid", part(valid, valid_span)}, {"test", part(test, test_span)}, {"by", by}, {"seed", seed}, {"folds", [&](const ast::Setting& v) { folds = &v; }}},
                "a split", {{"validation", "valid"}, {"val", "valid"}, {"method", "by"}});
  if (bad || !known || (folds && !take_folds(*folds))) return;
  const auto percent = [](double v) { return ir::exact(std::round(v * 1e6) / 1e4) + "%"; };
  if (s.method == SplitMethod::column) {
    for (const auto& [given, span] : {std::pair(train, train_span), std::pair(valid, valid_span), std::pair(test, test_span)})
      if (given) {
        report(code::bad_split, "the parts are what the column says", span, "a share has no effect").suggest("remove it");
        return;
      }
  } else if (s.method == SplitMethod::every) {
    // One row in n is test, and one more valid when a valid part is asked for.
    const double share = 1.0 / static_cast<double>(s.every);
    s.test = share;
    s.valid = valid && *valid > 0 ? share : 0;
    s.train = 1 - s.test - s.valid;
    for (const auto& [given, is, span] : {std::tuple(train, s.train, train_span), std::tuple(valid, s.valid, valid_span), std::tuple(test, s.test, test_span)}) {
      if (!given || std::fabs(*given - is) < 1e-6) continue;
      report(code::bad_split, "`every(" + std::to_string(s.every) + ")` makes a part of " + percent(is), span, "found " + percent(*given)).suggest("write " + percent(is) + ", or leave it out");
      return;
    }
    if (s.train <= 1e-9) {
      report(code::bad_split, "no rows are left for training", split.head.name_span);
      return;
    }
  } else if (train || valid || test) {
    s.train = train.value_or(-1);
    s.valid = valid.value_or(train && test ? 0 : -1);
    s.test = test.value_or(train && valid ? 1 - *train - *valid : -1);
    if (s.train < 0) s.train = 1 - std::max(s.valid, 0.0) - std::max(s.test, 0.0);
    if (s.valid < 0) s.valid = 0;
    if (s.test < 0) s.test = 1 - s.train - s.valid;
    const double sum = s.train + s.valid + s.test;
    if (std::fabs(sum - 1) > 1e-9 || s.test < -1e-9 || s.train < -1e-9) {
      const double written = train.value_or(0) + valid.value_or(0) + test.value_or(0);
      const Span at = train ? train_span : valid ? valid_span : test_span;
      report(code::bad_split, "the parts of the split make " + percent(written) + " of the rows", at, "").suggest("train, valid and test together make 100%");
      return;
    }
    s.test = std::max(s.test, 0.0);
    if (s.train <= 0) {
      report(code::bad_split, "no rows are left for training", train ? train_span : split.head.name_span).suggest("`train = 70%, valid = 15%, test = 15%`");
      return;
    }
  }
  has_valid_ = s.method == SplitMethod::column || s.valid > 0;
  has_test_ = s.method == SplitMethod::column || s.test > 0;
}

}  // namespace mlp::checking
