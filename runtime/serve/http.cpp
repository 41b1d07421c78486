#include "runtime/serve/http.h"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>

namespace mlp::serve {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {
constexpr std::size_t kept = 16 << 10;  // a body's memory that a connection keeps
std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }
}  // namespace

void RequestReader::Parser::on_request_impl(http::verb, Text method, Text target, int version, Error&) {
  reader_.method_ = view(method);
  reader_.target_ = view(target);
  reader_.version_ = version;
}

void RequestReader::Parser::on_field_impl(Field field, Text name, Text value, Error&) {
  RequestReader& r = reader_;
  if (r.header_) return;  // a trailer says nothing of interest
  const auto first = [&](std::string& out) { if (out.empty()) out = view(value); };
  switch (field) {
    case Field::host: ++r.hosts_; break;
    case Field::content_length: ++r.lengths_; break;
    case Field::transfer_encoding:
      ++r.codings_;
      r.chunked_ = beast::iequals(value, "chunked");
      break;
    case Field::expect: r.expects_ = r.expects_ || beast::iequals(value, "100-continue"); break;
    case Field::content_type: first(r.content_type_); break;
    case Field::content_encoding: first(r.content_encoding_); break;
    case Field::accept: first(r.accept_); break;
    case Field::unknown: r.request_.binary_tensors = r.request_.binary_tensors || beast::iequals(name, "Inference-Header-Content-Length"); break;
    default: break;
  }
}

std::size_t RequestReader::Parser::on_body_impl(Text part, Error&) {
  if (reader_.body_.empty() && part.size() == content_length_remaining()) reader_.whole_ = view(part);
  else reader_.body_.append(part.data(), part.size());
  return part.size();
}

std::size_t RequestReader::Parser::on_chunk_body_impl(std::uint64_t, Text part, Error&) {
  reader_.body_.append(part.data(), part.size());
  return part.size();
}

void RequestReader::restart() {
  parser_.emplace(*this);
  parser_->header_limit(max_header);
  parser_->body_limit(max_body_);
  state_ = State::more;
  request_.binary_tensors = header_ = chunked_ = expects_ = false;
  hosts_ = lengths_ = codings_ = 0;
  content_type_.clear();
  content_encoding_.clear();
  accept_.clear();
  whole_ = {};
  if (body_.capacity() > kept) body_ = {};
  body_.clear();
}

std::size_t RequestReader::put(std::string_view bytes) {
  std::size_t used = 0;
  if (state_ == State::expects) state_ = State::more;
  while (state_ == State::more && used < bytes.size()) {
    Error error;
    used += parser_->put({bytes.data() + used, bytes.size() - used}, error);
    if (error == http::error::need_more) {
      // A header has its own limit; this one is for what stands around chunks.
      if (bytes.size() - used > 2 * max_header) refuse(http::error::header_limit);
      break;
    }
    if (error) refuse(error);
    else if (!header_ && parser_->is_header_done()) check_header();
    if (state_ != State::refused && parser_->is_done()) finish();
  }
  return used;
}

void RequestReader::check_header() {
  header_ = true;
  // What two servers could read differently: both lengths, a transfer coding that is not plain `chunked`, any at all in
  // HTTP/1.0, and doubled headers of either kind.
  if (lengths_ > 1 || codings_ > 1 || (lengths_ == 1 && codings_ == 1) || (codings_ == 1 && (!chunked_ || version_ < 11)))
    return refuse(400, "Content-Length and Transfer-Encoding contradict each other");
  if (version_ >= 11 && hosts_ != 1) return refuse(400, "the request needs exactly one Host header");
  if (target_.empty() || target_.front() != '/') return refuse(400, "the target must start with `/`");
  if (expects_) state_ = State::expects;
}

void RequestReader::finish() {
  state_ = State::complete;
  request_.method = method_;
  request_.target = target_;
  request_.content_type = content_type_;
  request_.content_encoding = content_encoding_;
  request_.accept = accept_;
  request_.body = whole_.empty() ? std::string_view(body_) : whole_;
}

void RequestReader::refuse(int status, std::string why) {
  state_ = State::refused;
  status_ = status;
  why_ = std::move(why);
}
void RequestReader::refuse(const Error& error) {
  if (error == http::error::body_limit) return refuse(413, "the body is larger than " + std::to_string(max_body_) + " bytes");
  if (error == http::error::header_limit) return refuse(431, "the headers are larger than 16 KiB");
  refuse(400, "malformed HTTP: " + error.message());
}

void append_response(std::string& out, const Response& response, bool keep_alive, bool http_1_0, bool head) {
  const auto number = [&](std::size_t n) {
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
  };
  out += "HTTP/1.1 ";
  number(static_cast<std::size_t>(response.status));
  out += ' ';
  out += view(http::obsolete_reason(static_cast<http::status>(response.status)));
  out += "\r\nContent-Type: ";
  out += response.content_type;
  out += "\r\nServer: millrace";
  if (!response.allow.empty()) (out += "\r\nAllow: ") += response.allow;
  if (!keep_alive) out += "\r\nConnection: close";
  else if (http_1_0) out += "\r\nConnection: keep-alive";
  out += "\r\nContent-Length: ";
  number(response.body.size());
  out += "\r\n\r\n";
  if (!head) out += response.body;
}

}  // namespace mlp::serve
