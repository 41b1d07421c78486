// A whole session, from the first message to the last, and every kind of question on the way.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/unit/lsp/client.h"

namespace mlp::lsp_test {
namespace {

const std::string spec = R"(pipeline churn "Who leaves"

/// A customer.
schema Customer {
  id       : id
  tenure   : int     in 0..120   "months with us"
  spend    : float?  >= 0
  plan     : category one_of ("basic", "pro")
  leaves   : bool    from ("Yes", "No")
}

source customers: Customer = csv("customers.csv")

/// Months as years.
fn years(v: int, per: float = 12) -> float {
  let months = to_float(v)
  months / per
}

features x from customers {
  tenure
  plan
  loyal = years(tenure, per = 12)
  paid  = spend |> impute(median) |> standardize
  more  = paid + loyal
}

split customers { train = 70%, valid = 15%, test = 15%, by = hash(id) }

model churn = gbdt {
  predict leaves from x
  trees      = 20
  increasing = [loyal]
}

test churn {
  require test.auc >= 0.1
  invariant plan within 90%
  given { plan = "pro" } expect prediction >= 0
}
)";

struct LspSession : testing::Test {
  LspSession() : directory(std::filesystem::temp_directory_path() / ("mlp_lsp_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory);
    uri = "file://" + (directory / "churn.mlp").string();
  }
  ~LspSession() override { std::filesystem::remove_all(directory); }

  void start(const std::string& text = spec) {
    client.initialize({{"textDocument", {{"completion", {{"completionItem", {{"snippetSupport", true}}}}}}}}, {{"libraryDocuments", true}});
    client.open(uri, text);
  }
  Json at(const Json& place) const { return {{"textDocument", {{"uri", uri}}}, {"position", place}}; }
  std::string hover(const std::string& anchor, const std::string& what = {}) {
    const Json answer = client.result("textDocument/hover", at(position(spec, anchor, what)));
    return answer.is_null() ? "" : answer["contents"]["value"].get<std::string>();
  }
  // The labels offered where `¦` stands in `line`, which is put in front of the line that holds `before`.
  std::set<std::string> offered(const std::string& before, const std::string& line) {
    std::string text = spec;
    const std::size_t start = text.find(before) == 0 ? 0 : text.rfind('\n', text.find(before)) + 1, bar = line.find("¦");
    std::string shown = line;
    shown.erase(bar, 2);
    text.insert(start, shown + "\n");
    client.change(uri, {whole(text)}, ++version);
    std::set<std::string> labels;
    const Json list = client.result("textDocument/completion", at(position_at(text, start + bar)));
    for (const Json& item : list["items"]) labels.insert(item["label"]);
    signature = client.result("textDocument/signatureHelp", at(position_at(text, start + bar)));
    return labels;
  }
  std::set<std::string> places(const Json& list) {
    std::set<std::string> out;
    for (const Json& l : list) out.insert(std::to_string(l["range"]["start"]["line"].get<int>()) + ":" + std::to_string(l["range"]["start"]["character"].get<int>()));
    return out;
  }
  std::string place(const std::string& anchor, const std::string& what = {}) {
    const Json p = position(spec, anchor, what);
    return std::to_string(p["line"].get<int>()) + ":" + std::to_string(p["character"].get<int>());
  }

  std::filesystem::path directory;
  std::string uri;
  Client client;
  std::int64_t version = 1;
  Json signature;
};

TEST_F(LspSession, FromTheFirstMessageToTheLast) {
  start();
  EXPECT_EQ(client.diagnostics(uri, 1), Json::array());
  const std::size_t typed = spec.find("years(tenure") + 1;  // a letter goes in: yXears
  client.change(uri, {change_of(position_at(spec, typed), position_at(spec, typed), "X")}, 2);
  const Json found = client.diagnostics(uri, 2);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["code"], "E0202");
  EXPECT_EQ(found[0]["severity"], 1);
  EXPECT_EQ(found[0]["range"]["start"], position(spec, "years(tenure"));
  // The repair that the finding proposes makes it go away.
  const Json actions = client.result("textDocument/codeAction", {{"textDocument", {{"uri", uri}}}, {"range", found[0]["range"]}, {"context", {{"diagnostics", found}}}});
  ASSERT_EQ(actions.size(), 2u);  // this one, and all
  EXPECT_EQ(actions[0]["title"], "did you mean `years`?");
  EXPECT_EQ(actions[0]["diagnostics"], found);
  EXPECT_EQ(actions[1]["kind"], "source.fixAll.mlp");
  std::string text = spec;
  text.insert(typed, "X");
  text = applied(text, actions[0]["edit"]["changes"][uri]);
  EXPECT_EQ(text, spec);
  client.change(uri, {whole(text)}, 3);
  EXPECT_EQ(client.diagnostics(uri, 3), Json::array());
  EXPECT_EQ(client.result("shutdown", nullptr), nullptr);
  client.notify("exit", nullptr);
  EXPECT_EQ(client.finish(), 0);
}

// What is wrong in a file that the document brings in stands where it is brought in or declared, and says where it is.
TEST_F(LspSession, FaultsInOtherFiles) {
  std::ofstream(directory / "rate.c") << "double rate(double v) {\n  return v * w;\n}\n";
  std::ofstream(directory / "more.mlp") << "extern fn rate(v: float) -> float from \"rate.c\"\nfn twice(v: float) -> float = 2 * rat(v)\n";
  const std::string with_c = "extern fn rate(v: float) -> float from \"rate.c\"\n" + std::string(spec).replace(spec.find("paid + loyal"), 12, "rate(paid)  ");
  start(with_c);
  Json found = client.diagnostics(uri, 1);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["code"], "E0243");
  EXPECT_EQ(found[0]["range"]["start"], position(with_c, "extern fn rate", "rate"));
  const std::string folder = uri.substr(0, uri.rfind('/'));
  EXPECT_EQ(found[0]["relatedInformation"][0]["location"], (Json{{"uri", folder + "/rate.c"}, {"range", {{"start", {{"line", 1}, {"character", 13}}}, {"end", {{"line", 1}, {"character", 14}}}}}})) << found;
  const std::string with_import = "import \"more.mlp\"\n" + spec;
  client.change(uri, {whole(with_import)}, 2);
  found = client.diagnostics(uri, 2);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["range"]["start"], position(with_import, "\"more.mlp\""));  // nothing here calls it
  EXPECT_EQ(found[0]["relatedInformation"].size(), 1u);
  const std::string called = std::string(with_import).replace(with_import.find("paid + loyal"), 12, "twice(paid) ");
  client.change(uri, {whole(called)}, 3);
  found = client.diagnostics(uri, 3);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["code"], "E0202");
  EXPECT_EQ(found[0]["range"]["start"], position(called, "twice"));
  EXPECT_EQ(found[0]["relatedInformation"][0]["location"]["uri"], folder + "/more.mlp") << found;
  std::ofstream(directory / "more.mlp") << "fn twice(v: float) -> float = 2 *\n";
  client.change(uri, {whole(called + " ")}, 4);
  found = client.diagnostics(uri, 4);
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(found[0]["range"]["start"], position(called, "\"more.mlp\""));
}

