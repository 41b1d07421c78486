// The server end to end: a real socket on a free port, a Beast client, every endpoint, every bad input.
#include "runtime/serve/serve.h"

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <random>
#include <thread>

#include "nlohmann/json.hpp"
#include "tests/unit/score/sample.h"

namespace mlp::serve {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Json = nlohmann::json;

struct Answer {
  int status = 0;
  std::string body, content_type, allow;
  Json json() const { return Json::parse(body); }
};

class Client {
 public:
  explicit Client(int port) : stream_(context_) { stream_.connect({net::ip::address_v4::loopback(), static_cast<unsigned short>(port)}); }
  Answer send(http::verb verb, const std::string& target, const std::string& body = {}, const std::string& type = "application/json",
              const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    http::request<http::string_body> request(verb, target, 11);
    request.set(http::field::host, "localhost");
    if (!body.empty() || verb == http::verb::post) {
      if (!type.empty()) request.set(http::field::content_type, type);
      request.body() = body;
    }
    for (const auto& [name, value] : headers) request.set(name, value);
    request.prepare_payload();
    http::write(stream_, request);
    return receive(verb == http::verb::head);
  }
  void raw(const std::string& bytes) { net::write(stream_.socket(), net::buffer(bytes)); }
  void send_no_more() { stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send); }
  Answer receive(bool head = false) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(std::uint64_t{1} << 30);
    if (head) parser.skip(true);
    http::read(stream_, buffer_, parser);
    const auto& m = parser.get();
    return {static_cast<int>(m.result_int()), m.body(), std::string(m[http::field::content_type]), std::string(m[http::field::allow])};
  }
  bool closed() {
    char c;
    boost::system::error_code error;
    stream_.socket().read_some(net::buffer(&c, 1), error);
    return error == net::error::eof || error == net::error::connection_reset;
  }

 private:
  net::io_context context_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
};

