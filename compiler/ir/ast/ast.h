// What was written: the spec as parsed, before any name is resolved. Flat stores, typed ids, no owning pointers.
#pragma once
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "compiler/ir/common/types.h"

namespace mlp::ast {

using ExprId = ir::Id<struct ExprTag>;

enum class ExprKind {
  number,       // text as written: 1_000  0.5  15%  30d  64MiB
  string,       // text = the decoded value
  boolean,      // text = true | false
  null,
  date,         // text as written: @2024-01-31
  name,         // text = identifier (without backticks)
  member,       // args[0] . text                      test.auc
  list,         // [args...]
  call,         // text(args...), arg_names "" for positional; callee in `text`
                // `each(float) except (a, b)` is the call except(each(float), a, b)
  unary,        // text = - | not
  binary,       // text = + - * / % ^ == != < <= > >= and or
  conditional,  // if args[0] then args[1] else args[2]
  range,        // args[0] .. args[1]
  pipe,         // args[0] |> args[1]; args[1] is a name or a call
  record,       // { arg_names[i] = args[i], ... }
  index,        // args[0][args[1], …]: a number, or a range whose open ends are the name ""     v[0]  v[1..3, ..]
  block,        // function body { let arg_names[i] = args[i] ... result }; the result is last, with name ""
};

struct Expr {
  ExprKind kind = ExprKind::null;
  Span span{};
  std::string text{};
  std::vector<ExprId> args{};
  std::vector<std::string> arg_names{};
  std::vector<Span> arg_name_spans{};
  template <class A> void fields(A&& a) {
    a("kind", kind); a("text", text); a("args", args); a("names", arg_names); a("name_spans", arg_name_spans); a("span", span);
  }
};

struct Setting {  // name = value
  std::string name;
  Span name_span;
  ExprId value;
  template <class A> void fields(A&& a) { a("name", name); a("value", value); a("name_span", name_span); }
};

struct Attribute {  // @protected
  std::string name;
  Span span;
  template <class A> void fields(A&& a) { a("name", name); a("span", span); }
};

struct TypeRef {  // float?  float[2]  bool  float[.., n]: the name `..` stands for any number of axes
  std::string name;
  bool nullable = false;
  std::vector<ExprId> shape;
  Span span;
  template <class A> void fields(A&& a) { a("name", name); a("nullable", nullable); a("shape", shape); a("span", span); }
};

enum class ConstraintKind { in, compare, matches, one_of, ordered, zone, from };
struct Constraint {  // in a..b (args: one range) · >= x (text = operator) · matches "…" · one_of (…) · ordered (…) · zone "…" · from ("Yes", "No")
  ConstraintKind kind = ConstraintKind::in;
  std::string text;
  std::vector<ExprId> args;
  Span span;
  template <class A> void fields(A&& a) { a("kind", kind); a("text", text); a("args", args); a("span", span); }
};

struct Field {
  std::string name;
  std::string last_name;  // of a family: p0..p783
  Span name_span;
  TypeRef type;
  std::vector<Constraint> constraints;
  std::vector<Attribute> attributes;
  std::string description;
  std::string doc;  // the /// lines above
  template <class A> void fields(A&& a) {
    a("name", name); a("last", last_name); a("type", type); a("constraints", constraints); a("attributes", attributes);
    a("description", description); a("doc", doc); a("name_span", name_span);
  }
};

// What every declaration has.
struct Head {
  std::string name;
  Span name_span;
  Span span;  // the whole declaration, without its documentation
  std::string description;
  std::string doc;
  template <class A> void fields(A&& a) {
    a("name", name); a("description", description); a("doc", doc); a("name_span", name_span); a("span", span);
  }
};

struct Pipeline { Head head; template <class A> void fields(A&& a) { a("head", head); } };

struct Import {  // import "common/customer.mlp"
  std::string path;  // as written
  Span path_span;
  Span span;
  template <class A> void fields(A&& a) { a("path", path); a("path_span", path_span); a("span", span); }
};

struct Param {  // param NAME: TYPE constraints = value
  Head head;
  TypeRef type;
  std::vector<Constraint> constraints;
  ExprId value;
  bool set = false;  // the value was given with --set or chosen by a tune block
  template <class A> void fields(A&& a) { a("head", head); a("type", type); a("constraints", constraints); a("value", value); a("set", set); }
};

struct Schema {
  Head head;
  std::vector<Field> columns;
  template <class A> void fields(A&& a) { a("head", head); a("columns", columns); }
};

struct Source {  // source NAME: SCHEMA = csv("path", null = [...])
  Head head;
  std::string schema;
  Span schema_span;
  ExprId reader;
  std::string directory;  // of the imported file that declares it, relative to the spec; "" for the spec's own
  template <class A> void fields(A&& a) {
    a("head", head); a("schema", schema); a("reader", reader); a("directory", directory); a("schema_span", schema_span);
  }
};

struct Table {  // table NAME = RELATION |> step(…) { name = value … } |> …
  Head head;
  ExprId value;  // pipes; the record of a step is its last argument
  template <class A> void fields(A&& a) { a("head", head); a("value", value); }
};

struct Expect {  // expect SOURCE { conditions }
  Head head;     // head.name = the source
  std::vector<ExprId> conditions;
  template <class A> void fields(A&& a) { a("head", head); a("conditions", conditions); }
};

struct FeatureEntry {  // [name =] value; a bare column is its own name
  std::string name;    // "" when none was written
  Span name_span;
  ExprId value;
  std::string description;
  std::string doc;
  template <class A> void fields(A&& a) { a("name", name); a("value", value); a("description", description); a("doc", doc); a("name_span", name_span); }
};

struct Features {  // features NAME from SOURCE { entries }
  Head head;
  std::string source;
  Span source_span;
  std::vector<FeatureEntry> entries;
  template <class A> void fields(A&& a) { a("head", head); a("source", source); a("entries", entries); a("source_span", source_span); }
};

struct Split {  // split SOURCE { settings }
  Head head;    // head.name = the source
  std::vector<Setting> settings;
  template <class A> void fields(A&& a) { a("head", head); a("settings", settings); }
};

struct Model {  // model NAME = KIND { predict TARGET from FEATURES  settings }, { learn from FEATURES  measure against TRUTH  settings }
  Head head;
  std::string kind;
  Span kind_span;
  ExprId target;  // unknown when no predict line was written
  std::string features;
  Span features_span;
  ExprId truth;      // of `measure against`
  Span entry_span;   // of `predict`, or of `learn from`
  std::vector<Setting> settings;
  template <class A> void fields(A&& a) {
    a("head", head); a("kind", kind); a("target", target); a("features", features); a("truth", truth); a("settings", settings);
    a("kind_span", kind_span); a("features_span", features_span); a("entry_span", entry_span);
  }
};

struct TuneRange {  // depth in 3..8
  std::string name;
  Span name_span;
  ExprId values;   // a range, log(low, high) or a list
  template <class A> void fields(A&& a) { a("name", name); a("values", values); a("name_span", name_span); }
};
struct Tune {  // tune MODEL { ranges  maximize valid.auc  settings }
  Head head;   // head.name = the model
  std::vector<TuneRange> ranges;
  std::string direction;  // maximize | minimize; "" when not written
  ExprId objective;
  Span objective_span;    // of `maximize` or `minimize`
  std::vector<Setting> settings;
  bool settled = false;   // its values are chosen: nothing is left to try
  template <class A> void fields(A&& a) {
    a("head", head); a("ranges", ranges); a("direction", direction); a("objective", objective); a("settings", settings);
    a("settled", settled); a("objective_span", objective_span);
  }
};

struct Gate {
  GateKind kind = GateKind::require;
  ExprId condition;                // require; given … expect condition; invariant … within (unknown: 1%)
  std::vector<std::string> names;  // invariant a, b · monotone increasing a, b
  std::vector<Span> name_spans;
  std::string direction;           // increasing | decreasing
  ExprId given;                    // a record
  Span span;
  template <class A> void fields(A&& a) {
    a("kind", kind); a("condition", condition); a("names", names); a("name_spans", name_spans); a("direction", direction);
    a("given", given); a("span", span);
  }
};
struct Test {  // test MODEL { gates }
  Head head;   // head.name = the model
  std::vector<Gate> gates;
  template <class A> void fields(A&& a) { a("head", head); a("gates", gates); }
};

struct Deploy {  // deploy NAME serves MODEL { settings  serve on condition  budget { conditions } }
  Head head;
  std::string model;
  Span model_span;
  std::vector<Setting> settings;
  ExprId population;  // of `serve on`; unknown when not written
  std::vector<ExprId> budget;
  Span population_span, budget_span;
  template <class A> void fields(A&& a) {
    a("head", head); a("model", model); a("settings", settings); a("population", population); a("budget", budget); a("model_span", model_span);
    a("population_span", population_span); a("budget_span", budget_span);
  }
};

struct MonitorLevel {  // warn psi > 0.10
  std::string level;   // warn | alert
  ExprId condition;
  ExprId lasting;      // for 5m; unknown when not written
  Span span;
  template <class A> void fields(A&& a) { a("level", level); a("condition", condition); a("lasting", lasting); a("span", span); }
};
struct MonitorRule {    // drift x  warn …, alert …  ·  latency alert p99 > 5ms for 5m  ·  labels Churn by id within 45d
  std::string subject;  // drift | latency | labels | …
  std::string target;   // after drift: a features name or `prediction`; after labels: a column
  Span subject_span, target_span;
  std::string by;       // "" when not written
  Span by_span;
  ExprId within;        // unknown when not written
  std::vector<MonitorLevel> levels;
  template <class A> void fields(A&& a) {
    a("subject", subject); a("target", target); a("by", by); a("within", within); a("levels", levels);
    a("subject_span", subject_span); a("target_span", target_span); a("by_span", by_span);
  }
};
struct Monitor {  // monitor DEPLOY { rules }
  Head head;      // head.name = the deployment
  std::vector<MonitorRule> rules;
  template <class A> void fields(A&& a) { a("head", head); a("rules", rules); }
};

struct Parameter {
  std::string name;
  Span name_span;
  TypeRef type;
  ExprId fallback;  // unknown when the argument must be given
  template <class A> void fields(A&& a) { a("name", name); a("type", type); a("fallback", fallback); a("name_span", name_span); }
};
struct Function {  // fn NAME(parameters) -> type = expr | { let … expr } · extern fn NAME(parameters) -> type from "file.c"
  Head head;
  std::vector<Parameter> parameters;
  TypeRef result;  // name "" when not written
  ExprId body;         // unknown of an extern
  std::string file;    // of an extern, as written
  Span file_span;
  std::int32_t source = -1;  // of an extern: its text among the sources, once it is read
  bool external() const { return !file.empty(); }
  template <class A> void fields(A&& a) {
    a("head", head); a("parameters", parameters); a("result", result); a("body", body); a("file", file); a("source", source); a("file_span", file_span);
  }
};

// loss NAME(target, score, constants…) -> float [link NAME] = expr | { let … expr }
struct Loss {
  Function function;
  std::string link;  // "" when not written
  Span link_span;
  template <class A> void fields(A&& a) { function.fields(a); a("link", link); a("link_span", link_span); }
};

struct Layer : Function {  // layer NAME(input, settings…) -> type = expr | { let … expr }
};

enum class DeclKind { pipeline, schema, source, expect, features, split, model, test, deploy, monitor, function, import, param, tune, table, loss, layer };
struct DeclRef {  // order of declarations in the file
  DeclKind kind = DeclKind::pipeline;
  std::int32_t index = 0;
  template <class A> void fields(A&& a) { a("kind", kind); a("index", index); }
};

struct Comment {  // a // comment, kept for the formatter; also a /// line that documents nothing
  Span span;      // from // to the end of the line
  bool own_line = false;
  template <class A> void fields(A&& a) { a("own_line", own_line); a("span", span); }
};

struct File {
  std::int32_t source = -1;
  std::vector<Expr> exprs;
  std::vector<DeclRef> order;
  std::vector<Pipeline> pipelines;
  std::vector<Schema> schemas;
  std::vector<Source> sources;
  std::vector<Table> tables;
  std::vector<Expect> expects;
  std::vector<Features> features;
  std::vector<Split> splits;
  std::vector<Model> models;
  std::vector<Test> tests;
  std::vector<Deploy> deploys;
  std::vector<Monitor> monitors;
  std::vector<Function> functions;
  std::vector<Import> imports;
  std::vector<Param> params;
  std::vector<Tune> tunes;
  std::vector<Loss> losses;
  std::vector<Layer> layers;
  std::vector<Comment> comments;
  const Expr& operator[](ExprId id) const { return exprs[id.index]; }
};

// Appends the declarations and expressions of an imported file. Spans keep their source.
void append(File& file, const File& imported);
std::string print(const File& file);
File parse_text(std::string_view text);              // throws ir::TextError
std::vector<std::string> verify(const File& file);   // broken invariants; empty when whole

}  // namespace mlp::ast

namespace mlp::ir {
template <> struct enum_words<ast::ExprKind> {
  static constexpr std::string_view words[] = {"number", "string", "boolean", "null", "date", "name", "member", "list", "call", "unary", "binary", "conditional", "range", "pipe", "record", "index", "block"};
};
template <> struct enum_words<ast::ConstraintKind> { static constexpr std::string_view words[] = {"in", "compare", "matches", "one_of", "ordered", "zone", "from"}; };
template <> struct enum_words<ast::DeclKind> {
  static constexpr std::string_view words[] = {"pipeline", "schema", "source", "expect", "features", "split", "model", "test", "deploy", "monitor", "function", "import", "param", "tune", "table", "loss", "layer"};
};
}  // namespace mlp::ir
