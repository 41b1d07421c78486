// The checker: one object that goes once through the declarations of a spec and fills in a sem::Module.
// Methods stand in one file per concern, named above each group. An error is reported once: its value is poison.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/check/check.h"
#include "compiler/check/literals.h"
#include "compiler/check/operand.h"
#include "compiler/check/relation.h"
#include "stdlib/builtins/builtins.h"

namespace mlp::checking {

// A function of the language and the file that it stands in.
struct FunctionRef {
  const ast::File* file = nullptr;
  const ast::Function* function = nullptr;
  bool library = false;
};

class Elaborator;

// A loss of the language and the file that it stands in.
struct LossRef {
  const ast::File* file = nullptr;
  const ast::Loss* loss = nullptr;
  bool library = false;
};

struct Argument {
  std::string name;  // "" when positional
  Span name_span;
  Operand value;
};

std::string listed(const std::vector<std::string>& names);  // `a`, `b`, …
// A param while it is checked. Its type and constraint are those of a column; poison: reported, whoever names it is silent.
struct ParamValue {
  bool poison = false;
  Column column;
  ast::Expr literal;
  Span span, value_span;
};

std::optional<Compare> comparison(const std::string& text);  // < <= > >= == !=
std::string spelled_operator(std::string_view callee);          // add → +

class Checker {
  friend class Elaborator;  // evaluates the layers of a network; errors and places are the checker's

 public:
  Checker(const SourceMap& sources, const ast::File& file, const std::vector<ast::File>& library, Diagnostics& diagnostics,
          Meaning* meaning = nullptr);
  sem::Module run();

 private:
  // ---- declarations.cpp: which declarations there are, and how they hang together
  void find_functions();
  void check_unused_functions();
  bool refers(const std::string& name, Span span, const std::string& wanted, const char* what);

  // ---- params.cpp: values that can be set from outside
  void check_params();
  bool take_param(ParamValue& value, ast::ExprId id, bool set);
  const ast::Expr& substituted(const ast::Expr& name) const;

  // ---- schema.cpp: columns, constraints, attributes
  void check_schema(const ast::Schema& schema);
  void check_schema_of(const ast::Source& source);
  void check_field(const ast::Field& field);
  bool take_image(const ast::TypeRef& type, ImageShape& shape);
  void check_constraint(Column& column, const ast::Constraint& constraint);

  // ---- tables.cpp: sources and tables, and the steps between them
  struct StepArguments {
    std::vector<ast::ExprId> positional;
    std::vector<ast::Setting> settings;
    const ast::Expr* record = nullptr;
  };
  void check_relations();
  void declare_relation(Relation relation);
  const Relation* find_relation(const std::string& name, Span span);  // reports
  void take_relation(const Relation& relation);
  void check_expect_of(const Relation& relation, const ast::Expect& expect);
  StepId add_step(QueryStep step);
  std::optional<Relation> eval_relation(ast::ExprId id);              // nothing: reported
  StepArguments arguments_of(const ast::Expr& e);
  bool takes(const ast::Expr& e, const StepArguments& args, std::size_t least, std::size_t most, bool record, const char* example);
  ColumnId column_in(const Relation& relation, const ast::Expr& e, const std::string& what);
  bool check_key(const Column& column, Span span);
  bool check_order(const Column& column, Span span, bool present);
  bool take_keys(ast::ExprId id, const Relation& left, const Relation* right, std::vector<QueryKey>& into);
  void pass_through(const Relation& relation, QueryStep& step);
  Relation finish_step(Relation out, QueryStep step);
  std::optional<Relation> step_filter(Relation in, const ast::Expr& e);
  std::optional<Relation> step_select(Relation in, const ast::Expr& e);
  std::optional<Relation> step_join(Relation left, const ast::Expr& e);
  std::optional<Relation> step_group(Relation in, const ast::Expr& e);
  std::optional<Relation> step_union(Relation in, const ast::Expr& e, std::size_t from);
  std::optional<Relation> step_distinct(Relation in, const ast::Expr& e);

