#include "runtime/serve/api.h"

#include <algorithm>
#include <iostream>

#include "base/codes/serving.h"
#include "base/version.h"

namespace mlp::serve {
namespace {

std::vector<std::string_view> segments(std::string_view target) {
  target = target.substr(0, target.find_first_of("?#"));
  std::vector<std::string_view> out;
  while (!target.empty()) {
    if (target.front() == '/') target.remove_prefix(1);
    const std::size_t end = std::min(target.find('/'), target.size());
    out.push_back(target.substr(0, end));
    target.remove_prefix(end);
  }
  if (!out.empty() && out.back().empty()) out.pop_back();
  return out;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += out.empty() || out.back() == '{' ? "" : ",";
  score::append_json_string(out, name);
  out += ':';
  score::append_json_string(out, value);
}

std::string error_body(const ApiError& error, bool mlflow) {
  std::string out = "{";
  append_field(out, "error", error.message);
  if (!error.code.empty()) append_field(out, "code", error.code);
  if (!error.help.empty()) append_field(out, "help", error.help);
  if (mlflow) {
    append_field(out, "error_code", error.status >= 500 ? "INTERNAL_ERROR" : "BAD_REQUEST");
    append_field(out, "message", error.message);
  }
  return out + "}\n";
}

Response to_response(const ApiError& error, bool mlflow) {
  Response response;
  response.status = error.status;
  response.allow = error.allow;
  response.body = error_body(error, mlflow);
  return response;
}

// Runs `work`; whatever it throws becomes a response.
template <class F> Response guarded(bool mlflow, F&& work) {
  try {
    return work();
  } catch (const ApiError& error) {
    return to_response(error, mlflow);
  } catch (const Failure& failure) {
    const CodeInfo& about = info(failure.diagnostic.code);
    return to_response({about.exit == Exit::environment ? 503 : 400, failure.diagnostic.message, failure.diagnostic.help, about.code, ""}, mlflow);
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what() << "\n";
    return to_response({500, "internal error", "the server's log says more", "", ""}, mlflow);
  }
}

void need_get(const Request& request) {
  if (request.method != "GET" && request.method != "HEAD")
    throw ApiError{405, "`" + values::printable(request.method) + "` is not allowed here", "use GET", "", "GET, HEAD"};
}
void need_post(const Request& request) {
  if (request.method != "POST") throw ApiError{405, "`" + values::printable(request.method) + "` is not allowed here", "use POST", "", "POST"};
}

Response json(std::string body) {
  Response response;
  response.body = std::move(body) + "\n";
  return response;
}

}  // namespace

std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && content_type.back() == ' ') content_type.remove_suffix(1);
  return content_type;
}

void need_media_type(const Request& request, std::initializer_list<std::string_view> allowed, bool required) {
  const auto same = [](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return std::tolower(static_cast<unsigned char>(x)) == y; });
  };
  if (!request.content_encoding.empty() && !same(request.content_encoding, "identity"))
    throw ApiError{415, "the content encoding `" + values::printable(request.content_encoding) + "` is not supported", "send the body as it is", "", ""};
  const std::string_view type = media_type(request.content_type);
  if (type.empty() && !required) return;
  if (std::none_of(allowed.begin(), allowed.end(), [&](std::string_view a) { return same(type, a); })) {
    std::string list;
    for (const std::string_view type_here : allowed) (list += list.empty() ? "`" : " or `").append(type_here).append("`");
    throw ApiError{415, type.empty() ? "the request has no Content-Type" : "the content type `" + values::printable(type) + "` is not supported", "send " + list, "", ""};
  }
  const std::size_t charset = request.content_type.find("charset=");
  if (charset != std::string_view::npos) {
    std::string_view name = request.content_type.substr(charset + 8);
    name = name.substr(0, name.find_first_of("; "));
    if (!same(name, "utf-8") && !same(name, "\"utf-8\"") && !same(name, "utf8"))
      throw ApiError{415, "the charset `" + values::printable(name) + "` is not supported", "send UTF-8", "", ""};
  }
}

void parse_body(score::Json& json, std::string_view body) {
  if (body.empty()) throw ApiError{400, "the request has no body", "send a JSON object", "", ""};
  try {
    json.parse(body);
  } catch (const score::JsonError& error) {
    throw ApiError{400, "malformed JSON at byte " + std::to_string(error.offset + 1) + ": " + error.what(), "", info(code::request_bad_json).code, ""};
  }
  if (json.kind(0) != score::JsonKind::object) throw ApiError{400, "the body is not a JSON object", "", info(code::request_bad_json).code, ""};
}