TEST_F(LspSession, ModelsWithoutATarget) {
  std::string text = spec;
  const std::size_t from = text.find("model churn"), to = text.find("test churn");
  text.replace(from, to - from, "model churn = isolation_forest {\n  learn from x\n  measure against leaves\n  \n}\n\n");
  text.replace(text.find("prediction >= 0"), 15, "score < 1");
  start(text);
  EXPECT_EQ(client.diagnostics(uri, 1), Json::array());
  const auto labels = [&](std::size_t offset) {
    std::set<std::string> out;
    const Json list = client.result("textDocument/completion", at(position_at(text, offset)));
    for (const Json& item : list["items"]) out.insert(item["label"]);
    return out;
  };
  const std::set<std::string> entries = labels(text.find("  \n}\n\ntest") + 2);
  for (const char* name : {"learn from", "measure against", "trees", "sample", "contamination", "seed"}) EXPECT_TRUE(entries.count(name)) << name;
  for (const char* name : {"predict", "loss", "weight", "clusters"}) EXPECT_FALSE(entries.count(name)) << name;
  EXPECT_EQ(labels(text.find("from x\n  measure") + 5), (std::set<std::string>{"x"}));
  EXPECT_TRUE(labels(text.find("against leaves") + 8).count("leaves"));
  EXPECT_EQ(labels(text.find("expect score") + 7), (std::set<std::string>{"prediction", "score"}));
  const Json answer = client.result("textDocument/hover", at(position(text, "model churn", "churn")));
  EXPECT_NE(answer["contents"]["value"].get<std::string>().find("learns from `x`, measured against `leaves`"), std::string::npos) << answer;
}