  // ---- table_expressions.cpp: expressions inside of a step
  bool in_scope(const Relation& in, QueryStep& step, bool aggregating, const std::function<bool()>& body);
  std::optional<ir::ExprId> row_value(Operand& operand, const std::string& what);
  std::vector<ColumnId> present_where(ir::ExprId condition) const;
  void strict_columns(ir::ExprId id, std::set<ColumnId>& into) const;
  QueryExprId translate(ir::ExprId id, Span written);                 // unknown: reported
  static QueryExprId add_query(QueryStep& step, QueryExpr expr);
  static QueryExprId column_of(QueryStep& step, ColumnId column, Type type);
  bool add_column(Relation& out, Column column, Origins from, Span at);
  bool add_entry(Relation& out, QueryStep& step, const ast::Setting& entry);
  bool add_value(Relation& out, QueryStep& step, const ast::Setting& entry, Operand o);
  bool add_lags(Relation& out, QueryStep& step, const ast::Setting& entry);
  std::vector<ColumnId> nearer_lags(StepId step, ColumnId column) const;
  std::optional<std::int64_t> order_distance(ast::ExprId id, const Column& order, const std::string& name);
  bool is_step_aggregate(const std::string& name, const ast::Expr& call, bool piped) const;
  Operand step_aggregate(const ast::Expr& e, const Operand* piped);

  // ---- source.cpp: the reader, expectations, the split
  void check_source(const ast::Source& source);  // into module_.source
  std::optional<std::string> constant_text(ast::ExprId id) const;
  void check_expect(const ast::Expect& expect);
  void check_split(const ast::Split& split);
  bool take_gap(const ast::Expr& gap, const Column& column);
  bool take_folds(const ast::Setting& setting);

  // ---- expressions.cpp: one expression of the language → operands over sem expressions
  Operand eval(ast::ExprId id);
  Operand eval_node(const ast::Expr& e);
  Operand eval_name(const ast::Expr& e);
  Operand eval_number(const ast::Expr& e);
  Operand eval_binary(const ast::Expr& e);
  Operand eval_pipe(const ast::Expr& e);
  Operand eval_block(const ast::Expr& e);
  Operand eval_index(const ast::Expr& e);
  Operand select(const std::vector<Operand>& parts, Span span);
  bool need_value(Operand& operand, const std::string& what);  // poison and reported when it is a function, a one-hot or a bag
  ir::ExprId add(ir::Expr expr);
  ir::ExprId constant(Type type, Value value, Span span);
  ir::ExprId real_constant(double value, Span span);
  ir::ExprId convert(ir::ExprId id, Scalar to);        // unknown when there is no implicit conversion
  ir::ExprId to_real(ir::ExprId id);                   // int or bool → float
  int conversion_cost(const ir::Expr& from, Scalar to) const;  // -1: none
  ir::ExprId fold(std::string_view callee, const std::vector<ir::ExprId>& args, Type type, Span span);  // unknown: not constant
  static Operand poison() { Operand p; p.poison = true; return p; }
  static Operand value(ir::ExprId id, Span span) { Operand o; o.items.push_back({id, ir::Encoding::number, {}, {}, {}}); o.span = span; return o; }

  // ---- functions.cpp: calls of builtins, of the library and of the spec's own functions
  Operand call(const std::string& name, bool library_scope, std::vector<Argument> args, Span span, Span name_span);
  Operand call_builtin(std::string_view name, const std::vector<Argument>& args, Span span, Span name_span, bool& matched, bool report);
  Operand call_function(const std::string& name, const std::vector<FunctionRef>& overloads, const std::vector<Argument>& args, Span span,
                        Span name_span);
  Operand inline_function(const FunctionRef& ref, std::vector<Operand> bound, Span span);
  std::optional<int> match(const FunctionRef& ref, const std::vector<Argument>& args, std::vector<const Argument*>& bound);
  Operand map_over(const std::vector<Argument>& args, Span span, const std::function<Operand(std::vector<Argument>)>& each);
  const std::vector<FunctionRef>* find_function(const std::string& name, bool library_scope) const;
  bool is_function(const std::string& name, bool library_scope) const;
  std::vector<std::string> function_names() const;
  std::string describe(const std::vector<Argument>& args) const;
  std::string conversion_help(std::string_view name, const std::vector<Argument>& args, const std::string& form) const;
  void check_equality(const Operand& a, const Operand& b);
  bool refuse_constants(std::string_view name, const std::vector<ir::ExprId>& args, const std::vector<const Argument*>& bound, Span span);