class ServerTest : public ::testing::Test {
 protected:
  explicit ServerTest(const package::Package& package = sample::binary()) : engine(package, sample::features) {
    ServeOptions options;
    options.port = 0;
    options.threads = 2;
    options.max_body = 1 << 20;
    options.version = "0123456789ab";
    options.idle_seconds = 20;
    server = std::make_unique<Server>(engine, options);
    server->start();
  }
  Answer get(const std::string& target) { return Client(server->port()).send(http::verb::get, target); }
  Answer post(const std::string& target, const std::string& body, const std::string& type = "application/json") { return Client(server->port()).send(http::verb::post, target, body, type); }
  Answer infer(const std::string& body) { return post("/v2/models/churn_api/infer", body); }
  Answer invoke(const std::string& body, const std::string& type = "application/json") { return post("/invocations", body, type); }
  static std::string tensors(const std::string& tenure = R"({"name":"tenure","datatype":"INT64","shape":[2],"data":[3,40]})") {
    return R"({"id":"q-1","parameters":{"a":1},"inputs":[)" + tenure +
           R"(,{"name":"Contract","datatype":"BYTES","shape":[2,1],"data":[["One year"],["new"]]},{"name":"TotalCharges","datatype":"FP64","shape":[2],"data":[50,null]},)"
           R"({"name":"senior","datatype":"BOOL","shape":[2],"data":[false,true]},{"name":"Churn","datatype":"BYTES","shape":[1],"data":["x"]}]})";
  }
  std::vector<double> expected() {
    score::RowBuilder rows(engine.package().signature);
    rows.add_integer(0, 3);
    rows.add_text(1, "One year");
    rows.add_number(2, 50);
    rows.add_text(3, "No");
    rows.end_row();
    rows.add_integer(0, 40);
    rows.add_text(1, "new");
    rows.add_null(2);
    rows.add_text(3, "Yes");
    rows.end_row();
    std::vector<double> out(static_cast<std::size_t>(2 * engine.width()));
    engine.run(rows.columns(), 2, out.data());
    return out;
  }
  score::Engine engine;
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, HealthAndMetadata) {
  EXPECT_EQ(get("/v2").json(), (Json{{"name", "millrace"}, {"version", "0.1.0"}, {"extensions", Json::array()}}));
  EXPECT_EQ(get("/v2/health/live").json(), (Json{{"live", true}}));
  EXPECT_EQ(get("/v2/health/ready").json(), (Json{{"ready", true}}));
  EXPECT_EQ(get("/v2/models").json(), (Json{{"models", {"churn_api"}}}));
  EXPECT_EQ(get("/v2/models/churn_api/ready").json(), (Json{{"name", "churn_api"}, {"ready", true}}));
  EXPECT_EQ(get("/v2/models/churn_api/versions/0123456789ab/ready").status, 200);
  const Json model = get("/v2/models/churn_api").json();
  EXPECT_EQ(model, get("/v2/models/churn_api/versions/0123456789ab").json());
  EXPECT_EQ(model["name"], "churn_api");
  EXPECT_EQ(model["versions"], Json::array({"0123456789ab"}));
  ASSERT_EQ(model["inputs"].size(), 4u);
  EXPECT_EQ(model["inputs"][0]["name"], "tenure");
  EXPECT_EQ(model["inputs"][0]["datatype"], "INT64");
  EXPECT_EQ(model["inputs"][0]["shape"], Json::array({-1}));
  EXPECT_EQ(model["inputs"][1]["datatype"], "BYTES");
  EXPECT_EQ(model["inputs"][2]["datatype"], "FP64");
  EXPECT_EQ(model["inputs"][3]["datatype"], "BOOL");
  ASSERT_EQ(model["outputs"].size(), 3u);
  EXPECT_EQ(model["outputs"][0], (Json{{"name", "prediction"}, {"datatype", "BYTES"}, {"shape", {-1}}}));
  EXPECT_EQ(model["outputs"][2]["name"], "p_Yes");
  for (const char* path : {"/ping", "/health", "/version", "/livez", "/readyz", "/healthz"}) EXPECT_EQ(get(path).status, 200) << path;
  EXPECT_EQ(get("/version").body, "0.1.0\n");
  Client client(server->port());
  const Answer head = client.send(http::verb::head, "/healthz");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(client.send(http::verb::get, "/healthz").status, 200);  // the connection goes on
}

TEST_F(ServerTest, Infer) {
  const std::vector<double> p = expected();
  const Answer answer = infer(tensors());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.content_type, "application/json");
  const Json json = answer.json();
  EXPECT_EQ(json["model_name"], "churn_api");
  EXPECT_EQ(json["model_version"], "0123456789ab");
  EXPECT_EQ(json["id"], "q-1");
  EXPECT_EQ(json["parameters"], (Json{{"a", 1}}));
  ASSERT_EQ(json["outputs"].size(), 3u);
  EXPECT_EQ(json["outputs"][0]["datatype"], "BYTES");
  EXPECT_EQ(json["outputs"][0]["shape"], Json::array({2}));
  EXPECT_EQ(json["outputs"][0]["data"][0], p[1] >= 0.5 ? "Yes" : "No");
  EXPECT_EQ(json["outputs"][1]["data"], Json::array({p[0], p[2]}));
  EXPECT_EQ(json["outputs"][2]["data"], Json::array({p[1], p[3]}));
  // the digits, not only the value
  EXPECT_NE(answer.body.find(score::number_text(p[1])), std::string::npos);
  const std::string chosen = tensors();
  const Json only = infer(chosen.substr(0, chosen.size() - 1) + R"(,"outputs":[{"name":"p_Yes"}]})").json();
  ASSERT_EQ(only["outputs"].size(), 1u);
  EXPECT_EQ(only["outputs"][0]["name"], "p_Yes");
  EXPECT_EQ(post("/v2/models/churn_api/versions/0123456789ab/infer", tensors()).status, 200);
  EXPECT_EQ(post("/v2/models/churn_api/infer", tensors(), "").status, 200);
  EXPECT_EQ(post("/v2/models/churn_api/infer", tensors(), "application/json; charset=UTF-8").status, 200);
  // numbers of other widths, nested data
  EXPECT_EQ(infer(tensors(R"({"name":"tenure","datatype":"UINT8","shape":[2,1],"data":[[3],[40]]})")).json()["outputs"], json["outputs"]);
  EXPECT_EQ(infer(tensors(R"({"name":"tenure","datatype":"FP32","shape":[2,1],"data":[3.0,4e1]})")).json()["outputs"], json["outputs"]);
}