TEST_F(LspSession, HoverSaysTypeStageNullsAndDocumentation) {
  start();
  EXPECT_NE(hover("tenure   :").find("`int` · stage `row` · never null"), std::string::npos);
  EXPECT_NE(hover("tenure   :").find("months with us"), std::string::npos);
  EXPECT_NE(hover("paid  =", "spend").find("`float?` · stage `row` · may be null"), std::string::npos);
  EXPECT_NE(hover("more  =", "paid").find("paid  = spend |> impute(median) |> standardize"), std::string::npos);
  EXPECT_NE(hover("more  =").find("from `tenure`, `spend`"), std::string::npos);
  EXPECT_NE(hover("loyal = years", "years").find("fn years(v: int, per: float = 12) -> float"), std::string::npos);
  EXPECT_NE(hover("loyal = years", "years").find("Months as years."), std::string::npos);
  EXPECT_NE(hover("impute").find("standard library"), std::string::npos);
  EXPECT_NE(hover("impute(median", "median").find("built in"), std::string::npos);
  EXPECT_NE(hover("let months").find("Months"), 0u);
  EXPECT_NE(hover("months / per", "per").find("parameter · `float` · stage `const`"), std::string::npos);
  EXPECT_NE(hover("months / per").find("name · `float` · stage `row`"), std::string::npos);
  EXPECT_NE(hover("model churn", "churn").find("predicts `leaves` from `x` · loss `logistic`"), std::string::npos);
  EXPECT_NE(hover("trees").find("default 100"), std::string::npos) << hover("trees");
  EXPECT_NE(hover("paid + loyal", "+").find("`float` · stage `row`"), std::string::npos);
  EXPECT_EQ(hover("\n\n/// A"), "");
}

TEST_F(LspSession, LayersOfNetworks) {
  const std::string net = R"(schema Row { a : float, y : bool }
source rows: Row = csv("rows.csv")
features x from rows { a |> standardize }
/// Twice as much.
layer twice(v: float[.., n]) -> float[.., n] = v * 2
model m = network {
  predict y from x
  layers = dense(8, relu) |> twice |> dense(1)
}
)";
  start(net);
  EXPECT_EQ(client.diagnostics(uri, 1), Json::array());
  const auto hover_at = [&](const std::string& anchor, const std::string& what) {
    const Json answer = client.result("textDocument/hover", at(position(net, anchor, what)));
    return answer.is_null() ? "" : answer["contents"]["value"].get<std::string>();
  };
  EXPECT_NE(hover_at("dense(8", "dense").find("layer dense(v: float[.., n], units: int, activation: fn = identity) -> float[.., units]"), std::string::npos);
  EXPECT_NE(hover_at("dense(8", "dense").find("standard library"), std::string::npos);
  EXPECT_NE(hover_at("|> twice", "twice").find("Twice as much."), std::string::npos);
  EXPECT_NE(hover_at("8, relu", "relu").find("fn relu(v: float) -> float"), std::string::npos);
  const Json declared = client.result("textDocument/definition", at(position(net, "|> twice", "twice")));
  EXPECT_EQ(declared["range"]["start"]["line"], 4);
  // Offered in the chain.
  std::string text = net;
  text.insert(text.find("twice |> dense(1)"), " |> ");
  client.change(uri, {whole(text)}, 2);
  std::set<std::string> labels;
  const Json list = client.result("textDocument/completion", at(position_at(text, text.find(" |>  |> twice") == std::string::npos ? text.find("|>  |> ") + 3 : text.find(" |>  |> ") + 4)));
  for (const Json& item : list["items"]) labels.insert(item["label"]);
  for (const char* name : {"dense", "dropout", "twice", "attention"}) EXPECT_TRUE(labels.contains(name)) << name;
}