  // ---- ordered.cpp: labels with a declared order
  const std::vector<std::string>* order_of(ir::ExprId id) const;      // nullptr: none
  const Column* ordered_column(ir::ExprId id) const;
  Operand rank_of(ir::ExprId v, const std::vector<std::string>& labels, bool open, Span span);
  std::optional<Operand> compare_ordered(std::string_view name, const std::vector<Argument>& args, Span span);  // reports
  Operand expand_rank(std::vector<Argument> args, Span span, Span name_span);

  // ---- externals.cpp: functions of C
  bool check_external(const ast::Function& f);  // reports
  Operand call_external(const FunctionRef& ref, std::vector<Operand> bound, Span span);

  // ---- zones.cpp: time zones by name
  std::optional<std::string> zone_rules(const std::string& name, Span span);  // reports
  std::optional<Operand> call_in_zone(const Builtin& row, std::string_view name, const std::vector<const Argument*>& bound, Span span, Span name_span);

  // ---- vectors.cpp: what the checker itself expands
  bool is_expanded(const std::string& name) const;
  Operand expand(const std::string& name, std::vector<Argument> args, Span span, Span name_span);
  Operand expand_each(const std::vector<Argument>& args, Span span);
  Operand expand_columns(const std::vector<Argument>& args, Span span);
  Operand expand_except(const std::vector<Argument>& args, Span span);
  Operand expand_one_hot(const std::vector<Argument>& args, Span span);
  Operand expand_quantiles(const std::vector<Argument>& args, Span span);
  Operand expand_bucketize(const std::vector<Argument>& args, Span span);
  bool selectable(ColumnId column) const;

  // ---- bags.cpp: texts as bags of terms
  static bool makes_bag(std::string_view name);
  bool is_word_of_bag(const ast::Expr& call, const std::string& parameter, const ast::Expr& argument) const;
  Operand expand_bag(const std::string& name, const std::vector<Argument>& args, Span span);
  Operand expand_image(const Operand& column, std::int64_t size);
  void select(const ast::Expr& name, Operand& into);
  Operand expand_tokens(const std::vector<Argument>& args, Span span);

  // ---- features.cpp: entries, encodings, leakage
  void check_features(const ast::Features& features);
  void check_entry(const ast::FeatureEntry& entry);
  void add_feature(const ast::FeatureEntry& entry, std::string name, Span name_span, const Item& item);
  void check_taints(const ir::Feature& feature, Span name_span);
  ir::ExprId personal_in(ir::ExprId root) const;
  bool refuse_personal(ir::ExprId root, std::string message, Span span);  // reports
  bool shares_origin(ColumnId column) const;
  bool encode(ir::Feature& feature, const Item& item, Span value_span);
  void check_fits_model(const ir::Feature& feature, Span value_span);
  void check_scales();

  // ---- leakage.cpp: what a spec must keep apart
  void check_parts(const ast::Split* written, const ast::Source* source);
  void check_population(const ast::Deploy& deploy);
  bool asks_for_rows(const ast::Expr& call);                       // reports
  bool chooses_by_data(const std::string& name, Span span);        // reports
  std::string spell_name(const std::string& name) const;           // of a column, in backticks where it needs them

  // ---- ranges.cpp: divisors that may be 0, logarithms of what may be negative
  void check_ranges();
  void note_risk(ir::ExprId id, Span span, Span name_span, const std::vector<const Argument*>& args);

  // ---- units.cpp: moments, spans of time and numbers
  bool units_clash(std::string_view callee, const std::vector<Argument>& args, Span span);  // reports