Api::Api(const score::Engine& engine, const ServeOptions& options)
    : engine_(engine),
      name_(engine.package().signature.deployment),
      version_(options.version.empty() ? "1" : options.version),
      infer_path_("/v2/models/" + name_ + "/infer"),
      outputs_(score::output_names(engine.package().model)),
      writer_(engine.package().model, score::Format::jsonl),
      monitor_(engine.package().signature, engine.package().model),
      start_time_(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()) {
  metadata_ = metadata();
  answer_head_ = "{\"model_name\":";
  score::append_json_string(answer_head_, name_);
  answer_head_ += ",\"model_version\":";
  score::append_json_string(answer_head_, version_);
  output_heads_ = output_heads();
}

Response Api::error(int status, const std::string& message) const { return to_response({status, message, "", "", ""}, false); }

Worker& Api::add_worker() {
  const std::lock_guard lock(mutex_);
  return *workers_.emplace_back(std::make_unique<Worker>(monitor_.add_tally()));
}

Scratch& Api::begin(Worker& worker) const {
  std::unique_ptr<Scratch>& s = worker.scratch;
  // A huge request's memory is not kept for ever.
  if (!s || s->predictions.capacity() > (std::size_t{1} << 20) || s->json.capacity() > (std::size_t{1} << 16)) s = std::make_unique<Scratch>(package().signature);
  s->rows.restart();
  s->predictions.clear();
  return *s;
}

void Api::begin_learning(std::string_view body, LastRequest& last, Scratch& s) {
  last.frame.forget();
  s.json_rows.note(body.size() <= score::JsonFrame::longest);
}

void Api::learn(std::string_view body, LastRequest& last, Scratch& s, std::size_t others) const {
  std::vector<score::JsonFrame::Hole>& noted = s.json_rows.noted();
  // Not where a value was left out, nor where some rows are scored already.
  if (last.rows > 0 && s.predictions.empty() && noted.size() == static_cast<std::size_t>(last.rows) * package().signature.request.size() + others) last.frame.learn(body, noted);
  s.json_rows.note(false);
}

std::string Api::body_of(Worker& worker) const {
  std::string body = std::move(worker.response.body);
  if (body.capacity() > (std::size_t{1} << 20)) body = {};
  body.clear();
  return body;
}

void Api::finish_rows(Worker& worker) const {
  Scratch& s = *worker.scratch;
  const std::int64_t n = s.rows.rows();
  if (n == 0) return;
  const std::size_t before = s.predictions.size();
  s.predictions.resize(before + static_cast<std::size_t>(n) * static_cast<std::size_t>(engine_.width()));
  const mlp_column* const columns = s.rows.columns();
  engine_.run(columns, n, s.predictions.data() + before, &s.features);
  worker.tally.observe(columns, n, s.features, s.predictions.data() + before);
  s.rows.clear();
}

void Api::finish_request(Worker& worker) const {
  finish_rows(worker);
  const std::vector<std::int64_t>& breaches = worker.scratch->rows.breaches();
  for (std::size_t c = 0; c < breaches.size(); ++c)
    if (breaches[c] > 0) worker.tally.count_breaches(c, breaches[c]);
}

template <class F> Response Api::inference(monitor::RequestCounts& counts, Worker& worker, F&& work, bool mlflow) {
  const auto begin = std::chrono::steady_clock::now();
  worker.busy.set(1);
  Response response = guarded(mlflow, work);
  worker.busy.set(0);
  counts.record(response.status, std::chrono::steady_clock::now() - begin);
  return response;
}

const Response& Api::handle(const Request& request, Worker& worker) {
  worker.response = guarded(false, [&] { return route(request, worker); });
  return worker.response;
}