TEST_F(LspSession, HoverShowsWhatTheLastRunFitted) {
  std::ofstream(directory / "churn.mlp") << spec;
  {
    std::ofstream data(directory / "customers.csv");
    data << "id,tenure,spend,plan,leaves\n";
    for (int i = 0; i < 400; ++i) data << 'c' << i << ',' << i % 60 << ',' << (i % 7 ? std::to_string(i % 50) : "") << ',' << (i % 3 ? "basic" : "pro") << ',' << (i % 60 < 20 ? "Yes" : "No") << '\n';
  }
  start();
  EXPECT_EQ(hover("paid  =").find("Fitted"), std::string::npos);  // no run yet
  const std::string train = MLP_BINARY_DIR "/mlp train -q --store " + directory.string() + " " + (directory / "churn.mlp").string() + " >/dev/null 2>&1";
  ASSERT_EQ(std::system(train.c_str()), 0);
  const std::string text = hover("paid  =");
  EXPECT_NE(text.find("Fitted on the train rows of run `"), std::string::npos) << text;
  EXPECT_NE(text.find("- `median(spend)` = "), std::string::npos) << text;
  EXPECT_NE(text.find("- `stddev("), std::string::npos) << text;
  EXPECT_NE(hover("plan\n  loyal").find("2 values: \"basic\", \"pro\""), std::string::npos) << hover("plan\n  loyal");
  EXPECT_NE(hover("model churn", "churn").find("- `test.auc` = "), std::string::npos);
}

TEST_F(LspSession, CompletionKnowsThePlace) {
  start();
  EXPECT_TRUE(offered("pipeline", "¦").count("features"));
  const std::set<std::string> expression = offered("  more", "  new = ¦");
  for (const char* name : {"tenure", "spend", "paid", "years", "impute", "log1p", "if"}) EXPECT_TRUE(expression.count(name)) << name;
  EXPECT_FALSE(expression.count("more"));  // further down
  EXPECT_FALSE(expression.count("add"));   // written +
  const std::set<std::string> piped = offered("  more", "  new = spend |> ¦");
  EXPECT_TRUE(piped.count("impute"));
  EXPECT_FALSE(piped.count("tenure"));
  EXPECT_EQ(offered("  trees", "  loss = ¦"), (std::set<std::string>{"squared", "logistic", "softmax", "poisson", "quantile"}));
  const std::set<std::string> settings = offered("  trees", "  ¦");
  for (const char* name : {"predict", "learning_rate", "early_stop", "increasing"}) EXPECT_TRUE(settings.count(name)) << name;
  EXPECT_FALSE(settings.count("tolerance"));  // of linear models
  EXPECT_TRUE(offered("  invariant", "  require test.¦").count("auc"));
  EXPECT_FALSE(offered("  invariant", "  require test.¦").count("rmse"));
  EXPECT_TRUE(offered("  spend    :", "  c : ¦").count("timestamp"));
  EXPECT_TRUE(offered("  spend    :", "  c : int @¦").count("@pii"));
  EXPECT_EQ(offered("  invariant", "  invariant ¦"), (std::set<std::string>{"id", "tenure", "spend", "plan", "leaves"}));
  EXPECT_EQ(offered("  invariant", "  given { plan = ¦ } expect prediction > 0"), (std::set<std::string>{"\"basic\"", "\"pro\""}));
  EXPECT_EQ(offered("split customers", "features y from ¦"), (std::set<std::string>{"customers"}));
  EXPECT_EQ(offered("split customers", "test ¦"), (std::set<std::string>{"churn"}));
  EXPECT_TRUE(offered("split customers", "split customers { by = ¦ }").count("stratified"));
  EXPECT_TRUE(offered("  months / per", "  let n = ¦").count("months"));
  EXPECT_FALSE(offered("  months / per", "  let n = ¦").count("tenure"));  // functions see their parameters only
  EXPECT_TRUE(offered("split customers", "deploy api serves churn { ¦ }").count("target"));
  EXPECT_EQ(offered("split customers", "deploy api serves churn { target = ¦ }"), (std::set<std::string>{"cpu", "cuda"}));
  EXPECT_TRUE(offered("split customers", "// ¦").empty());
}

