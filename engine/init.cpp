#include "engine/init.h"

#include <algorithm>
#include <cctype>

#include "base/codes/data.h"
#include "base/codes/training.h"
#include "base/diagnostic.h"
#include "runtime/data/read.h"

namespace mlp::engine {
namespace {

bool plain_identifier(const std::string& name) {
  if (name.empty() || !(std::isalpha(static_cast<unsigned char>(name[0])) || name[0] == '_')) return false;
  // Words that start an entry or an expression are written in backticks, so that they always read as a column.
  static const std::vector<std::string> words = {"if", "then", "else", "true", "false", "null", "not", "and", "or", "let", "fn", "in", "predict", "pipeline", "schema", "source", "features", "split",
                                                 "model", "test", "deploy", "monitor", "expect", "require", "invariant", "monotone", "given", "each", "columns", "except", "train", "valid", "from", "budget", "drift", "serves", "matches", "one_of", "ordered", "zone", "within", "warn", "alert", "table", "tune", "loss", "layer", "import", "param", "extern"};
  if (std::find(words.begin(), words.end(), name) != words.end()) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
}
std::string column_name(const std::string& name) { return plain_identifier(name) ? name : "`" + name + "`"; }

std::string identifier(std::string text, const char* fallback) {
  for (char& c : text)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  while (!text.empty() && text.back() == '_') text.pop_back();
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) text = fallback + text;
  return plain_identifier(text) ? text : text + "_data";
}

std::string in_quotes(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else out += c;
  }
  return out + "\"";
}

std::string type_text(const Column& column) {
  static const char* const names[] = {"bool", "int", "float", "float32", "string", "category", "text", "id", "timestamp", "date", "duration", "image"};
  return std::string(names[static_cast<int>(column.type.scalar)]) + (column.type.nullable ? "?" : "");
}

bool names_a_target(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static const std::vector<std::string> known = {"target", "label", "class", "outcome"};
  return std::find(known.begin(), known.end(), name) != known.end();
}

// Can a model predict it?
bool predictable(const Column& column, std::int64_t distinct) {
  if (distinct < 2) return false;
  switch (column.type.scalar) {
    case Scalar::boolean: case Scalar::integer: case Scalar::real: case Scalar::real32: return true;
    case Scalar::category: return distinct <= 1000;
    default: return false;
  }
}

// The entries of a column in the features block, or "" when there is nothing to learn from it. `linear` and `kmeans` take numbers of
// one scale, and no nulls; bags of terms are for models with a target.
std::string feature_entries(const Column& column, std::int64_t distinct, ModelKind model) {
  const std::string name = column_name(column.name), base = identifier(column.name, "c_");
  const bool bare = model != ModelKind::linear && model != ModelKind::kmeans, null = column.type.nullable;
  const auto number = [&](const std::string& value) { return "  " + value + (bare ? "" : null ? " |> impute(median) |> standardize" : " |> standardize") + "\n"; };
  const auto part = [&](const char* suffix, const std::string& function) { return number(base + suffix + " = " + function + "(" + name + ")"); };
  switch (column.type.scalar) {
    case Scalar::boolean: return "  " + name + (bare || !null ? "" : " |> impute(false)") + "\n";
    case Scalar::integer: case Scalar::real: case Scalar::real32: return number(name);
    case Scalar::category: return "  " + name + (bare ? "" : distinct > 50 ? " |> one_hot(max_size = 50)" : " |> one_hot") + "\n";
    case Scalar::text: return (has_target(model) ? "  " + base + "_words = tf_idf(" + name + ", max_size = 10_000)\n" : "") + part("_length", "length");
    case Scalar::string: return part("_length", "length") + part("_words", "word_count");
    case Scalar::date: return part("_year", "year") + part("_month", "month") + part("_weekday", "weekday");
    case Scalar::timestamp: return part("_month", "month") + part("_weekday", "weekday") + part("_hour", "hour");
    default: return {};
  }
}

std::string model_block(ModelKind model, const std::string& name, bool two, bool few) {
  const std::string target = "  predict " + name + " from x\n" + (two ? "  loss          = logistic\n" : "");
  const std::string learned = std::string("  learn from x\n") + (name.empty() ? "" : "  measure against " + name + "\n");
  switch (model) {
    case ModelKind::gbdt: return "gbdt {\n" + target + "  trees         = 200\n  learning_rate = 0.1\n" + (few ? "" : "  early_stop    = 20\n");
    case ModelKind::linear: return "linear {\n" + target;
    case ModelKind::forest: return "forest {\n" + target + "  trees         = 200\n";
    case ModelKind::kmeans: return "kmeans {\n" + learned + "  clusters = " + (few ? "2" : "8") + "\n";
    case ModelKind::isolation_forest: return "isolation_forest {\n" + learned + "  contamination = 1%\n";
  }
  MLP_BUG("unknown kind of model");
}

}  // namespace