Response Api::route(const Request& request, Worker& worker) {
  if (request.target == infer_path_) return inference(worker.v2, worker, [&] { need_post(request); return infer(request, worker); }, false);
  const std::vector<std::string_view> path = segments(request.target);
  const auto is = [&](std::string_view name) { return path.size() == 1 && path[0] == name; };
  if (!path.empty() && path[0] == "v2") return v2(request, path, worker);
  if (is("invocations"))
    return inference(worker.invocations, worker, [&] { need_post(request); return invocations(request, worker); }, true);
  if (is("metrics")) {
    need_get(request);
    return metrics(request);
  }
  if (is("ping") || is("health") || is("livez") || is("healthz")) {
    need_get(request);
    return json("{\"status\":\"ok\"}");
  }
  if (is("readyz")) {
    need_get(request);
    Response response = json(draining_ ? "{\"status\":\"draining\"}" : "{\"status\":\"ok\"}");
    response.status = draining_ ? 503 : 200;
    return response;
  }
  if (is("version")) {
    need_get(request);
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::string(mlp::version) + "\n";
    return response;
  }
  throw ApiError{404, "there is nothing at `" + values::printable(request.target) + "`", "try /v2/models/" + name_ + ", /invocations, /metrics or /healthz", "", ""};
}

Response Api::v2(const Request& request, const std::vector<std::string_view>& path, Worker& worker) {
  const auto nothing = [&]() -> ApiError {
    return {404, "there is nothing at `" + values::printable(request.target) + "`", "try /v2/models/" + name_ + " or /v2/models/" + name_ + "/infer", "", ""};
  };
  const std::size_t n = path.size();
  if (n == 1) {
    need_get(request);
    return json(std::string("{\"name\":\"millrace\",\"version\":\"") + mlp::version + "\",\"extensions\":[]}");
  }
  if (path[1] == "health" && n == 3 && (path[2] == "live" || path[2] == "ready")) {
    need_get(request);
    if (path[2] == "live") return json("{\"live\":true}");
    Response response = json(draining_ ? "{\"ready\":false}" : "{\"ready\":true}");
    response.status = draining_ ? 503 : 200;
    return response;
  }
  if (path[1] != "models") throw nothing();
  if (n == 2) {
    need_get(request);
    std::string body = "{\"models\":[";
    score::append_json_string(body, name_);
    return json(body + "]}");
  }
  // …/{model}[/versions/{version}][/ready | /infer]
  std::size_t at = 3;
  std::string_view version;
  const bool versioned = n > 4 && path[3] == "versions";
  if (versioned || (n > 3 && path[3] == "versions")) {
    if (n == 4) throw nothing();
    version = path[4];
    at = 5;
  }
  const auto know = [&] {
    if (path[2] != name_) throw ApiError{404, "unknown model `" + values::printable(path[2]) + "`", "this server has `" + name_ + "`", "", ""};
    if (!version.empty() && version != version_)
      throw ApiError{404, "unknown version `" + values::printable(version) + "` of model `" + name_ + "`", "this server has `" + version_ + "`", "", ""};
  };
  if (n == at + 1 && path[at] == "infer")
    return inference(worker.v2, worker, [&] { need_post(request); know(); return infer(request, worker); }, false);
  if (n == at) {
    know();
    need_get(request);
    return json(metadata_);
  }
  if (n == at + 1 && path[at] == "ready") {
    know();
    need_get(request);
    std::string body = "{\"name\":";
    score::append_json_string(body, name_);
    return json(body + ",\"ready\":true}");
  }
  throw nothing();
}

Response Api::metrics(const Request& request) const {
  using monitor::Metric;
  const monitor::TextFormat format = monitor::negotiate(request.accept);
  monitor::Exposition out(format);
  const auto protocol = [&](std::string_view name) { return monitor::Labels{{"model", name_}, {"version", version_}, {"protocol", name}}; };
  monitor::RequestCounts v2, invocations;
  std::uint64_t busy = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& worker : workers_) {
      v2.add(worker->v2);
      invocations.add(worker->invocations);
      busy += worker->busy.get();
    }
  }
  out.family(Metric::requests);
  v2.write_codes(out, protocol("v2"));
  invocations.write_codes(out, protocol("invocations"));
  out.family(Metric::duration);
  v2.write_durations(out, protocol("v2"));
  invocations.write_durations(out, protocol("invocations"));
  out.family(Metric::in_flight);
  out.sample({{"model", name_}, {"version", version_}}, static_cast<double>(busy));
  monitor_.write(out, name_, version_);
  out.family(Metric::model_info);
  out.sample({{"model", name_}, {"version", version_}, {"pipeline", package().signature.name}, {"target", package().signature.target}}, std::uint64_t{1});
  out.family(Metric::build_info);
  out.sample({{"version", mlp::version}}, std::uint64_t{1});
  monitor::write_process(out, start_time_);
  Response response;
  response.content_type = monitor::content_type(format);
  response.body = out.finish();
  return response;
}

}  // namespace mlp::serve