TEST_F(ServerTest, InferBadInput) {
  const auto bad = [&](const std::string& body, const std::string& part) {
    const Answer answer = infer(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_NE((answer.json()["error"].get<std::string>() + " " + answer.json().value("help", "")).find(part), std::string::npos) << answer.body;
  };
  bad("", "no body");
  bad("{", "malformed JSON at byte 2");
  bad("[]", "not a JSON object");
  bad("\xff", "UTF-8");
  bad(std::string(100000, '['), "nested deeper");
  bad("{}", "has no `inputs`");
  bad(R"({"inputs":{}})", "must be a list");
  bad(R"({"inputs":[3]})", "must be an object");
  bad(R"({"inputs":[{}]})", "no `name`");
  bad(R"({"inputs":[]})", "no columns `tenure`, `Contract`");
  bad(R"({"inputs":[{"name":"tenur"}]})", "did you mean `tenur`?");
  bad(tensors(R"({"name":"tenure","shape":[2],"data":[3,40]})"), "no `datatype`");
  bad(tensors(R"({"name":"tenure","datatype":"INT128","shape":[2],"data":[3,40]})"), "unknown datatype `INT128`");
  bad(tensors(R"({"name":"tenure","datatype":"BYTES","shape":[2],"data":["3","40"]})"), "datatype BYTES, but the column is of type int");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","data":[3,40]})"), "no `shape`");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[3],"data":[3,40]})"), "says 3 rows, but its data has 2");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[2,2],"data":[3,40,3,40]})"), "one value a row");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[-2],"data":[3,40]})"), "whole numbers");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[99999999999999999999],"data":[3,40]})"), "whole numbers");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[],"data":[3,40]})"), "shape [N]");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[1],"data":[3]})"), "rows, others have");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[2],"data":[[3],[40]]})"), "nested");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[2,1],"data":[[3],[40,4]]})"), "not a list of one value");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[2],"data":[3,"40"]})"), "row 2 of input `tenure` is no INT64");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[2],"data":[3,4.5]})"), "is no INT64");
  bad(tensors(R"({"name":"tenure","datatype":"INT8","shape":[2],"data":[3,128]})"), "is no INT8");
  bad(tensors(R"({"name":"tenure","datatype":"UINT8","shape":[2],"data":[3,-1]})"), "is no UINT8");
  bad(tensors(R"({"name":"tenure","datatype":"FP64","shape":[2],"data":[3,4.5]})"), "not an int");
  bad(tensors(R"({"name":"tenure","datatype":"INT64","shape":[2],"data":[3,null]})"), "may not be null");
  const std::string tenure = R"({"name":"tenure","datatype":"INT64","shape":[2],"data":[3,40]})";
  bad(tensors(tenure + "," + tenure), "given twice");
  const std::string all = tensors();
  const std::string open = all.substr(0, all.size() - 1);
  bad(open + R"(,"outputs":[{"name":"p_Yess"}]})", "did you mean `p_Yes`?");
  bad(open + R"(,"outputs":3})", "must be a list");
  EXPECT_EQ(Client(server->port()).send(http::verb::post, "/v2/models/churn_api/infer", all, "application/json", {{"Inference-Header-Content-Length", "10"}}).status, 400);
  EXPECT_EQ(post("/v2/models/churn_api/infer", all, "text/csv").status, 415);
  EXPECT_EQ(Client(server->port()).send(http::verb::post, "/v2/models/churn_api/infer", all, "application/json", {{"Content-Encoding", "gzip"}}).status, 415);
}