  // ---- model.cpp: target, settings
  void check_target(const ast::Model& model);
  void check_truth(const ast::Model& model);
  void check_model(const ast::Model& model);
  void check_monotone(const ast::Setting& setting, std::vector<std::string>& into);

  // ---- tune.cpp: what is tried, and what judges it
  void check_tune(const ast::Tune& tune, const ast::Model& model);
  void check_range(const ast::TuneRange& range, const ast::Model& model, Tune& into);
  // ---- losses.cpp: the loss of a model, builtin or written in the language
  void find_losses();
  void check_unused_losses();
  void check_loss(const ast::Setting* setting);
  void check_custom_loss(const ast::Expr& written, const LossRef& ref);
  void check_class_loss(const ast::Expr& written, const LossRef& ref);
  bool takes_two_classes(const std::string& loss, Span span);
  bool check_loss_head(const ast::Loss& loss);
  // Value and derivatives with the target and score as inputs; unknown when something was reported.
  ir::LossFunction derive_loss(const LossRef& ref, std::vector<Argument> constants, Span span, Span name_span);

  // ---- network.cpp: layers, and the network of a model made of them
  void find_layers();
  const FunctionRef* find_layer(const std::string& name, bool library_scope) const;  // nullptr: none
  std::vector<std::string> layer_names() const;
  bool outside_of_network(const std::string& name, Span span);                       // reports
  void check_network(const ast::Model& model, const ast::Setting* layers, const ast::Setting* loss);
  void check_optimizer(const ast::Setting* setting, const ast::Setting* rate);
  ir::TensorId loss_tensors(Elaborator& e, ir::ExprId root, ir::TensorId score, ir::TensorId target);
  ir::TensorId loss_of(Elaborator& e, ir::TensorId score, ir::TensorId target, Span span);

  // ---- gates.cpp: test blocks
  void check_test(const ast::Test& test);
  void check_require(const ast::Gate& gate);
  void check_given(const ast::Gate& gate);
  bool check_expected(Gate& gate, const std::string& what, ast::ExprId value);
  bool feeds_feature(ColumnId id) const;
  bool check_metric(const ast::Expr& member, MetricScope& scope, std::string& metric);
  bool answer_known() const { return kind_known_ && (!has_target(module_.model.settings.kind) || module_.model.target.known()); }  // else reported

  // ---- deploy.cpp: deployment and monitoring
  void check_deploy(const ast::Deploy& deploy);
  void check_monitor(const ast::Monitor& monitor);

  // ---- settings.cpp: values of settings, reporting
  struct Option {  // a setting that a block knows
    const char* name;
    std::function<void(const ast::Setting&)> take;
  };
  // False when a setting was not known.
  bool take_settings(const std::vector<ast::Setting>& settings, const std::vector<Option>& options, const std::string& block,
                     const std::vector<std::pair<const char*, const char*>>& aliases = {});
  std::optional<double> number(ast::ExprId id);                   // a constant number, percentages as fractions; no report
  std::optional<std::int64_t> whole(ast::ExprId id);
  std::optional<Value> typed_value(const ast::Expr& e, const Column& column);  // reports what does not fit
  ColumnId find_column(const std::string& name) const;
  ColumnId column_named(const ast::Expr& e, const std::string& what);  // reports
  ColumnId column_named(const std::string& name, Span span);
  // A place in the text, as the user has to see it: within the library, the call that leads there.
  struct Place {
    Span span;
    std::vector<Label> also;
  };
  Place place(Span span) const;
  Diagnostic& report(Code code, std::string message, Span span, std::string label = {});
  void suggest_name(Diagnostic& d, Span span, const std::string& wanted, const std::vector<std::string>& candidates);
  std::vector<std::string> column_names() const;
  Span callee_span(const ast::Expr& e) const;  // the name in a call; the whole of anything else
  std::string text(Span span) const { return std::string(sources_.text(span)); }
  const ast::Expr& node(ast::ExprId id) const {
    const ast::Expr& e = (*frame_->file)[id];
    return e.kind == ast::ExprKind::name && !params_.empty() ? substituted(e) : e;
  }
  Type type_of(ir::ExprId id) const { return module_.exprs[id.index].type; }
  ir::Stage stage_of(ir::ExprId id) const { return module_.exprs[id.index].stage; }
  std::string show(const Type& type) const { return "`" + spell(type) + "`"; }

