// The stages of a pipeline, what each reads of the spec, and what it costs when that changes. The facts of a stage are in
// canonical form, so they tell a change of meaning from a change of text; keys of cached results and the reasons that
// `mlp plan` gives come from the same list.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/driver/driver.h"

namespace mlp::driver {

// What a change costs, in rising weight: nothing, putting the package together again, reading rows, training, callers.
enum class Class { no_op, relink, refit, retrain, breaking };
std::string_view spell(Class c);

enum class Stage { read, expect, tune, split, fit, train, calibrate, measure, test, monitor, link, request, response };
struct StageInfo {
  Stage stage;
  std::string_view name;
  Class when_changed;      // its class when it has to be made again
  bool of_rows;            // made from rows, and kept in the cache
  std::string_view makes;
};
inline constexpr std::array<StageInfo, 13> stages = {{
    {Stage::read, "read", Class::refit, true, "the rows of the source, checked against the schema"},
    {Stage::expect, "expect", Class::refit, true, "the expectations, checked"},
    {Stage::tune, "tune", Class::retrain, true, "the values that a tune block chooses, by trials; no stage of a spec without one"},
    {Stage::split, "split", Class::refit, true, "the parts, with target and weight of each row"},
    {Stage::fit, "fit", Class::refit, true, "the statistics of the train rows"},
    {Stage::train, "train", Class::retrain, true, "the model"},
    {Stage::calibrate, "calibrate", Class::refit, true, "the calibration of probabilities; no stage of a model without it"},
    {Stage::measure, "measure", Class::refit, true, "metrics, and the distributions that drift is measured against"},
    {Stage::test, "test", Class::relink, false, "the lines that `mlp test` holds the model to"},
    {Stage::monitor, "monitor", Class::relink, false, "the thresholds of monitoring"},
    {Stage::link, "link", Class::relink, false, "names, descriptions, port and budget of the package and its artifact"},
    {Stage::request, "request", Class::breaking, false, "the columns that a request holds"},
    {Stage::response, "response", Class::breaking, false, "what a prediction looks like"},
}};
inline const StageInfo& info(Stage stage) { return stages[static_cast<std::size_t>(stage)]; }

// A step of a table.
struct Cause {
  std::string what;   // `filter` of table `paid`
  std::string shown;  // as written
  Span span;
};

// One thing that a stage depends on.
struct Fact {
  std::string what;   // as a person calls it: `learning_rate`, column `tenure`, feature `spend`
  std::string canon;  // equal exactly when the meaning is equal
  std::string shown;  // as written, or its default
  Span span;          // where it is written; unknown for a default
  std::vector<Cause> behind;  // the steps that a row or a column of a table comes from: reasons, when what they make differs
};

// Whether the stage makes anything for this unit: trials only where there is a tune block, calibration where the model asks for it.
bool makes(const Unit& unit, Stage stage);

// What a stage reads of a planned unit, what the stages before it read for it included. No order. Of a unit whose tune block
// is not settled, the stages that follow it have its facts.
std::vector<Fact> facts(const Unit& unit, Stage stage);

// Whether a stage depends on what the tune block chooses. It is made anew whenever the trials are run.
bool follows_tune(const flow::Program& program, Stage stage);

}  // namespace mlp::driver