TEST_F(ServerTest, Invocations) {
  const std::vector<double> p = expected();
  const Json rows = Json::array({{{"prediction", p[1] >= 0.5 ? "Yes" : "No"}, {"p_No", p[0]}, {"p_Yes", p[1]}}, {{"prediction", p[3] >= 0.5 ? "Yes" : "No"}, {"p_No", p[2]}, {"p_Yes", p[3]}}});
  const Json wanted = {{"predictions", rows}};
  for (const char* body : {
           R"({"dataframe_split":{"columns":["senior","x","tenure","Contract","TotalCharges"],"index":[0,1],"data":[["No",1,3,"One year",50],["Yes",2,40,"new",null]]}})",
           R"({"dataframe_records":[{"tenure":3,"Contract":"One year","TotalCharges":50,"senior":false,"Churn":"No"},{"tenure":40,"Contract":"new","senior":true}],"params":{}})",
           R"({"instances":[{"tenure":3,"Contract":"One year","TotalCharges":50,"senior":false},{"tenure":40,"Contract":"new","senior":true}]})",
           R"({"instances":[[3,"One year",50,false],[40,"new",null,true]]})",
           R"({"inputs":{"tenure":[3,40],"Contract":["One year","new"],"TotalCharges":[50,null],"senior":[false,true]}})",
           R"({"inputs":[[3,"One year",50,false],[40,"new",null,true]]})"}) {
    const Answer answer = invoke(body);
    EXPECT_EQ(answer.status, 200) << body << answer.body;
    EXPECT_EQ(answer.json(), wanted) << body;
  }
  EXPECT_EQ(invoke("tenure,Contract,TotalCharges,senior\n3,One year,50,No\n40,new,,Yes\n", "text/csv").json(), wanted);
  EXPECT_EQ(invoke("tenure;Contract;TotalCharges;senior\r\n3;One year;50;No\r\n40;new;;Yes\r\n", "text/csv; charset=utf-8").json(), wanted);
  EXPECT_EQ(invoke(R"({"inputs":{"tenure":3,"Contract":"One year","TotalCharges":50,"senior":false}})").json()["predictions"][0], rows[0]);
  EXPECT_EQ(invoke(R"({"dataframe_records":[]})").json(), (Json{{"predictions", Json::array()}}));
}

TEST_F(ServerTest, InvocationsBadInput) {
  const auto bad = [&](const std::string& body, const std::string& part, const std::string& type = "application/json", int status = 400) {
    const Answer answer = invoke(body, type);
    EXPECT_EQ(answer.status, status) << body;
    const Json json = answer.json();
    EXPECT_NE((json["error"].get<std::string>() + " " + json.value("help", "")).find(part), std::string::npos) << answer.body;
    EXPECT_EQ(json["message"], json["error"]);
    EXPECT_EQ(json["error_code"], "BAD_REQUEST");
  };
  bad("{", "malformed JSON");
  bad("{}", "no rows");
  bad(R"({"dataframe_records":[],"inputs":[]})", "both given");
  bad(R"({"rows":[]})", "unknown key `rows`");
  bad(R"({"dataframe_records":3})", "must be a list");
  bad(R"({"dataframe_records":[3]})", "not an object");
  bad(R"({"dataframe_records":[{"tenure":3}]})", "row 1 has no `Contract`, `senior`");
  bad(R"({"dataframe_records":[{"tenure":"x","Contract":"a","senior":true}]})", "`x` in row 1 is not an int");
  bad(R"({"dataframe_split":{"columns":["tenure"]}})", "needs `columns` and `data`");
  bad(R"({"dataframe_split":{"columns":["tenure"],"data":[]}})", "no columns `Contract`");
  bad(R"({"dataframe_split":{"columns":["tenure","tenure","Contract","TotalCharges","senior"],"data":[]}})", "given twice");
  bad(R"({"dataframe_split":{"columns":["tenure","Contract","TotalCharges","senior"],"data":[[1]]}})", "has 1 values where 4");
  bad(R"({"instances":[[1,2]]})", "where 4 are expected");
  bad(R"({"inputs":{"tenure":[3,40],"Contract":["One year"],"TotalCharges":[50,null],"senior":[false,true]}})", "has 1 values");
  bad("tenure\n3\n", "no columns", "text/csv");
  bad("tenure,Contract,TotalCharges,senior\n3,a,b\n", "where 4 are expected", "text/csv");
  bad("", "is empty", "text/csv");
  bad("{}", "not supported", "application/xml", 415);
  bad("{}", "no Content-Type", "", 415);
  bad("{}", "charset", "application/json; charset=latin1", 415);
}

