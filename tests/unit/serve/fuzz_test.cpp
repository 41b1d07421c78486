// Mutated requests straight into the endpoints: always an answer, always JSON, never a fault of ours.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "nlohmann/json.hpp"
#include "runtime/serve/api.h"
#include "tests/unit/score/sample.h"

namespace mlp::serve {
namespace {

std::string mutated(std::string text, std::mt19937_64& random) {
  static const std::string alphabet = "{}[]\",:\\/0123456789.eE+-ntfu \n\r;|\t\x00\x80\xff" "aNI";
  const auto place = [&] { return text.empty() ? 0 : random() % text.size(); };
  for (std::uint64_t n = random() % 4 + 1; n > 0; --n) {
    switch (random() % 5) {
      case 0: if (!text.empty()) text[place()] = alphabet[random() % alphabet.size()]; break;
      case 1: text.insert(place(), 1, alphabet[random() % alphabet.size()]); break;
      case 2: if (!text.empty()) text.erase(place(), random() % 8 + 1); break;
      case 3: text.insert(place(), text.substr(place(), random() % 20)); break;
      default: text.resize(place());
    }
  }
  return text;
}

TEST(Fuzz, MutatedRequests) {
  const std::string v2 = R"({"id":"q","parameters":{"a":[1,{}]},"inputs":[{"name":"tenure","datatype":"INT64","shape":[2],"data":[3,40]},)"
                         R"({"name":"Contract","datatype":"BYTES","shape":[2,1],"data":[["One \u00e9\ud83d\ude00"],["new"]]},{"name":"TotalCharges","datatype":"FP64","shape":[2],"data":[5e1,null]},)"
                         R"({"name":"senior","datatype":"BOOL","shape":[2],"data":[false,true]}],"outputs":[{"name":"p_Yes"}]})";
  const std::vector<std::pair<std::string, std::string>> invocations = {
      {"application/json", R"({"dataframe_split":{"columns":["senior","tenure","Contract","TotalCharges"],"data":[["No",3,"One year",50],["Yes",40,"new",null]]}})"},
      {"application/json", R"({"dataframe_records":[{"tenure":3,"Contract":"One year","TotalCharges":-0.0,"senior":false}],"params":{}})"},
      {"application/json", R"({"inputs":{"tenure":[3,40],"Contract":["One year","new"],"TotalCharges":[50,null],"senior":[false,true]}})"},
      {"application/json", R"({"instances":[[3,"One year",50,false],[40,"new",null,true]]})"},
      {"text/csv", "tenure,Contract,TotalCharges,senior\n3,\"One \"\"year\"\"\",50,No\r\n40,new,,Yes\n"}};
  const score::Engine engine(sample::binary(), sample::features);
  Api api(engine, {});
  Worker& worker = api.add_worker();
  std::mt19937_64 random(1);
  int good = 0, bad = 0;
  for (int i = 0; i < 40000; ++i) {
    const bool infer = i % 2 == 0;
    const auto& [type, seed] = invocations[static_cast<std::size_t>(i / 2) % invocations.size()];
    const std::string body = mutated(infer ? v2 : seed, random);
    Request request;
    request.method = "POST";
    request.target = infer ? "/v2/models/churn_api/infer" : "/invocations";
    request.content_type = infer ? std::string_view("application/json") : std::string_view(type);
    request.body = body;
    const Response& response = api.handle(request, worker);
    ASSERT_TRUE(response.status == 200 || response.status == 400) << response.status << "\n" << body << "\n" << response.body;
    ASSERT_TRUE(nlohmann::json::accept(response.body)) << body << "\n" << response.body;
    ++(response.status == 200 ? good : bad);
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 10000);
}

// Requests that differ in their values alone are compared with the one before, not read in full: the answers are those that a
// server gives which never saw another request.
TEST(Fuzz, AsIfItWereTheFirst) {
  const score::Engine engine(sample::binary(), sample::features);
  Api api(engine, {});
  Worker& worker = api.add_worker();
  std::mt19937_64 random(5);
  const auto one_of = [&](std::initializer_list<const char*> list) { return std::string(list.begin()[random() % list.size()]); };
  const auto number = [&] { return one_of({"3", "40", "0", "-7", "119", "300", "1e2", "3.0", "3.5", "-0", "12345678901234567890", "NaN", "null", "\"5\"", "01", "[3]", "true"}); };
  const auto real = [&] { return one_of({"50", "0.1234567890123456", "-12.345678901234567", "1234.5678901234567", "1e-7", "1e400", "-0.0", "null", "\"NA\"", "\"7\"", "Infinity", "{}", ".5", "9007199254740993"}); };
  const auto text = [&] { return one_of({"\"One year\"", "\"new\"", "\"\"", "\"NA\"", "\"caf\xc3\xa9\"", "\"\xff\"", "\"a\\nb\"", "\"tab\t\"", "7", "null", "\"a longer text than sixteen bytes\""}); };
  const auto truth = [&] { return one_of({"true", "false", "\"Yes\"", "\"No\"", "\"maybe\"", "1", "null"}); };
  int good = 0, bad = 0;
  for (int i = 0; i < 20000; ++i) {
    // A few ways to write it, each some times in a row.
    const int form = i / 50 % 6, rows = i / 300 % 3 + 1;
    using Make = std::function<std::string()>;
    const auto list = [&](const Make& value) {
      std::string out = "[";
      for (int r = 0; r < rows; ++r) out += (r ? ", " : "") + value();
      return out + "]";
    };
    const auto calm = [&](const Make& value, const std::string& usual) -> Make { return [value, usual, &random] { return random() % 4 ? usual : value(); }; };
    const Make n = calm(number, "17"), x = calm(real, "2.4171500205993652"), t = calm(text, "\"Two year\""), b = calm(truth, "true");
    Request request;
    request.method = "POST";
    request.content_type = "application/json";
    std::string body;
    if (form < 3) {
      request.target = "/v2/models/churn_api/infer";
      const std::string shape = "\"shape\":[" + std::to_string(rows) + "]";
      body = "{" + (form == 1 ? "\"id\":" + calm([&] { return one_of({"\"\"", "7", "\"x\\u0041\"", "null"}); }, "\"" + std::to_string(i) + "\"")() + "," : "") +
             "\"inputs\":[{\"name\":\"tenure\",\"datatype\":\"" + (form == 2 ? "UINT8" : "INT64") + "\"," + shape + ",\"data\":" + list(n) +
             "},{\"name\":\"TotalCharges\",\"datatype\":\"FP64\"," + shape + ",\"data\":" + list(x) + "}, {\"name\":\"Contract\",\"datatype\":\"BYTES\"," + shape + ",\"data\":" + list(t) +
             "},{\"name\":\"senior\",\"datatype\":\"BOOL\"," + shape + ",\"data\":" + list(b) + "}]" + (form == 2 ? ",\"outputs\":[{\"name\":\"p_Yes\"}],\"parameters\":{\"a\":[1]}}" : "}");
    } else {
      request.target = "/invocations";
      if (form == 3) body = "{\"dataframe_records\":" + list([&] { return "{\"tenure\":" + n() + ",\"extra\":1,\"TotalCharges\":" + x() + ",\"Contract\":" + t() + ",\"senior\":" + b() + "}"; }) + "}";
      if (form == 4) body = "{\"instances\":" + list([&] { return "[" + n() + "," + t() + "," + x() + "," + b() + "]"; }) + ",\"params\":{}}";
      if (form == 5) body = "{\"inputs\":{\"senior\":" + list(b) + ",\"tenure\":" + list(n) + ",\"Contract\":" + list(t) + ",\"TotalCharges\":" + list(x) + "}}";
    }
    request.body = body;
    const Response& response = api.handle(request, worker);
    Api other(engine, {});
    const Response& first = other.handle(request, other.add_worker());
    ASSERT_EQ(response.status, first.status) << body;
    ASSERT_EQ(response.body, first.body) << body;
    ++(response.status == 200 ? good : bad);
  }
  EXPECT_GT(good, 1000);
  EXPECT_GT(bad, 1000);
}

TEST(Fuzz, TargetsAndMethods) {
  const score::Engine engine(sample::binary(), sample::features);
  Api api(engine, {});
  Worker& worker = api.add_worker();
  std::mt19937_64 random(2);
  for (int i = 0; i < 20000; ++i) {
    const std::string target = "/" + mutated("v2/models/churn_api/versions/1/ready?x=/%2f#a", random), method = mutated("GET", random);
    Request request;
    request.method = i % 3 ? std::string_view("GET") : std::string_view(method);
    request.target = target;
    const Response& response = api.handle(request, worker);
    ASSERT_TRUE(response.status == 200 || response.status == 404 || response.status == 405) << response.status << " " << target;
    ASSERT_TRUE(nlohmann::json::accept(response.body)) << target << "\n" << response.body;
  }
}

}  // namespace
}  // namespace mlp::serve
