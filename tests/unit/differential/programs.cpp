#include "tests/unit/differential/programs.h"

#include <limits>
#include <random>

namespace mlp::differential {
namespace {

Value null() { return {true, 0, 0, {}}; }
std::int32_t index_of(Scalar scalar) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(std::size(types)); ++i)
    if (types[i] == scalar) return i;
  return -1;
}

values::Table table_of(std::int64_t rows, const std::function<std::size_t(std::int64_t row, int letter, std::size_t count)>& pick) {
  values::Table table;
  table.rows = rows;
  for (const Scalar scalar : types)
    for (int letter = 0; letter < letters; ++letter) {
      const std::vector<Value>& all = edges(scalar);
      std::vector<double> reals;
      std::vector<std::int64_t> integers;
      std::vector<std::uint8_t> booleans, present;
      std::vector<std::string> texts;
      for (std::int64_t row = 0; row < rows; ++row) {
        const Value& v = all[pick(row, letter, all.size())];
        reals.push_back(v.real);
        integers.push_back(v.integer);
        booleans.push_back(v.integer != 0);
        texts.push_back(v.text);
        present.push_back(!v.null);
      }
      if (scalar == Scalar::real) table.columns.push_back(harness::reals(reals, present));
      else if (scalar == Scalar::boolean) table.columns.push_back(harness::booleans(booleans, present));
      else if (scalar == Scalar::string) table.columns.push_back(harness::strings(texts, present));
      else table.columns.push_back(harness::integers(integers, present));
    }
  return table;
}

}  // namespace