TEST_F(LspSession, SignatureHelpFollowsCommasNamesAndPipes) {
  start();
  offered("  more", "  new = years(tenure, ¦");
  ASSERT_FALSE(signature.is_null());
  EXPECT_EQ(signature["signatures"][0]["label"], "years(v: int, per: float = 12) -> float");
  EXPECT_EQ(signature["activeParameter"], 1);
  offered("  more", "  new = years(per = ¦");
  EXPECT_EQ(signature["activeParameter"], 1);
  offered("  more", "  new = spend |> clamp(min(1, 2), ¦");
  ASSERT_FALSE(signature.is_null());
  EXPECT_EQ(signature["activeParameter"], 2);
  offered("  more", "  new = 1 + ¦");
  EXPECT_TRUE(signature.is_null());
}

TEST_F(LspSession, DefinitionReferencesAndHighlights) {
  start();
  const auto defined = [&](const std::string& anchor, const std::string& what) { return client.result("textDocument/definition", at(position(spec, anchor, what))); };
  EXPECT_EQ(defined("loyal = years", "tenure")["range"]["start"], position(spec, "tenure   :"));
  EXPECT_EQ(defined("loyal = years", "years")["range"]["start"], position(spec, "years(v"));
  EXPECT_EQ(defined("loyal = years", "per")["range"]["start"], position(spec, "per: float"));
  EXPECT_EQ(defined("more  =", "loyal")["range"]["start"], position(spec, "loyal = years"));
  EXPECT_EQ(defined("[loyal", "loyal")["range"]["start"], position(spec, "loyal = years"));
  EXPECT_EQ(defined("months / per", "months")["range"]["start"], position(spec, "months = to_float"));
  EXPECT_EQ(defined("test churn", "churn")["range"]["start"], position(spec, "model churn", "churn"));
  EXPECT_EQ(defined("given { plan", "plan")["range"]["start"], position(spec, "plan     :"));
  EXPECT_EQ(defined("hash(id", "id)")["range"]["start"], position(spec, "id       :"));
  const Json library = defined("impute", "impute");
  EXPECT_EQ(library["uri"], "mlp-library:/stdlib/missing.mlp");
  const std::string text = client.result("mlp/libraryDocument", {{"uri", library["uri"]}});
  EXPECT_EQ(library["range"]["start"], position(text, "fn impute(v: float?", "impute"));
  Json question = at(position(spec, "paid  ="));
  question["context"] = {{"includeDeclaration", true}};
  EXPECT_EQ(places(client.result("textDocument/references", question)), (std::set<std::string>{place("paid  ="), place("paid + loyal")}));
  question["context"]["includeDeclaration"] = false;
  EXPECT_EQ(places(client.result("textDocument/references", question)), (std::set<std::string>{place("paid + loyal")}));
  question["position"] = position(spec, "tenure   :");
  EXPECT_EQ(client.result("textDocument/references", question).size(), 2u);
  EXPECT_EQ(client.result("textDocument/documentHighlight", question).size(), 3u);
}

