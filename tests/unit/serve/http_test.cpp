// Requests out of bytes in any pieces.
#include "runtime/serve/http.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace mlp::serve {
namespace {

using State = RequestReader::State;

// What was read of a stream of bytes, as text, given in pieces whose sizes `next` says: as a connection gives them, with what
// was left over before each.
template <class Next> std::string read_in(std::string_view bytes, Next next, std::size_t max_body = 1000) {
  RequestReader reader(max_body);
  std::string out, left;
  while (true) {
    std::size_t used = reader.put(left);
    if (reader.state() == State::expects) {
      out += "(100)";
      used += reader.put(std::string_view(left).substr(used));
    }
    if (reader.state() == State::complete) {
      const Request& r = reader.request();
      for (const std::string_view part : {r.method, r.target, r.content_type, r.content_encoding, r.accept, r.body}) (out += part) += '|';
      out += r.binary_tensors ? "binary" : "";
      out += reader.keep_alive() ? "keep" : "close";
      out += reader.http_1_0() ? " 1.0\n" : "\n";
      if (!reader.keep_alive()) return out;
      left.erase(0, used);
      reader.restart();
      continue;
    }
    if (reader.state() == State::refused) return out + std::to_string(reader.status()) + " " + reader.why() + "\n";
    left.erase(0, used);
    if (bytes.empty()) return out + "more\n";
    const std::size_t size = std::min<std::size_t>(next(), bytes.size());
    left += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
}
std::string read_whole(std::string_view bytes) {
  return read_in(bytes, [&] { return bytes.size(); });
}

const std::string get = "GET /healthz HTTP/1.1\r\nHost: a\r\naccept: text/plain\r\n\r\n";
const std::string post = "POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"inputs\":1}";
const std::string chunked = "POST /x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nContent-Encoding: identity\r\n\r\n5;note=\"a\"\r\nhello\r\n1\r\n!\r\n0\r\nContent-Type: late\r\n\r\n";
const std::string expecting = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nInference-Header-Content-Length: 2\r\nContent-Length: 2\r\n\r\nab";

TEST(Http, Requests) {
  EXPECT_EQ(read_whole(get), "GET|/healthz|||text/plain||keep\nmore\n");
  EXPECT_EQ(read_whole(post), "POST|/invocations|application/json|||{\"inputs\":1}|keep\nmore\n");
  EXPECT_EQ(read_whole(chunked), "POST|/x?y||identity||hello!|keep\nmore\n");
  EXPECT_EQ(read_whole(expecting), "(100)POST|/||||ab|binarykeep\nmore\n");
  EXPECT_EQ(read_whole("GET / HTTP/1.0\r\n\r\n"), "GET|/|||||close 1.0\n");
  EXPECT_EQ(read_whole("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "GET|/|||||keep 1.0\nmore\n");
  EXPECT_EQ(read_whole("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET"), "GET|/|||||close\n");
  EXPECT_EQ(read_whole(""), "more\n");
  EXPECT_EQ(read_whole("\r\n"), "400 malformed HTTP: bad method\n");
  EXPECT_EQ(read_whole("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n"), "413 the body is larger than 1000 bytes\n");
  EXPECT_EQ(read_whole("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"), "413 the body is larger than 1000 bytes\n");
  EXPECT_EQ(read_whole("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(max_header, 'x')), "431 the headers are larger than 16 KiB\n");
  // What stands around chunks is bounded too.
  EXPECT_EQ(read_whole("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + std::string(3 * max_header, 'x')), "431 the headers are larger than 16 KiB\n");
  EXPECT_EQ(read_whole("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(3 * max_header, 'x')), "431 the headers are larger than 16 KiB\n");
}

TEST(Http, AnyPieces) {
  const std::string all = get + post + chunked + get + expecting + post + "GET / HTTP/1.0\r\n\r\n";
  const std::string want = read_whole(all);
  EXPECT_EQ(std::count(want.begin(), want.end(), '\n'), 7);
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    std::size_t sizes[] = {cut, all.size()}, at = 0;
    ASSERT_EQ(read_in(all, [&] { return sizes[at++]; }), want) << cut;
  }
  for (std::size_t size = 1; size < 64; ++size) ASSERT_EQ(read_in(all, [&] { return size; }), want) << size;
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(read_in(all, [&] { return random() % 40 + 1; }), want);
}

// Whatever the bytes are: the same in one piece and in many, and an end.
TEST(Http, Garbage) {
  static const std::string alphabet = "\r\n\r\n:; \t,0123456789abcdefHTTP/1.0POSTGETHostContent-Length: Transfer-Encoding: chunked\x00\x80\xff";
  std::mt19937_64 random(4);
  const std::string seeds[] = {get, post, chunked, expecting};
  int refused = 0, read = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = seeds[random() % 4] + seeds[random() % 4];
    for (std::uint64_t n = random() % 4; n > 0; --n) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0: bytes[at] = alphabet[random() % alphabet.size()]; break;
        case 1: bytes.insert(at, alphabet.substr(random() % alphabet.size(), random() % 12)); break;
        default: bytes.erase(at, random() % 6);
      }
    }
    bytes += "\r\n\r\n";  // what is malformed in a header may be told at its end only
    const std::string want = read_whole(bytes);
    ASSERT_EQ(read_in(bytes, [&] { return random() % 30 + 1; }), want) << bytes;
    ++(want.find("malformed") != std::string::npos ? refused : read);
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(read, 1000);
}

TEST(Http, Responses) {
  Response response;
  response.body = "{}\n";
  std::string out;
  append_response(out, response, true, false, false);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: millrace\r\nContent-Length: 3\r\n\r\n{}\n");
  response.status = 405;
  response.allow = "GET, HEAD";
  out.clear();
  append_response(out, response, false, false, true);
  EXPECT_EQ(out, "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nServer: millrace\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
  out.clear();
  append_response(out, response, true, true, true);
  EXPECT_NE(out.find("\r\nConnection: keep-alive\r\n"), std::string::npos);
}

}  // namespace
}  // namespace mlp::serve