const std::vector<Value>& edges(Scalar scalar) {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan_ = std::numeric_limits<double>::quiet_NaN();
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  static const std::vector<Value> reals = [] {
    std::vector<Value> all{null()};
    for (const double v : {0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, 3.0, 0.1, 1e-3, -7.25, 1e3, 100.5, 709.5, -745.0, 1e10, 1e22, -1e22, 0x1p53, -0x1p63, 0x1p63, 1e300, -1e300, 1e-300,
                           0x1p-1022, 4.9406564584124654e-324, -4.9406564584124654e-324, 0x1.fffffffffffffp+1023, inf, -inf, nan_})
      all.push_back({false, 0, v, {}});
    return all;
  }();
  static const std::vector<Value> integers = [] {
    std::vector<Value> all{null()};
    for (const std::int64_t v : {least, least + 1, std::int64_t{-1'000'000'007}, std::int64_t{-7}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{3},
                                 std::int64_t{10}, std::int64_t{365}, std::int64_t{(1LL << 53) + 1}, most - 1, most})
      all.push_back({false, v, 0, {}});
    return all;
  }();
  static const std::vector<Value> booleans = {null(), {false, 0, 0, {}}, {false, 1, 0, {}}};
  static const std::vector<Value> texts = [] {
    using namespace std::string_literals;
    std::vector<Value> all{null()};
    std::string longer;
    for (int i = 0; i < 3000; ++i) longer += static_cast<char>('a' + i * i % 7);
    for (const std::string& v : {""s, " "s, "a"s, "A b\tC "s, "ab"s, "nan"s, "banana"s, "12.5"s, " -1e-3 "s, "1e400"s, "9007199254740993"s, "inf"s, "\0x\0"s, "ÀÉß ÿ Ωσς Жѐ"s,
                                 "漢字 😀"s, "\xff\xfe"s, "ok\xe2\x82"s, "\xed\xa0\x80"s, longer})
      all.push_back({false, 0, 0, v});
    return all;
  }();
  constexpr std::int64_t day = 86'400'000'000;
  static const std::vector<Value> timestamps = [] {
    std::vector<Value> all{null()};
    for (const std::int64_t v : {least, -62'135'596'800'000'000, -day - 1, -day, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, 19'782 * day + 47'159'999'999, 19'783 * day, 4'102'444'800'000'000, most})
      all.push_back({false, v, 0, {}});
    return all;
  }();
  static const std::vector<Value> dates = [] {
    std::vector<Value> all{null()};
    for (const std::int64_t v : {least, std::int64_t{-719'468}, std::int64_t{-719'469}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{10'956}, std::int64_t{18'629}, std::int64_t{18'630},
                                 std::int64_t{19'782}, std::int64_t{19'783}, std::int64_t{47'481}, most})
      all.push_back({false, v, 0, {}});
    return all;
  }();
  static const std::vector<Value> durations = [] {
    std::vector<Value> all{null()};
    for (const std::int64_t v : {least, -day, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, std::int64_t{1'500'000}, std::int64_t{5'400'000'000}, day, 30 * day, most}) all.push_back({false, v, 0, {}});
    return all;
  }();
  switch (scalar) {
    case Scalar::real: return reals;
    case Scalar::integer: return integers;
    case Scalar::boolean: return booleans;
    case Scalar::timestamp: return timestamps;
    case Scalar::date: return dates;
    case Scalar::duration: return durations;
    default: return texts;
  }
}

values::Table edge_table(std::int64_t rows) {
  return table_of(rows, [](std::int64_t row, int letter, std::size_t count) {
    const auto r = static_cast<std::size_t>(row);
    return (letter == 0 ? r : letter == 1 ? r / count : letter == 2 ? r * 5 + r / 3 : r * 3 + r / 7) % count;
  });
}
values::Table random_table(std::uint64_t seed, std::int64_t rows) {
  std::mt19937_64 random(seed);
  return table_of(rows, [&](std::int64_t, int, std::size_t count) { return static_cast<std::size_t>(random() % count); });
}

Builder::Builder() {
  program.name = "differential";
  for (const Scalar scalar : types)
    for (int letter = 0; letter < letters; ++letter) {
      Column column;
      column.type = {scalar, true};
      column.name = spell(Type{scalar, false}) + static_cast<char>('a' + letter);
      program.columns.push_back(column);
      program.scan.push_back({static_cast<std::int32_t>(program.columns.size()) - 1});
    }
  fitted.numbers = {2.75};
  fitted.texts = {"banana"};
  fit::FittedTable table;  // of some of the edge texts, with two folds
  table.keys = {"", "a", "banana", "\xff\xfe"};
  table.values.resize(3 * 5);
  for (std::size_t i = 0; i < table.values.size(); ++i) table.values[i] = 0.25 * static_cast<double>(i);
  table.folds = 2;
  fitted.tables = {table};
  program.numbers = program.texts = program.tables = 1;
  ir::Expr e;
  e.op = ir::ExprOp::fitted_table;
  e.slot = {0};
  e.stage = ir::Stage::fit;
  table_ = add(std::move(e));
  program.model.target = column(Scalar::real, 0);  // every program has a target and a feature
  program.features.emplace_back();
  program.features[0].name = "f";
  program.features[0].value = program.model.target;
  program.passes.emplace_back();
}

ir::ExprId Builder::add(ir::Expr expr) {
  program.exprs.push_back(std::move(expr));
  return {static_cast<std::int32_t>(program.exprs.size()) - 1};
}
ir::ExprId Builder::column(Scalar scalar, int letter) {
  ir::Expr e;
  e.op = ir::ExprOp::column;
  e.column = {index_of(scalar) * letters + letter};
  e.type = {scalar, true};
  e.stage = ir::Stage::row;
  return add(std::move(e));
}
ir::ExprId Builder::constant(Scalar scalar, const Value& value) {
  ir::Expr e;
  e.value = value;
  e.type = {scalar, value.null};
  return add(std::move(e));
}
ir::ExprId Builder::fitted_number() {
  ir::Expr e;
  e.op = ir::ExprOp::fitted_number;
  e.slot = {0};
  e.type = {Scalar::real, false};
  e.stage = ir::Stage::fit;
  return add(std::move(e));
}
ir::ExprId Builder::fitted_text() {
  ir::Expr e;
  e.op = ir::ExprOp::fitted_text;
  e.slot = {0};
  e.type = {Scalar::string, false};
  e.stage = ir::Stage::fit;
  return add(std::move(e));
}
ir::ExprId Builder::call(const Builtin& builtin, std::vector<ir::ExprId> args) {
  ir::Expr e;
  e.op = ir::ExprOp::call;
  e.callee = builtin.name;
  bool any = false, every = true;
  for (const ir::ExprId arg : args) {
    e.stage = std::max(e.stage, program[arg].stage);
    any = any || type(arg).nullable;
    every = every && type(arg).nullable;
  }
  e.type = builtin.result.shape == BuiltinShape::any ? type(args[0]) : builtin.result.type;
  const std::string_view how = builtin.code;
  e.type.nullable = how == "custom:coalesce" ? every : how == "custom:is_null" || how == "custom:lookup" ? false : any || builtin.may_give_null();
  for (const BuiltinParameter& p : builtin.parameters)
    if (p.type.shape == BuiltinShape::table) args.push_back(table_);
  e.args = std::move(args);
  return add(std::move(e));
}
ir::ExprId Builder::select(ir::ExprId condition, ir::ExprId a, ir::ExprId b) {
  ir::Expr e;
  e.op = ir::ExprOp::select;
  e.args = {condition, a, b};
  for (const ir::ExprId arg : e.args) e.stage = std::max(e.stage, program[arg].stage);
  e.type = {type(a).scalar, type(condition).nullable || type(a).nullable || type(b).nullable};
  return add(std::move(e));
}

void Builder::output(ir::ExprId id, const std::string& name) {
  flow::Aggregate a;
  const bool text = is_text(type(id).scalar);
  a.kind = text ? flow::AggregateKind::most_frequent : flow::AggregateKind::count;
  a.slot_kind = text ? flow::SlotKind::text : flow::SlotKind::number;
  a.slot = {0};
  a.input = id;
  a.name = name;
  program.aggregates.push_back(std::move(a));
  program.passes[0].aggregates.push_back({static_cast<std::int32_t>(program.aggregates.size()) - 1});
}
void Builder::observe(ir::ExprId id, const std::string& name) {
  if (program[id].stage != ir::Stage::row) return;
  if (type(id).scalar == Scalar::integer) {  // all 64 bits of it
    for (const Builtin* row : find_builtins("to_text"))
      if (row->parameters[0].type.type.scalar == Scalar::integer) id = call(*row, {id});
  }
  output(id, name);
  if (type(id).scalar == Scalar::real && type(id).nullable) output(call(*find_builtins("is_null").front(), {id}), "is_null(" + name + ")");
}

std::vector<std::string> differences(const Builder& builder, const values::Table& table, const harness::Configuration& configuration) {
  const flow::Program& program = builder.program;
  harness::Machine machine(program, configuration);
  std::vector<std::int32_t> folds;
  for (std::int64_t row = 0; row < table.rows; ++row) folds.push_back(static_cast<std::int32_t>(row % 6) - 1);  // the table has two
  const std::vector<reference::Inputs> compiled = machine.pass(table, builder.fitted, 0, folds);
  std::vector<std::string> found;
  std::vector<bool> done(compiled.size());
  for (std::int64_t row = 0; row < table.rows; ++row) {
    std::vector<ir::ExprId> wanted;
    for (const flow::Aggregate& a : program.aggregates) wanted.push_back(a.input);
    const std::vector<Value> defined = reference::evaluate_all(program, builder.fitted, table, row, wanted, folds[static_cast<std::size_t>(row)]);
    for (std::size_t i = 0; i < compiled.size(); ++i) {
      if (done[i]) continue;
      const flow::Aggregate& a = program.aggregates[i];
      const auto r = static_cast<std::size_t>(row);
      std::string got, right;
      if (a.slot_kind == flow::SlotKind::text) {
        const bool present = compiled[i].present[r] != 0;
        const std::string text = present ? std::string(compiled[i].strings[r].data, static_cast<std::size_t>(compiled[i].strings[r].size)) : "";
        if (present == !defined[i].null && (!present || text == defined[i].text)) continue;
        got = present ? ir::quote(text) : "null";
        right = defined[i].null ? "null" : ir::quote(defined[i].text);
      } else {
        const double right_number = reference::number(program[a.input].type, defined[i]);
        if (harness::same(compiled[i].reals[r], right_number)) continue;
        got = ir::exact(compiled[i].reals[r]);
        right = ir::exact(right_number);
      }
      done[i] = true;
      found.push_back(configuration.name + ": " + a.name + " in row " + std::to_string(row) + " gives " + got + ", not " + right);
    }
  }
  return found;
}

}  // namespace mlp::differential