TEST_F(ServerTest, RoutesAndMethods) {
  EXPECT_EQ(get("/").status, 404);
  EXPECT_EQ(get("/v2/models/other").status, 404);
  EXPECT_EQ(get("/v2/models/other").json()["error"], "unknown model `other`");
  EXPECT_EQ(get("/v2/models/churn_api/versions/7").status, 404);
  EXPECT_EQ(get("/v2/models/churn_api/versions").status, 404);
  EXPECT_EQ(get("/v2/models/churn_api/nothing").status, 404);
  EXPECT_EQ(get("/v2/nothing").status, 404);
  EXPECT_EQ(post("/v2/models/other/infer", tensors()).status, 404);
  const Answer answer = get("/v2/models/churn_api/infer");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.allow, "POST");
  EXPECT_EQ(get("/invocations").status, 405);
  for (const char* path : {"/v2", "/v2/health/live", "/v2/models", "/v2/models/churn_api", "/metrics", "/ping", "/healthz"}) {
    const Answer wrong = post(path, "{}");
    EXPECT_EQ(wrong.status, 405) << path;
    EXPECT_EQ(wrong.allow, "GET, HEAD");
    EXPECT_FALSE(wrong.json()["error"].get<std::string>().empty());
  }
  EXPECT_EQ(get("/healthz?verbose=1").status, 200);
  EXPECT_EQ(get("/healthz/").status, 200);
}

