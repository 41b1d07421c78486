// HTTP/1.1 between bytes and serve::Request, serve::Response: Boost.Beast's parser, fed with bytes as they come.
#pragma once
#include <boost/beast/http/basic_parser.hpp>
#include <optional>

#include "runtime/serve/api.h"

namespace mlp::serve {

constexpr std::uint32_t max_header = 16 << 10;  // bytes of a request line, and of the headers

// One request after the other of a connection. What two servers could read differently is refused.
class RequestReader {
 public:
  explicit RequestReader(std::size_t max_body) : max_body_(max_body) { restart(); }
  void restart();                               // for the next request
  // Takes bytes until a request is complete; gives how many. What is left must be given again, with what follows it.
  std::size_t put(std::string_view bytes);
  enum class State {
    more,      // bytes are missing
    expects,   // the same, and the client waits for `100 Continue`; said once
    complete,
    refused,   // nothing after it can be understood
  };
  State state() const { return state_; }

  // Of what is complete. Its body may be a view of the bytes last put.
  const Request& request() const { return request_; }
  bool keep_alive() const { return parser_->keep_alive(); }
  bool http_1_0() const { return version_ < 11; }
  // Of what is refused.
  int status() const { return status_; }
  const std::string& why() const { return why_; }

 private:
  using Beast = boost::beast::http::basic_parser<true>;
  using Error = boost::beast::error_code;
  using Text = boost::beast::string_view;
  using Field = boost::beast::http::field;
  class Parser final : public Beast {
   public:
    explicit Parser(RequestReader& reader) : reader_(reader) {}

   private:
    void on_request_impl(boost::beast::http::verb, Text method, Text target, int version, Error&) override;
    void on_response_impl(int, Text, int, Error&) override {}
    void on_field_impl(Field field, Text name, Text value, Error&) override;
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(Text part, Error&) override;
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text part, Error&) override;
    void on_finish_impl(Error&) override {}
    RequestReader& reader_;
  };
  void check_header();
  void refuse(int status, std::string why);
  void refuse(const Error& error);
  void finish();

  const std::size_t max_body_;
  std::optional<Parser> parser_;
  State state_ = State::more;
  Request request_;
  std::string method_, target_, content_type_, content_encoding_, accept_, body_;
  std::string_view whole_;     // the body, where it came in one piece
  int version_ = 11, hosts_ = 0, lengths_ = 0, codings_ = 0;
  bool header_ = false;        // is complete and was checked
  bool chunked_ = false, expects_ = false;
  int status_ = 0;
  std::string why_;
};

// Appends a response. `head`: without its body, of which only the length is told.
void append_response(std::string& out, const Response& response, bool keep_alive, bool http_1_0, bool head);

}  // namespace mlp::serve