std::string write_spec(const std::filesystem::path& data_file, const FirstSpec& wanted) {
  const bool predicts = has_target(wanted.model);
  if (!(predicts ? wanted.measure : wanted.predict).empty())
    throw Failure(code::not_predictable, predicts ? "`--measure` is for models that predict no column" : "this model predicts no column, so `--predict " + wanted.predict + "` has no meaning",
                  predicts ? "choose `--model kmeans` or `--model isolation_forest`, or name the column with `--predict`" : "`--measure " + wanted.predict + "` measures the model against the column; or choose `--model gbdt`");
  const data::Profile profile = data::profile(data_file);
  std::vector<std::string> names;
  for (const Column& column : profile.columns) names.push_back(column.name);

  std::size_t target = names.size();  // or the truth that the model is measured against
  if (const std::string& named = predicts ? wanted.predict : wanted.measure; !named.empty()) {
    target = std::find(names.begin(), names.end(), named) - names.begin();
    if (target == names.size()) {
      const std::string near = nearest(named, names);
      throw Failure(code::data_column_missing, "`" + data_file.string() + "` has no column `" + named + "`", near.empty() ? "" : "did you mean `" + near + "`?");
    }
    const Scalar type = profile.columns[target].type.scalar;
    if (predicts ? !predictable(profile.columns[target], profile.distinct[target])
                 : type != Scalar::boolean && (wanted.model == ModelKind::isolation_forest || (type != Scalar::category && type != Scalar::integer)))
      throw Failure(code::not_predictable, "`" + named + "` cannot be " + (predicts ? "predicted" : "measured against") + ": it is " + (profile.distinct[target] < 2 ? "the same in every row" : "of type `" + type_text(profile.columns[target]) + "`"),
                    predicts ? "choose a number, a yes-or-no or a category column with `--predict`" : wanted.model == ModelKind::kmeans ? "choose a category, yes-or-no or whole-number column with `--measure`" : "choose a yes-or-no column with `--measure`, or write the condition into the spec: `measure against kind == \"odd\"`");
  } else if (predicts) {
    for (std::size_t i = 0; i < names.size() && target == names.size(); ++i)
      if (names_a_target(names[i]) && predictable(profile.columns[i], profile.distinct[i])) target = i;
    for (std::size_t i = names.size(); i-- > 0 && target == names.size();)
      if (predictable(profile.columns[i], profile.distinct[i])) target = i;
    if (target == names.size())
      throw Failure(code::not_predictable, "no column of `" + data_file.string() + "` can be predicted: each is an identifier, free text, or the same in every row", "`--model kmeans` and `--model isolation_forest` need none");
  }

  const Column goal = target < names.size() ? profile.columns[target] : Column{};
  const std::string stem = data_file.stem().extension() == ".csv" ? data_file.stem().stem().string() : data_file.stem().string();
  const std::string pipeline = identifier(stem, "data_");
  const bool classes = predicts && (goal.type.scalar == Scalar::boolean || goal.type.scalar == Scalar::category);
  const bool two = classes && goal.type.scalar == Scalar::category && profile.distinct[target] == 2;

  std::size_t longest = 0;
  for (const std::string& name : names) longest = std::max(longest, column_name(name).size());
  std::string schema, features;
  for (std::size_t i = 0; i < profile.columns.size(); ++i) {
    Column column = profile.columns[i];
    if (i == target && predicts) column.type.nullable = false;  // rows without it cannot be learned from
    std::string name = column_name(column.name);
    name.resize(longest, ' ');
    schema += "  " + name + " : " + type_text(column);
    if (!column.true_word.empty()) schema += " from (" + in_quotes(column.true_word) + ", " + in_quotes(column.false_word) + ")";
    schema += "\n";
    if (i == target) continue;
    if (profile.distinct[i] > 1) features += feature_entries(column, profile.distinct[i], wanted.model);
  }
  if (features.empty()) throw Failure(code::not_predictable, "`" + data_file.string() + "` has no column to " + (predicts ? "predict `" + goal.name + "`" : "learn") + " from: each is an identifier, or the same in every row");

  std::string nulls;
  for (const std::string& word : profile.source.null_words) nulls += (nulls.empty() ? "" : ", ") + in_quotes(word);
  std::string options = ", null = [" + nulls + "]";
  if (profile.source.delimiter != "," && !profile.source.delimiter.empty()) options += ", delimiter = " + in_quotes(profile.source.delimiter);
  if (!profile.source.header) options += ", header = false";
  const std::string drop = predicts && goal.type.nullable ? ", on_violation = drop" : "";
  options += drop;
  static const char* const readers[] = {"csv", "parquet", "jsonl"};
  if (profile.source.format != Format::csv) options = drop;

  std::error_code ignored;
  const std::filesystem::path absolute = std::filesystem::absolute(data_file, ignored);
  const std::filesystem::path from = std::filesystem::absolute(wanted.directory.empty() ? "." : wanted.directory, ignored);
  std::filesystem::path relative = absolute.lexically_normal().lexically_relative(from.lexically_normal());
  if (relative.empty() || std::distance(relative.begin(), relative.end()) > 8) relative = absolute;

  std::string out;
  out += "// Written by `mlp init` from " + std::to_string(profile.rows) + " rows. It trains as it stands; make it yours.\n";
  out += "pipeline " + pipeline + "\n\n";
  out += "schema Row {\n" + schema + "}\n\n";
  out += "source rows_in: Row = " + std::string(readers[static_cast<int>(profile.source.format)]) + "(" + in_quotes(relative.string()) + options + ")\n\n";
  out += "features x from rows_in {\n" + features + "}\n\n";
  const bool few = profile.rows < 100;  // too few for three parts: every fifth row is the test
  if (few) out += "split rows_in { by = every(5), valid = 0 }\n\n";
  else if (!predicts) out += "split rows_in { train = 80%, valid = 0, test = 20%, by = random }\n\n";
  else out += "split rows_in { train = 70%, valid = 15%, test = 15%, by = " + (classes ? "stratified(" + column_name(goal.name) + ")" : std::string("random")) + " }\n\n";
  const std::string model = predicts ? "predictor" : wanted.model == ModelKind::kmeans ? "segments" : "odd";
  out += "model " + model + " = " + model_block(wanted.model, goal.name.empty() ? "" : column_name(goal.name), two, few) + "}\n\n";
  out += "deploy " + pipeline + "_api serves " + model + " {\n  http = listen(8080)\n}\n\n";
  out += "monitor " + pipeline + "_api {\n  drift x warn psi > 0.10, alert psi > 0.25\n}\n";
  return out;
}

}  // namespace mlp::engine