TEST_F(LspSession, RenameTakesEveryPlaceOrRefuses) {
  start();
  const auto rename = [&](const std::string& anchor, const std::string& what, const std::string& to) {
    Json question = at(position(spec, anchor, what));
    question["newName"] = to;
    return client.request("textDocument/rename", question);
  };
  const auto renamed = [&](const std::string& anchor, const std::string& what, const std::string& to) {
    const Answer answer = rename(anchor, what, to);
    EXPECT_TRUE(answer.error.is_null()) << answer.error;
    return answer.error.is_null() ? applied(spec, answer.result["changes"][uri]) : std::string();
  };
  const auto replaced = [](std::string text, const std::vector<std::pair<std::string, std::string>>& list) {
    for (const auto& [from, to] : list) text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_EQ(renamed("loyal = years", "loyal", "old"), replaced(spec, {{"loyal = years", "old = years"}, {"paid + loyal", "paid + old"}, {"[loyal]", "[old]"}}));
  EXPECT_EQ(renamed("fn years", "years", "Years gone"), replaced(spec, {{"fn years", "fn `Years gone`"}, {"loyal = years", "loyal = `Years gone`"}}));
  EXPECT_EQ(renamed("per = 12", "per", "by"), replaced(spec, {{"per: float", "by: float"}, {"months / per", "months / by"}, {"per = 12)\n", "by = 12)\n"}}));
  EXPECT_EQ(renamed("months / per", "months", "m"), replaced(spec, {{"let months", "let m"}, {"months / per", "m / per"}}));
  EXPECT_EQ(renamed("test churn", "churn", "m"), replaced(spec, {{"model churn", "model m"}, {"test churn", "test m"}}));
  EXPECT_EQ(renamed("features x", "x", "all"), replaced(spec, {{"features x", "features all"}, {"leaves from x", "leaves from all"}}));
  const auto refused = [&](const std::string& anchor, const std::string& what, const std::string& to, const std::string& why) {
    const Answer answer = rename(anchor, what, to);
    EXPECT_EQ(answer.error.value("code", 0), -32803) << what;
    EXPECT_NE(answer.error.value("message", "").find(why), std::string::npos) << answer.error;
  };
  refused("tenure   :", "tenure", "months", "its name comes from the data");
  refused("impute", "impute", "fill", "belongs to the standard library");
  refused("impute(median", "median", "mid", "built into the language");
  refused("trees", "trees", "rounds", "name of a setting");
  refused("paid  =", "paid", "spend", "cannot be called `spend`");   // would hide the column
  refused("paid  =", "paid", "loyal", "cannot be called `loyal`");
  refused("let months", "months", "per", "cannot be called `per`");  // would mean the parameter
  refused("paid  =", "paid", "", "at least one character");
  EXPECT_EQ(client.result("textDocument/prepareRename", at(position(spec, "paid + loyal", "loyal")))["placeholder"], "loyal");
  EXPECT_EQ(client.request("textDocument/prepareRename", at(position(spec, "tenure   :"))).error["code"], -32803);
}

// Columns that steps of tables make, keys that they name, and ranges of a tune block.
TEST_F(LspSession, NamesInTablesAndTuneBlocks) {
  const std::string text = R"(pipeline shop

schema Order {
  user   : id
  ts     : timestamp
  amount : float
}

schema Visit {
  user   : id
  at     : timestamp
  bought : bool from ("Yes", "No")
}

source orders: Order = csv("orders.csv")
source visits: Visit = csv("visits.csv")

param days: int in 1..60 = 7

table spend = orders
  |> window(by = user, order = ts) { total = sum(amount), before = lag(amount) }
  |> select(user, ts, total, double = total * 2, before)

table base = visits
  |> asof_join(spend, on = at == ts, by = user, prefix = "o_")
  |> filter(o_total > 1 or o_before != null)

features x from base {
  total = o_total
  old   = if o_double > days then 1 else 0
}

model m = gbdt {
  predict bought from x
  depth = 4
}

tune m {
  depth in 2..6
  days in 3..9
  maximize valid.auc
}
)";
  client.initialize();
  client.open(uri, text);
  EXPECT_EQ(client.diagnostics(uri, 1), Json::array());
  const auto spot = [&](const std::string& anchor, const std::string& what) { return at(position(text, anchor, what)); };
  const auto starts = [&](const std::string& anchor, const std::string& what) { return position(text, anchor, what); };
  const auto defined = [&](const std::string& anchor, const std::string& what) {
    const Json answer = client.result("textDocument/definition", spot(anchor, what));
    return answer.is_null() ? Json() : answer["range"]["start"];
  };
  EXPECT_EQ(defined("by = user, order = ts", "user"), starts("user   : id\n  ts", "user"));       // a key, in the schema of its side
  EXPECT_EQ(defined("by = user, prefix", "user"), starts("user   : id\n  at", "user"));           // of the left side
  EXPECT_EQ(defined("at == ts", "ts"), starts("ts     :", "ts"));
  EXPECT_EQ(defined("order = ts) {", "ts"), starts("ts     :", "ts"));
  EXPECT_EQ(defined("sum(amount)", "amount"), starts("amount : float", "amount"));
  EXPECT_EQ(defined("total * 2", "total"), starts("total = sum", "total"));                        // made by the step before
  EXPECT_EQ(defined("ts, total, double", "total"), starts("total = sum", "total"));
  EXPECT_EQ(defined("filter(o_total", "o_total"), starts("total = sum", "total"));                 // behind the prefix of a join
  EXPECT_EQ(defined("total = o_total", "o_total"), starts("total = sum", "total"));
  EXPECT_EQ(defined("asof_join(spend", "spend"), starts("table spend", "spend"));
  EXPECT_EQ(defined("depth in 2..6", "depth"), starts("depth = 4", "depth"));                      // the setting that is varied
  EXPECT_EQ(defined("days in 3..9", "days"), starts("param days", "days"));
  const auto hovered = [&](const std::string& anchor, const std::string& what) {
    const Json answer = client.result("textDocument/hover", spot(anchor, what));
    return answer.is_null() ? "" : answer["contents"]["value"].get<std::string>();
  };
  EXPECT_NE(hovered("total = sum", "total").find("column of a table · `float`"), std::string::npos) << hovered("total = sum", "total");
  EXPECT_NE(hovered("filter(o_total", "o_total").find("`float?` · stage `row` · may be null"), std::string::npos) << hovered("filter(o_total", "o_total");
  EXPECT_NE(hovered("by = user, order = ts", "user").find("`id`"), std::string::npos);
  EXPECT_NE(hovered("depth in 2..6", "depth").find("depth"), std::string::npos);
  EXPECT_NE(hovered("days in 3..9", "days").find("days: int in 1..60 = 7"), std::string::npos) << hovered("days in 3..9", "days");
  const auto references = [&](const std::string& anchor, const std::string& what) {
    Json question = spot(anchor, what);
    question["context"] = {{"includeDeclaration", true}};
    return places(client.result("textDocument/references", question)).size();
  };
  EXPECT_EQ(references("total = sum", "total"), 5u);   // made, kept, doubled, filtered by, a feature
  EXPECT_EQ(references("param days", "days"), 3u);
  EXPECT_EQ(references("depth in 2..6", "depth"), 2u);
  EXPECT_EQ(references("amount : float", "amount"), 3u);
  const auto renamed = [&](const std::string& anchor, const std::string& what, const std::string& to) {
    Json question = spot(anchor, what);
    question["newName"] = to;
    const Answer answer = client.request("textDocument/rename", question);
    return answer.error.is_null() ? applied(text, answer.result["changes"][uri]) : answer.error["message"].get<std::string>();
  };
  const auto replaced = [&](std::string out, const std::vector<std::pair<std::string, std::string>>& list) {
    for (const auto& [from, to] : list) out.replace(out.find(from), from.size(), to);
    return out;
  };
  EXPECT_EQ(renamed("total = sum", "total", "sum_of"), replaced(text, {{"total = sum", "sum_of = sum"}, {"ts, total, double = total * 2", "ts, sum_of, double = sum_of * 2"}, {"filter(o_total", "filter(o_sum_of"}, {"total = o_total", "total = o_sum_of"}}));
  EXPECT_EQ(renamed("days in 3..9", "days", "span"), replaced(text, {{"param days", "param span"}, {"o_double > days", "o_double > span"}, {"days in 3..9", "span in 3..9"}}));
  EXPECT_NE(renamed("total = o_total", "o_total", "all").find("`total` with a prefix"), std::string::npos);
  EXPECT_NE(renamed("by = user, order = ts", "user", "who").find("its name comes from the data"), std::string::npos);
  EXPECT_NE(renamed("depth in 2..6", "depth", "height").find("name of a setting"), std::string::npos);
  EXPECT_NE(renamed("total = sum", "total", "before").find("cannot be called"), std::string::npos);
}

