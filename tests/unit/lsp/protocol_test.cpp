// What a client may do wrong, and what positions mean.
#include <gtest/gtest.h>

#include "tests/unit/lsp/client.h"

namespace mlp::lsp_test {
namespace {

const std::string uri = "file:///a%20b/spec.mlp";
const Json document = {{"textDocument", {{"uri", uri}}}};

TEST(LspProtocol, NothingBeforeInitializeAndAfterShutdown) {
  Client client;
  client.notify("textDocument/didOpen", {{"textDocument", {{"uri", uri}, {"text", ""}}}});
  EXPECT_EQ(client.request("textDocument/hover", document).error["code"], -32002);
  client.initialize();
  EXPECT_EQ(client.request("textDocument/documentSymbol", document).error["code"], -32602);  // it was not opened: that came too early
  client.result("shutdown", nullptr);
  EXPECT_EQ(client.request("workspace/symbol", {{"query", ""}}).error["code"], -32600);
  client.notify("exit", nullptr);
  EXPECT_EQ(client.finish(), 0);
}

TEST(LspProtocol, ExitWithoutShutdownAndTheEndOfInput) {
  Client leaves;
  leaves.initialize();
  leaves.notify("exit", nullptr);
  EXPECT_EQ(leaves.finish(), 1);
  Client vanishes;
  vanishes.initialize();
  EXPECT_EQ(vanishes.finish(), 1);
}

TEST(LspProtocol, UnknownMethodsAndWrongParameters) {
  Client client;
  client.initialize();
  client.open(uri, "schema S {\n  a : int\n}\n");
  EXPECT_EQ(client.request("textDocument/colour", document).error["code"], -32601);
  client.notify("$/unknown", {{"any", "thing"}});
  client.notify("workspace/didChangeConfiguration", {{"settings", nullptr}});
  EXPECT_EQ(client.request("textDocument/hover", document).error["code"], -32602);  // no position
  EXPECT_EQ(client.request("textDocument/hover", {{"textDocument", {{"uri", uri}}}, {"position", {{"line", -1}, {"character", "x"}}}}).error["code"], -32602);
  EXPECT_EQ(client.request("textDocument/hover", Json::array()).error["code"], -32602);
  EXPECT_EQ(client.request("mlp/libraryDocument", {{"uri", "mlp-library:/stdlib/none.mlp"}}).error["code"], -32602);
  client.notify("textDocument/didChange", {{"textDocument", {{"uri", uri}}}, {"contentChanges", 3}});
  client.change("file:///elsewhere.mlp", {}, 2);
  client.send({{"jsonrpc", "2.0"}, {"id", 77}, {"result", nullptr}});  // an answer to nothing
  client.send(Json::array({1, 2}));
  EXPECT_EQ(client.result("textDocument/documentSymbol", document).size(), 1u);  // and the session goes on
}

TEST(LspProtocol, DamagedMessagesAreSaidAndPassedOver) {
  Client client;
  client.initialize();
  const auto fault = [&](const std::string& bytes, int code) {
    client.send_raw(bytes);
    const Json message = client.receive();
    EXPECT_EQ(message["error"]["code"], code) << message;
    EXPECT_EQ(message["id"], nullptr);
    EXPECT_EQ(client.result("workspace/symbol", {{"query", ""}}), Json::array());  // the session goes on
  };
  fault("Content-Length: lots\r\n\r\n{\"jsonrpc\": \"2.0\"}", -32700);  // its body is taken for a part of the next header
  fault("Content-Type: text\r\n\r\n", -32700);
  fault("Content-Length: -5\r\n\r\n", -32700);
  fault("Content-Length: 99999999999999999999999\r\n\r\n", -32700);
  fault("Content-Length: 5\r\n\r\n{\"a\":", -32700);
  fault("content-length:2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n[]", -32600);
  fault("Content-Length: 16\r\n\r\n{\"method\": \"\xFF\xFE\"}", -32700);  // not UTF-8
  fault(std::string(70'000, 'x'), -32700);
}

TEST(LspProtocol, ARequestThatWaitsCanBeCancelled) {
  Client client;
  client.initialize();
  client.open(uri, "schema S {\n  a : int\n}\n");
  // In one write, so that the second request is still waiting when the cancellation is read.
  std::string bytes;
  const auto frame = [&](const Json& m) { bytes += "Content-Length: " + std::to_string(m.dump().size()) + "\r\n\r\n" + m.dump(); };
  frame({{"jsonrpc", "2.0"}, {"id", 900}, {"method", "textDocument/documentSymbol"}, {"params", document}});
  frame({{"jsonrpc", "2.0"}, {"id", "late"}, {"method", "textDocument/documentSymbol"}, {"params", document}});
  frame({{"jsonrpc", "2.0"}, {"method", "$/cancelRequest"}, {"params", {{"id", "late"}}}});
  frame({{"jsonrpc", "2.0"}, {"method", "$/cancelRequest"}, {"params", {{"id", "never asked"}}}});
  client.send_raw(bytes);
  EXPECT_EQ(client.wait(900).result.size(), 1u);
  EXPECT_EQ(client.wait("late").error["code"], -32800);
}

// Positions count UTF-16 units unless both sides agree on UTF-8; places outside of the text are its nearest end.
TEST(LspProtocol, PositionsInUtf16AndUtf8) {
  const std::string text = "schema S {\r\n  `größe 😀` : int \"ß😀\"  b : flot\r\n}\r\nsource s: S = csv(\"a\")\r\n";
  const std::string line = "  `größe 😀` : int \"ß😀\"  b : flot";
  for (const bool utf8 : {false, true}) {
    Client client;
    const Json answer = client.initialize(utf8 ? Json{{"general", {{"positionEncodings", {"utf-16", "utf-8"}}}}} : Json::object());
    EXPECT_EQ(answer["capabilities"]["positionEncoding"], utf8 ? "utf-8" : "utf-16");
    client.open(uri, "\n" + text);
    // The missing line break before `b` is put in where it belongs, counted as agreed.
    const std::size_t before = line.find("  b :");
    const Json start = {{"line", 0}, {"character", 0}};
    const Json at = {{"line", 2}, {"character", utf8 ? before : position_at(line, before)["character"].get<std::size_t>()}};
    client.change(uri, {change_of(at, at, "\r\n"), change_of(start, {{"line", 1}, {"character", 0}}, "")}, 2);
    const Json symbols = client.result("textDocument/documentSymbol", document);
    ASSERT_EQ(symbols.size(), 2u);
    ASSERT_EQ(symbols[0]["children"].size(), 2u) << symbols;
    EXPECT_EQ(symbols[0]["children"][0]["name"], "größe 😀");
    EXPECT_EQ(symbols[0]["children"][0]["range"]["end"]["character"], utf8 ? 16 : 12);
    const Json found = client.diagnostics(uri, 2);
    bool flot = false;
    for (const Json& d : found) {
      if (d["code"] != "E0203") continue;
      flot = true;
      EXPECT_EQ(d["range"]["start"], (Json{{"line", 2}, {"character", 6}}));
    }
    EXPECT_TRUE(flot) << found;
    const Json far = {{"line", 9999}, {"character", 9999}}, wide = {{"line", 0}, {"character", 4000000000u}};
    client.change(uri, {change_of(far, far, "pipeline p"), change_of(wide, wide, " // end")}, 3);
    EXPECT_EQ(client.result("textDocument/documentSymbol", document).size(), 3u);
  }
}

}  // namespace
}  // namespace mlp::lsp_test