TEST_F(ServerTest, SizesAndProtocol) {
  const std::string large(std::size_t{2} << 20, ' ');
  for (const char* path : {"/v2/models/churn_api/infer", "/invocations", "/healthz"}) {
    const Answer answer = post(path, large);
    EXPECT_EQ(answer.status, 413) << path;
    EXPECT_NE(answer.json()["error"].get<std::string>().find("larger than 1048576"), std::string::npos);
  }
  const auto raw = [&](const std::string& bytes) {
    Client client(server->port());
    client.raw(bytes);
    const Answer answer = client.receive();
    EXPECT_FALSE(answer.json()["error"].get<std::string>().empty());
    EXPECT_TRUE(client.closed());
    return answer.status;
  };
  EXPECT_EQ(raw("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET /healthz HTTP/9.9\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET /healthz HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(raw("GET healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(20000, 'x') + "\r\n\r\n"), 431);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"), 400);
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"), 413);
  // A chunked body that grows too large, and one that does not.
  std::string chunks;
  for (int i = 0; i < 20; ++i) chunks += "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  EXPECT_EQ(raw("POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks), 413);
  Client client(server->port());
  client.raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n18\r\n{\"dataframe_records\":[]}\r\n0\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  // Two requests in one packet, answered in order on one connection; then one that waits for 100 Continue.
  client.raw("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().body, "0.1.0\n");
  client.raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 24\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100);
  client.raw("{\"dataframe_records\":[]}");
  EXPECT_EQ(client.receive().status, 200);
  // HTTP/1.0 and `Connection: close` end the connection.
  Client old(server->port());
  old.raw("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive().status, 200);
  EXPECT_TRUE(old.closed());
}

TEST_F(ServerTest, Metrics) {
  infer(tensors());
  infer("{");
  invoke("tenure,Contract,TotalCharges,senior\n300,One year,,No\n", "text/csv");
  const Answer answer = get("/metrics");
  EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line : {"mlp_inference_requests_total{model=\"churn_api\",version=\"0123456789ab\",protocol=\"v2\",code=\"200\"} 1\n",
                           "mlp_inference_requests_total{model=\"churn_api\",version=\"0123456789ab\",protocol=\"v2\",code=\"400\"} 1\n",
                           "protocol=\"invocations\",code=\"200\"} 1\n", "mlp_inference_rows_total{model=\"churn_api\",version=\"0123456789ab\"} 3\n",
                           "mlp_inference_request_duration_seconds_count{model=\"churn_api\",version=\"0123456789ab\",protocol=\"v2\"} 2\n",
                           "mlp_inference_in_flight{model=\"churn_api\",version=\"0123456789ab\"} 0\n",
                           "mlp_feature_missing_total{model=\"churn_api\",version=\"0123456789ab\",feature=\"total\"} 2\n",
                           "mlp_feature_unseen_category_total{model=\"churn_api\",version=\"0123456789ab\",feature=\"Contract\"} 1\n",
                           "mlp_input_constraint_breaches_total{model=\"churn_api\",version=\"0123456789ab\",column=\"tenure\"} 1\n",
                           "mlp_drift_score{model=\"churn_api\",version=\"0123456789ab\",feature=\"tenure\",method=\"psi\"} ", "mlp_model_info{", "mlp_build_info{version=\"0.1.0\"} 1\n", "process_cpu_seconds_total "})
    EXPECT_NE(answer.body.find(line), std::string::npos) << line << answer.body;
  const Answer open = Client(server->port()).send(http::verb::get, "/metrics", "", "", {{"Accept", "application/openmetrics-text; version=1.0.0"}});
  EXPECT_EQ(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(open.body.substr(open.body.size() - 6), "# EOF\n");
  if (std::system("command -v promtool > /dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  std::FILE* const tool = ::popen("promtool check metrics", "w");
  std::fwrite(answer.body.data(), 1, answer.body.size(), tool);
  EXPECT_EQ(::pclose(tool), 0);
}

TEST_F(ServerTest, ManyClientsAtOnce) {
  const std::string wanted = infer(tensors()).body;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      Client client(server->port());
      for (int i = 0; i < 200; ++i)
        if (client.send(http::verb::post, "/v2/models/churn_api/infer", tensors()).body != wanted) ++wrong;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

// Requests one behind the other, without waiting, in pieces of any size: the answers come in their order.
TEST_F(ServerTest, PipelinesInPieces) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 20; ++round) {
    std::string bytes;
    constexpr int count = 60;
    for (int i = 0; i < count; ++i) {
      std::string body = tensors();
      body.replace(body.find("q-1"), 3, "q" + std::to_string(i));
      bytes += "POST /v2/models/churn_api/infer HTTP/1.1\r\nHost: a\r\n";
      if (i % 3 == 0) {
        char size[16];
        std::snprintf(size, sizeof size, "%zx", body.size() - 7);
        bytes += "Transfer-Encoding: chunked\r\n\r\n7\r\n" + body.substr(0, 7) + "\r\n" + size + "\r\n" + body.substr(7) + "\r\n0\r\n\r\n";
      } else {
        bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      }
    }
    Client client(server->port());
    std::thread sender([&] {
      for (std::size_t at = 0, size = 0; at < bytes.size(); at += size) {
        size = std::min<std::size_t>(random() % (round % 2 ? 3000 : 100'000) + 1, bytes.size() - at);
        client.raw(bytes.substr(at, size));
      }
    });
    for (int i = 0; i < count; ++i) {
      const Answer answer = client.receive();
      ASSERT_EQ(answer.status, 200) << answer.body;
      ASSERT_EQ(answer.json()["id"], "q" + std::to_string(i));
    }
    sender.join();
  }
}

// A client that sends and sends and does not read: the server stops reading from it, others are served, and in the end every
// answer is there.
TEST_F(ServerTest, AnswersWaitForAClientThatDoesNotRead) {
  const int count = 3000;
  Client greedy(server->port());
  std::atomic<int> sent{0};
  std::thread sender([&] {
    for (int i = 0; i < count; ++i) {
      greedy.raw("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
      ++sent;
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(get("/healthz").status, 200);
  for (int i = 0; i < count; ++i) ASSERT_EQ(greedy.receive().status, 200) << i;
  sender.join();
  EXPECT_EQ(sent, count);
}

// The end of what a client sends may come together with its bytes, or long before they are answered.
TEST_F(ServerTest, ClientsThatSendNoMore) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string body = tensors(), request = "POST /v2/models/churn_api/infer HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (const int count : {0, 1, 3, 400}) {
    Client client(server->port());
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += request;
    client.raw(bytes);
    client.send_no_more();
    for (int i = 0; i < count; ++i) ASSERT_EQ(client.receive().status, 200) << i;
    EXPECT_TRUE(client.closed()) << count;
  }
  Client half(server->port()), refused(server->port());
  half.raw(request.substr(0, request.size() / 2));
  half.send_no_more();
  EXPECT_TRUE(half.closed());
  refused.raw("GET / HTTP/1.1\r\n\r\nand more");
  EXPECT_EQ(refused.receive().status, 400);
  refused.send_no_more();
  EXPECT_TRUE(refused.closed());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << "a connection waited until it was late";
}

// What was sent before the end is answered, though nobody has read it yet; and no answer is cut.
TEST_F(ServerTest, ShutdownAnswersWhatWasSent) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<Client>(server->port()));
    if (i % 2 == 0) {
      ASSERT_EQ(clients.back()->send(http::verb::get, "/healthz").status, 200);
    }
  }
  const std::string body = tensors();
  for (const auto& client : clients) client->raw("POST /v2/models/churn_api/infer HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  std::thread stopper([&] { server->stop(); });
  for (const auto& client : clients) EXPECT_EQ(client->receive().status, 200);
  stopper.join();
}

TEST(Server, MoreConnectionsThanAllowedWait) {
  const score::Engine engine(sample::binary(), sample::features);
  ServeOptions options;
  options.port = 0;
  options.threads = 2;
  options.max_connections = 3;
  Server server(engine, options);
  server.start();
  std::vector<std::unique_ptr<Client>> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(std::make_unique<Client>(server.port()));
    EXPECT_EQ(open.back()->send(http::verb::get, "/healthz").status, 200);
  }
  Client waiting(server.port());
  std::atomic<bool> answered{false};
  std::thread asks([&] {
    EXPECT_EQ(waiting.send(http::verb::get, "/healthz").status, 200);
    answered = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(answered);
  open.pop_back();
  asks.join();
  EXPECT_TRUE(answered);
}

TEST_F(ServerTest, PortInUse) {  // E0820
  ServeOptions options;
  options.port = server->port();
  try {
    Server second(engine, options);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_STREQ(info(failure.diagnostic.code).code, "E0820");
    EXPECT_EQ(info(failure.diagnostic.code).exit, Exit::environment);
    EXPECT_EQ(failure.diagnostic.message, "cannot listen on 127.0.0.1:" + std::to_string(server->port()) + ": the port is in use");
  }
  options.host = "not an address";
  EXPECT_THROW(Server(engine, options), Failure);
  options.host = "192.0.2.1";  // of nobody (RFC 5737)
  options.port = 0;
  EXPECT_THROW(Server(engine, options), Failure);
}

TEST_F(ServerTest, BeyondLoopbackIsSaid) {  // W0802
  ServeOptions options;
  options.host = "0.0.0.0";
  options.port = 0;
  std::string code;
  options.warn = [&](const Diagnostic& d) { code = info(d.code).code; };
  Server open(engine, options);
  EXPECT_EQ(code, "W0802");
}

TEST_F(ServerTest, ShutdownFinishesWhatIsUnderWay) {
  Client idle(server->port()), busy(server->port());
  EXPECT_EQ(idle.send(http::verb::get, "/healthz").status, 200);
  const std::string body = tensors();
  busy.raw("POST /v2/models/churn_api/infer HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, 10));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  std::thread stopper([&] { server->stop(); });
  EXPECT_TRUE(idle.closed());
  busy.raw(body.substr(10));
  EXPECT_EQ(busy.receive().status, 200);
  EXPECT_TRUE(busy.closed());
  stopper.join();
  EXPECT_THROW(Client(server->port()), std::exception);
}

TEST(Server, StopsWithoutHavingStarted) {
  const score::Engine engine(sample::binary(), sample::features);
  ServeOptions options;
  options.port = 0;
  const Server server(engine, options);
  EXPECT_GT(server.port(), 0);
  EXPECT_EQ(server.url(), "http://127.0.0.1:" + std::to_string(server.port()));
}

class RegressionServerTest : public ServerTest {
 protected:
  RegressionServerTest() : ServerTest(sample::regression()) {}
};
TEST_F(RegressionServerTest, OneNumber) {
  const std::vector<double> p = expected();
  const Json json = infer(tensors()).json();
  ASSERT_EQ(json["outputs"].size(), 1u);
  EXPECT_EQ(json["outputs"][0], (Json{{"name", "prediction"}, {"datatype", "FP64"}, {"shape", {2}}, {"data", {p[0], p[1]}}}));
  EXPECT_EQ(invoke("tenure,Contract,TotalCharges,senior\n3,One year,50,No\n", "text/csv").json()["predictions"][0]["prediction"], p[0]);
}

class ClusterServerTest : public ServerTest {
 protected:
  ClusterServerTest() : ServerTest(sample::clusters()) {}
};
TEST_F(ClusterServerTest, AWholeNumberAndADistance) {
  const std::vector<double> p = expected();
  const Json json = infer(tensors()).json();
  ASSERT_EQ(json["outputs"].size(), 2u);
  EXPECT_EQ(json["outputs"][0], (Json{{"name", "prediction"}, {"datatype", "INT64"}, {"shape", {2}}, {"data", {static_cast<int>(p[0]), static_cast<int>(p[2])}}}));
  EXPECT_EQ(json["outputs"][1], (Json{{"name", "distance"}, {"datatype", "FP64"}, {"shape", {2}}, {"data", {p[1], p[3]}}}));
  EXPECT_TRUE(json["outputs"][0]["data"][0].is_number_integer());
  EXPECT_EQ(get("/v2/models/churn_api").json()["outputs"][0]["datatype"], "INT64");
  EXPECT_EQ(invoke("tenure,Contract,TotalCharges,senior\n3,One year,50,No\n", "text/csv").json()["predictions"][0], (Json{{"prediction", static_cast<int>(p[0])}, {"distance", p[1]}}));
}

class AnomalyServerTest : public ServerTest {
 protected:
  AnomalyServerTest() : ServerTest(sample::anomalies()) {}
};
TEST_F(AnomalyServerTest, TrueOrFalseAndAScore) {
  const std::vector<double> p = expected();
  const Json json = infer(tensors()).json();
  ASSERT_EQ(json["outputs"].size(), 2u);
  EXPECT_EQ(json["outputs"][0], (Json{{"name", "prediction"}, {"datatype", "BOOL"}, {"shape", {2}}, {"data", {p[0] == 1, p[2] == 1}}}));
  EXPECT_EQ(json["outputs"][1], (Json{{"name", "score"}, {"datatype", "FP64"}, {"shape", {2}}, {"data", {p[1], p[3]}}}));
  EXPECT_EQ(get("/v2/models/churn_api").json()["outputs"][0]["datatype"], "BOOL");
}

TEST(Server, SlowClientsAreCutOff) {
  const score::Engine engine(sample::binary(), sample::features);
  ServeOptions options;
  options.port = 0;
  options.idle_seconds = 0.2;
  options.request_seconds = 0.2;
  Server server(engine, options);
  server.start();
  Client silent(server.port()), slow(server.port()), slower(server.port());
  slow.raw("POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx");
  // A byte of the header now and then does not keep it open.
  std::thread drips([&] {
    const std::string header = "GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + std::string(200, 'x');
    try {
      for (const char c : header) {
        slower.raw(std::string(1, c));
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      ADD_FAILURE() << "a slow header was waited for";
    } catch (const std::exception&) {}
  });
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(slow.closed());
  drips.join();
}

}  // namespace
}  // namespace mlp::serve