  // ---- meaning.cpp: what editors ask for; nothing where nobody asked, nor in the text of the library
  void mean(Span at, Meaning::Kind kind, const std::string& name, Span declared);
  void mean_feature(const std::string& name, Span at);
  void mean_called(const std::string& name, Span at);                // the function that a name stands for, before overloads
  void mean_layer(const std::string& name, Span at);                 // in a layer, or in the chain of a network
  void mean_function(const FunctionRef& ref, Span at, const std::vector<Argument>& args);
  void mean_value(Span at, const Operand& value);

  void sweep();  // leaves only the expressions that the module uses

  // Walks the expressions behind `root` down to the columns; does not enter where `enter` says no.
  void walk(ir::ExprId root, const std::function<bool(ir::ExprId)>& enter) const;
  std::vector<ColumnId> columns_of(ir::ExprId root) const;

  const SourceMap& sources_;
  const ast::File& file_;
  const std::vector<ast::File>& library_;
  Diagnostics& out_;
  Diagnostics found_;
  sem::Module module_;
  Frame root_;
  const Frame* frame_ = nullptr;
  int depth_ = 0;
  bool in_features_ = false;                             // selectors have a meaning, and features a name
  bool too_large_ = false;
  int unreachable_ = 0;                                  // > 0 in a branch that a constant condition never takes
  std::map<std::string, std::vector<FunctionRef>> own_functions_, library_functions_;
  std::map<std::string, FunctionRef> own_layers_, library_layers_;
  std::set<std::string> broken_functions_;               // own functions and layers with an error in their signature: calls stay silent
  std::set<const ast::Function*> used_functions_;
  std::map<std::string, LossRef> losses_;                // the library's, hidden by those of the spec
  const LossRef* class_loss_ = nullptr;                  // of a network: a loss over the scores of all classes, and where it is called
  const ast::Expr* class_loss_call_ = nullptr;
  std::set<std::string> broken_losses_;                  // with an error in their head
  std::set<ir::ExprId> laundered_;                       // results of hash_id and redact: no longer personal
  struct Risk {                                          // a call that has no result for some arguments
    Place place;
    Span name_span;
    std::vector<Span> args;                              // as written
    bool mendable = false;                               // stands in the spec itself
  };
  std::map<ir::ExprId, Risk> risks_;
  Span population_span_;
  std::map<std::string, Operand> feature_values_;        // by name, for later entries
  std::map<std::string, Span> feature_spans_;
  std::map<std::string, Span> feature_entries_;          // places of the names that entries were given
  bool network_inputs_ok_ = true;                        // no feature was refused by the network
  std::set<std::string> poisoned_features_;              // names of features with errors
  std::map<std::string, ColumnId, std::less<>> columns_;
  bool schema_ok_ = false;
  std::map<std::string, ParamValue> params_;
  mutable std::map<const ast::Expr*, ast::Expr> literals_;  // of params, by the name that is replaced
  std::set<std::string> data_params_;                    // that decide what is read, split and predicted
  std::vector<Relation> relations_;                      // sources and tables, where there are tables
  std::vector<Origins> origins_;                         // of the module's columns, where they are those of a table
  StepScope* step_scope_ = nullptr;                      // the step of a table whose expressions are being checked
  mutable std::vector<std::uint32_t> seen_;              // of walk: the last walk that met each expression
  mutable std::uint32_t walks_ = 0;
  bool has_valid_ = true, has_test_ = true;              // parts of the split
  std::string model_name_;
  Type target_type_;                                     // as written, before an int becomes a float
  bool kind_known_ = true;                               // of the model
  Meaning* meaning_ = nullptr;
  Span declaration_;                                     // that is being checked
};

}  // namespace mlp::checking
