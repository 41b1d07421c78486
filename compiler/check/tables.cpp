// Tables: steps that make one relation of others. What each step gives is known here: names, types, nulls, constraints,
// attributes, and which columns of which source a column comes from.
#include <algorithm>

#include "base/codes/types.h"
#include "compiler/check/checker.h"

namespace mlp::checking {
namespace {

const std::vector<std::string> step_words = {"filter", "select", "derive", "join", "asof_join", "group_by", "window", "union", "distinct"};

// Keys are compared for equality, on both sides alike: no floats, whose equality is an accident.
enum class KeyClass { none, text, integer, boolean, date, timestamp, duration };
KeyClass key_class(Scalar s) {
  if (is_text(s)) return KeyClass::text;
  switch (s) {
    case Scalar::integer: return KeyClass::integer;
    case Scalar::boolean: return KeyClass::boolean;
    case Scalar::date: return KeyClass::date;
    case Scalar::timestamp: return KeyClass::timestamp;
    case Scalar::duration: return KeyClass::duration;
    default: return KeyClass::none;
  }
}
bool orders(Scalar s) { return s == Scalar::integer || s == Scalar::date || s == Scalar::timestamp; }

}  // namespace

// ---- which relations there are

void Checker::check_relations() {
  std::map<std::string, std::pair<std::vector<Column>, bool>> schemas;  // as checked: two sources may share one
  for (const ast::Source& source : file_.sources) {
    Relation r;
    r.name = source.head.name;
    r.span = source.head.name_span;
    if (!schemas.count(source.schema)) {
      module_.columns.clear();
      columns_.clear();
      schema_ok_ = false;
      check_schema_of(source);
      schemas[source.schema] = {module_.columns, schema_ok_};
    }
    r.columns = schemas[source.schema].first;
    r.broken = !schemas[source.schema].second;
    module_.source = {};
    check_source(source);
    const auto place = static_cast<std::int32_t>(module_.query.sources.size());
    module_.query.sources.push_back({module_.source, r.columns});
    for (std::size_t c = 0; c < r.columns.size(); ++c) r.origins.push_back({{place, static_cast<std::int32_t>(c)}});
    QueryStep step;
    step.op = QueryOp::source;
    step.name = r.name;
    step.source = place;
    step.columns = r.columns;
    step.span = r.span;
    r.step = add_step(std::move(step));
    declare_relation(std::move(r));
  }
  for (const ast::Table& table : file_.tables) {
    std::optional<Relation> r = eval_relation(table.value);
    if (!r) r.emplace().broken = true;
    r->name = table.head.name;
    r->span = table.head.name_span;
    if (!r->broken) {
      QueryStep& last = module_.query.steps[static_cast<std::size_t>(r->step.index)];
      if (last.op == QueryOp::source || !last.name.empty()) {  // another name for the same rows
        QueryStep same;
        same.op = QueryOp::select;
        same.inputs = {r->step};
        pass_through(*r, same);
        same.span = table.head.name_span;
        same.name = r->name;
        same.columns = r->columns;
        r->step = add_step(std::move(same));
      } else {
        last.name = r->name;
      }
    }
    declare_relation(std::move(*r));
  }
}

void Checker::declare_relation(Relation r) {
  const auto before = std::find_if(relations_.begin(), relations_.end(), [&](const Relation& other) { return other.name == r.name; });
  if (before == relations_.end()) return relations_.push_back(std::move(r));
  report(code::duplicate_name, "`" + r.name + "` is declared twice", r.span, "again").also(before->span, "first here").suggest("rename one of the two");
}

StepId Checker::add_step(QueryStep step) {
  module_.query.steps.push_back(std::move(step));
  return {static_cast<std::int32_t>(module_.query.steps.size()) - 1};
}

const Relation* Checker::find_relation(const std::string& name, Span span) {
  for (const Relation& r : relations_)
    if (r.name == name) return &r;
  std::vector<std::string> names;
  for (const Relation& r : relations_) names.push_back(r.name);
  Diagnostic& d = report(code::unknown_name, "there is no source or table `" + name + "`", span, "not known");
  suggest_name(d, span, name, names);
  for (const ast::Table& later : file_.tables)
    if (later.head.name == name) {
      d.fix.clear();
      d.also(later.head.name_span, "defined here, further down").suggest("move the table `" + name + "` up: a table reads what stands above it");
    }
  return nullptr;
}

// Expectations of a source or table on the way.
void Checker::check_expect_of(const Relation& r, const ast::Expect& expect) {
  if (r.broken) return;
  std::vector<Expectation> others = std::move(module_.expectations);
  module_.expectations.clear();
  QueryStep unused;
  in_scope(r, unused, false, [&] {
    check_expect(expect);
    return true;
  });
  auto& into = module_.query.steps[static_cast<std::size_t>(r.step.index)].expectations;
  into.insert(into.end(), module_.expectations.begin(), module_.expectations.end());
  module_.expectations = std::move(others);
}

// The relation that features read becomes the columns of the module; steps and sources that do not lead to it go.
void Checker::take_relation(const Relation& r) {
  module_.columns = r.columns;
  origins_ = r.origins;
  columns_.clear();
  for (std::size_t i = 0; i < r.columns.size(); ++i) columns_[r.columns[i].name] = {static_cast<std::int32_t>(i)};
  schema_ok_ = !r.broken;
  if (r.broken) return;
  Query& q = module_.query;
  std::vector<char> used(q.steps.size());
  used[static_cast<std::size_t>(r.step.index)] = 1;
  for (std::size_t i = used.size(); i-- > 0;)
    if (used[i])
      for (const StepId in : q.steps[i].inputs) used[static_cast<std::size_t>(in.index)] = 1;
  for (const Relation& other : relations_)
    if (!other.broken && !used[static_cast<std::size_t>(other.step.index)])
      report(code::unused_table, "nothing reads `" + other.name + "`", other.span, "not used").suggest("remove it, or join it to the table that features read");
  std::vector<StepId> step_now(q.steps.size());
  std::vector<std::int32_t> source_now(q.sources.size(), -1);
  Query kept;
  for (std::size_t i = 0; i < q.steps.size(); ++i) {
    if (!used[i]) continue;
    QueryStep s = std::move(q.steps[i]);
    for (StepId& in : s.inputs) in = step_now[static_cast<std::size_t>(in.index)];
    if (s.op == QueryOp::source) {
      source_now[static_cast<std::size_t>(s.source)] = static_cast<std::int32_t>(kept.sources.size());
      kept.sources.push_back(std::move(q.sources[static_cast<std::size_t>(s.source)]));
      s.source = static_cast<std::int32_t>(kept.sources.size()) - 1;
    }
    step_now[i] = {static_cast<std::int32_t>(kept.steps.size())};
    kept.steps.push_back(std::move(s));
  }
  q = std::move(kept);
  // A request has the columns of the table, so what stands for null in any source does in a request.
  module_.source = {};
  module_.source.name = r.name;
  module_.source.span = r.span;
  module_.source.null_words.clear();
  for (const QuerySource& s : q.sources)
    for (const std::string& word : s.source.null_words)
      if (std::find(module_.source.null_words.begin(), module_.source.null_words.end(), word) == module_.source.null_words.end()) module_.source.null_words.push_back(word);
}

// ---- a pipe of steps

std::optional<Relation> Checker::eval_relation(ast::ExprId id) {
  const ast::Expr& e = node(id);
  if (e.kind == ast::ExprKind::name) {
    const Relation* r = find_relation(e.text, e.span);
    if (!r || r->broken) return {};
    return *r;
  }
  if (e.kind == ast::ExprKind::call && e.text == "union") {
    if (e.args.empty()) {
      report(code::bad_table, "`union` needs tables", e.span).suggest("`union(a, b)`");
      return {};
    }
    std::optional<Relation> first = eval_relation(e.args[0]);
    return first ? step_union(std::move(*first), e, 1) : std::nullopt;
  }
  if (e.kind != ast::ExprKind::pipe) {
    report(code::bad_table, "a table begins with a source or a table, found `" + text(e.span) + "`", e.span, "neither").suggest("`table t = rows |> filter(amount > 0)`");
    return {};
  }
  std::optional<Relation> in = eval_relation(e.args[0]);
  const ast::Expr& step = node(e.args[1]);
  const auto known = std::find(step_words.begin(), step_words.end(), step.text);
  if (known == step_words.end()) {
    const Span span = callee_span(step);
    Diagnostic& d = report(code::bad_table, "`" + step.text + "` is no step of a table", span, "not known");
    static const std::map<std::string, const char*> foreign = {{"where", "filter"}, {"mutate", "derive"}, {"with", "derive"}, {"extend", "derive"}, {"groupby", "group_by"}, {"group", "group_by"},
                                                               {"aggregate", "group_by"}, {"summarise", "group_by"}, {"merge", "join"}, {"left_join", "join"}, {"inner_join", "join"},
                                                               {"asof", "asof_join"}, {"merge_asof", "asof_join"}, {"concat", "union"}, {"unique", "distinct"}, {"rolling", "window"}};
    if (const auto f = foreign.find(step.text); f != foreign.end()) d.suggest("it is called `" + std::string(f->second) + "` here").edit(span, f->second);
    else suggest_name(d, span, step.text, step_words);
    if (d.help.empty()) d.suggest("steps are filter, select, derive, join, asof_join, group_by, window, union and distinct");
    return {};
  }
  if (!in) return {};
  if (step.text == "filter") return step_filter(std::move(*in), step);
  if (step.text == "select" || step.text == "derive") return step_select(std::move(*in), step);
  if (step.text == "join" || step.text == "asof_join") return step_join(std::move(*in), step);
  if (step.text == "group_by" || step.text == "window") return step_group(std::move(*in), step);
  if (step.text == "union") return step_union(std::move(*in), step, 0);
  return step_distinct(std::move(*in), step);
}

// What the arguments of a step are: positional ones, settings, and the record behind the brackets.
Checker::StepArguments Checker::arguments_of(const ast::Expr& e) {
  StepArguments out;
  for (std::size_t i = 0; i < e.args.size(); ++i) {
    if (!e.arg_names[i].empty()) out.settings.push_back({e.arg_names[i], e.arg_name_spans[i], e.args[i]});
    else if (i + 1 == e.args.size() && node(e.args[i]).kind == ast::ExprKind::record) out.record = &node(e.args[i]);
    else out.positional.push_back(e.args[i]);
  }
  return out;
}

bool Checker::takes(const ast::Expr& e, const StepArguments& args, std::size_t least, std::size_t most, bool record, const char* example) {
  const bool good = args.positional.size() >= least && args.positional.size() <= most && (record == (args.record != nullptr));
  if (!good) {
    const std::string what = args.record && !record ? "takes no `{ }`" : !args.record && record ? "needs `{ name = value }`" : args.positional.size() < least ? "lacks an argument" : "has too many arguments";
    report(code::bad_table, "`" + e.text + "` " + what, callee_span(e)).suggest("`" + std::string(example) + "`");
  }
  return good;
}

ColumnId Checker::column_in(const Relation& r, const ast::Expr& e, const std::string& what) {
  if (e.kind != ast::ExprKind::name) {
    report(code::bad_table, what + " must be a column, found `" + text(e.span) + "`", e.span, "no column");
    return {};
  }
  const ColumnId id = r.find(e.text);
  if (id.known()) {
    mean(e.span, Meaning::Kind::column, e.text, r[id].span);
    if (meaning_) meaning_->values.try_emplace(e.span, Meaning::Value{r[id].type, ir::Stage::row});
    return id;
  }
  const std::string of = r.name.empty() ? "this table" : "`" + r.name + "`";
  Diagnostic& d = report(code::unknown_name, "`" + e.text + "` is no column of " + of, e.span, "no column has this name");
  std::vector<std::string> names;
  for (const Column& c : r.columns) names.push_back(c.name);
  suggest_name(d, e.span, e.text, names);
  return {};
}

bool Checker::check_key(const Column& c, Span span) {
  if (key_class(c.type.scalar) != KeyClass::none) return true;
  report(code::bad_key, "a " + show(c.type) + " is no key", span, "equal floats are an accident").also(c.span, "`" + c.name + "` stands here")
      .suggest("make a whole number or a text of it in a `derive` step before");
  return false;
}

bool Checker::check_order(const Column& c, Span span, bool present) {
  if (!orders(c.type.scalar)) {
    report(code::bad_key, "rows are ordered by a `timestamp`, a `date` or an `int`, and `" + c.name + "` is a " + show(c.type), span)
        .also(c.span, "it stands here")
        .suggest("order by the column that says when a row happened");
    return false;
  }
  if (!present || !c.type.nullable) return true;
  report(code::bad_key, "rows cannot be ordered by `" + c.name + "`, which may be null", span).also(c.span, "declared " + show(c.type))
      .suggest("leave such rows out in a step before: `filter(" + c.name + " != null)`");
  return false;
}

// on = user_id · on = [origin, day] · on = dest == faa · by = symbol
bool Checker::take_keys(ast::ExprId id, const Relation& left, const Relation* right, std::vector<QueryKey>& into) {
  const ast::Expr& e = node(id);
  if (e.kind == ast::ExprKind::list) {
    if (e.args.empty()) report(code::bad_table, "a list of keys names at least one column", e.span);
    return !e.args.empty() && std::all_of(e.args.begin(), e.args.end(), [&](ast::ExprId item) { return take_keys(item, left, right, into); });
  }
  const bool pair = right && e.kind == ast::ExprKind::binary && e.text == "==";
  const ast::Expr& l = pair ? node(e.args[0]) : e;
  const ast::Expr& r = pair ? node(e.args[1]) : e;
  QueryKey key;
  key.left = column_in(left, l, "a key");
  if (!key.left.known() || !check_key(left[key.left], l.span)) return false;
  if (right) {
    key.right = column_in(*right, r, "a key");
    if (!key.right.known() || !check_key(right->columns[static_cast<std::size_t>(key.right.index)], r.span)) return false;
    const Column &a = left[key.left], &b = (*right)[key.right];
    if (key_class(a.type.scalar) != key_class(b.type.scalar)) {
      report(code::bad_key, "a " + show(a.type) + " never equals a " + show(b.type), e.span).also(a.span, "`" + a.name + "` of the left side").also(b.span, "`" + b.name + "` of `" + right->name + "`")
          .suggest("give both columns one type");
      return false;
    }
  }
  for (const QueryKey& before : into)
    if (before.left == key.left && before.right == key.right) {
      report(code::duplicate_name, "key `" + l.text + "` is there twice", e.span, "again").suggest("remove one of the two");
      return false;
    }
  into.push_back(key);
  return true;
}

// Outputs that hand the columns of the input on.
void Checker::pass_through(const Relation& r, QueryStep& step) {
  for (std::size_t i = 0; i < r.columns.size(); ++i) step.outputs.push_back(column_of(step, {static_cast<std::int32_t>(i)}, r.columns[i].type));
}

Relation Checker::finish_step(Relation out, QueryStep step) {
  step.columns = out.columns;
  out.step = add_step(std::move(step));
  out.name.clear();
  return out;
}

// ---- the steps

std::optional<Relation> Checker::step_filter(Relation in, const ast::Expr& e) {
  const StepArguments args = arguments_of(e);
  if (!takes(e, args, 1, 1, false, "filter(amount > 0)") || !take_settings(args.settings, {}, "`filter`")) return {};
  QueryStep step;
  step.op = QueryOp::filter;
  step.inputs = {in.step};
  step.span = e.span;
  std::vector<ColumnId> needed;
  if (!in_scope(in, step, false, [&] {
        Operand o = eval(args.positional[0]);
        const std::optional<ir::ExprId> value = row_value(o, "the condition of `filter`");
        if (!value) return false;
        if (type_of(*value).scalar != Scalar::boolean) {
          report(code::type_mismatch, "the condition of `filter` must be a `bool`, found " + show(type_of(*value)), node(args.positional[0]).span).suggest("compare it: `filter(amount > 0)`");
          return false;
        }
        needed = present_where(*value);
        step.condition = translate(*value, node(args.positional[0]).span);
        return step.condition.known();
      }))
    return {};
  for (const ColumnId c : needed) {
    in.columns[static_cast<std::size_t>(c.index)].type.nullable = false;
    for (const ColumnId nearer : nearer_lags(in.step, c)) in.columns[static_cast<std::size_t>(nearer.index)].type.nullable = false;
  }
  return finish_step(std::move(in), std::move(step));
}

// select(a, b, c = v): these columns · derive { c = v }: all that there are, and these
std::optional<Relation> Checker::step_select(Relation in, const ast::Expr& e) {
  const StepArguments args = arguments_of(e);
  const bool derive = e.text == "derive";
  if (!takes(e, args, 0, derive ? 0 : 100'000, derive, derive ? "derive { total = price * count }" : "select(user, total = price * count)")) return {};
  if (derive && !take_settings(args.settings, {}, "`derive`")) return {};
  QueryStep step;
  step.op = QueryOp::select;
  step.inputs = {in.step};
  step.span = e.span;
  Relation out;
  bool good = true;
  if (derive) {
    out.columns = in.columns;
    out.origins = in.origins;
    pass_through(in, step);
  }
  good = in_scope(in, step, false, [&] {
    bool fine = true;
    for (const ast::ExprId id : args.positional) {
      const ColumnId c = column_in(in, node(id), "an unnamed part of `select`");
      fine = fine && c.known();
      if (!c.known()) continue;
      Column column = in[c];
      if (!add_column(out, std::move(column), in.origins[static_cast<std::size_t>(c.index)], node(id).span)) fine = false;
      else step.outputs.push_back(column_of(step, c, in[c].type));
    }
    std::vector<ast::Setting> entries = args.settings;
    if (args.record)
      for (std::size_t i = 0; i < args.record->args.size(); ++i) entries.push_back({args.record->arg_names[i], args.record->arg_name_spans[i], args.record->args[i]});
    for (const ast::Setting& entry : entries) fine = add_entry(out, step, entry) && fine;
    return fine;
  });
  if (!good) return {};
  if (out.columns.empty()) {
    report(code::bad_table, "`select` keeps no column", e.span).suggest("`select(user, total = price * count)`");
    return {};
  }
  return finish_step(std::move(out), std::move(step));
}

// group_by(user) { n = count() } · window(by = user, order = time) { spend = sum(amount, over = 7d) }
std::optional<Relation> Checker::step_group(Relation in, const ast::Expr& e) {
  const bool window = e.text == "window";
  const StepArguments args = arguments_of(e);
  if (!takes(e, args, 0, window ? 0 : 100'000, true, window ? "window(by = user, order = time) { before = lag(amount) }" : "group_by(user) { orders = count(), spent = sum(amount) }")) return {};
  QueryStep step;
  step.op = window ? QueryOp::window : QueryOp::group;
  step.inputs = {in.step};
  step.span = e.span;
  Relation out;
  bool good = true;
  if (window) {
    const Option by{"by", [&](const ast::Setting& s) { good = take_keys(s.value, in, nullptr, step.keys) && good; }};
    const Option order{"order", [&](const ast::Setting& s) {
      const ast::Expr& v = node(s.value);
      step.order.left = column_in(in, v, "`order`");
      good = step.order.left.known() && check_order(in[step.order.left], v.span, true) && good;
    }};
    if (!take_settings(args.settings, {by, order}, "`window`", {{"partition_by", "by"}, {"order_by", "order"}, {"on", "order"}}) || !good) return {};
    if (!step.order.left.known()) {
      report(code::bad_table, "`window` lacks `order`", callee_span(e)).suggest("`window(by = user, order = time) { before = lag(amount) }`");
      return {};
    }
    out.columns = in.columns;
    out.origins = in.origins;
    pass_through(in, step);
  } else {
    if (!take_settings(args.settings, {}, "`group_by`")) return {};
    for (const ast::ExprId id : args.positional) good = take_keys(id, in, nullptr, step.keys) && good;
    if (!good) return {};
    for (const QueryKey& key : step.keys) {
      out.add(in[key.left], in.origins[static_cast<std::size_t>(key.left.index)]);
      step.outputs.push_back(column_of(step, key.left, in[key.left].type));
    }
  }
  good = in_scope(in, step, true, [&] {
    bool fine = true;
    for (std::size_t i = 0; i < args.record->args.size(); ++i) {
      const ast::Setting entry{args.record->arg_names[i], args.record->arg_name_spans[i], args.record->args[i]};
      const ast::Expr& v = node(entry.value);
      fine = (v.kind == ast::ExprKind::call && v.text == "lags" ? add_lags(out, step, entry) : add_entry(out, step, entry)) && fine;
    }
    return fine;
  });
  if (!good) return {};
  return finish_step(std::move(out), std::move(step));
}

std::optional<Relation> Checker::step_distinct(Relation in, const ast::Expr& e) {
  const StepArguments args = arguments_of(e);
  if (!takes(e, args, 0, 100'000, false, "distinct(user)") || !take_settings(args.settings, {}, "`distinct`")) return {};
  QueryStep step;
  step.op = QueryOp::distinct;
  step.inputs = {in.step};
  step.span = e.span;
  for (const ast::ExprId id : args.positional)
    if (!take_keys(id, in, nullptr, step.keys)) return {};
  if (args.positional.empty())
    for (std::size_t i = 0; i < in.columns.size(); ++i) step.keys.push_back({{static_cast<std::int32_t>(i)}, {}});
  return finish_step(std::move(in), std::move(step));
}

}  // namespace mlp::checking