TEST_F(LspSession, OutlineFoldingAndWorkspaceSymbols) {
  start();
  const Json document = {{"textDocument", {{"uri", uri}}}};
  std::vector<std::string> outline;
  for (const Json& s : client.result("textDocument/documentSymbol", document)) outline.push_back(s["detail"].get<std::string>() + " " + s["name"].get<std::string>() + " " + std::to_string(s["children"].size()));
  EXPECT_EQ(outline, (std::vector<std::string>{"pipeline churn 0", "schema Customer 5", "source customers 0", "fn years 2", "features x 5", "split customers 4", "model churn 2", "test churn 0"}));
  EXPECT_EQ(client.result("textDocument/foldingRange", document).size(), 5u);
  std::set<std::string> names;
  for (const Json& s : client.result("workspace/symbol", {{"query", "LO"}})) names.insert(s["name"]);
  EXPECT_EQ(names, std::set<std::string>{"loyal"});
}

TEST_F(LspSession, ColoursHintsAndForm) {
  client.initialize();
  const Json answer = client.request("initialize", Json::object()).error;
  EXPECT_EQ(answer["code"], -32600);
  client.open(uri, spec);
  const Json document = {{"textDocument", {{"uri", uri}}}};
  // Word by word: what the tokens say about `loyal = years(tenure, per = 12)`.
  const std::vector<std::string> legend = {"namespace", "type", "struct", "class", "variable", "property", "parameter", "function", "keyword", "comment", "string", "number", "decorator", "enumMember"};
  const Json data = client.result("textDocument/semanticTokens/full", document)["data"];
  ASSERT_EQ(data.size() % 5, 0u);
  const std::size_t wanted = position(spec, "loyal = years")["line"];
  std::size_t line = 0, character = 0;
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < data.size(); i += 5) {
    if (data[i] != 0) character = 0;
    line += data[i].get<std::size_t>();
    character += data[i + 1].get<std::size_t>();
    if (line != wanted) continue;
    const std::size_t start = spec.find("  loyal = years") + character;
    seen.push_back(spec.substr(start, data[i + 2]) + " " + legend[data[i + 3]]);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"loyal variable", "years function", "tenure property", "per parameter", "12 number"}));
  Json range = document;
  range["range"] = {{"start", {{"line", 0}, {"character", 0}}}, {"end", {{"line", 999}, {"character", 0}}}};
  std::vector<std::string> hints;
  for (const Json& h : client.result("textDocument/inlayHint", range)) hints.push_back(h["label"]);
  EXPECT_EQ(hints, (std::vector<std::string>{": float", ": float", ": float", ": float"}));
  EXPECT_NE(client.result("textDocument/formatting", document), nullptr);
  const std::string formatted = applied(spec, client.result("textDocument/formatting", document));
  client.change(uri, {whole(formatted)}, 2);
  EXPECT_EQ(client.result("textDocument/formatting", document), Json::array());  // canonical now
  client.change(uri, {whole("schema {")}, 3);
  EXPECT_EQ(client.result("textDocument/formatting", document), Json::array());  // nothing to say about broken text
  client.notify("textDocument/didClose", document);
  EXPECT_EQ(client.request("textDocument/formatting", document).error["code"], -32602);
}

}  // namespace
}  // namespace mlp::lsp_test
