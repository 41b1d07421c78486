#include "runtime/package/package.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <set>
#include <stdexcept>

#include "base/codes/packages.h"
#include "base/diagnostic.h"
#include "base/files.h"
#include "runtime/package/bytes.h"
#include "runtime/package/describe.h"
#include "runtime/package/safetensors.h"
#include "runtime/package/strict_json.h"
#include "runtime/values/parse.h"

// The file: magic, format version (u32), then the sections spec, manifest, description and tensors, each as size (u64)
// and bytes, then the SHA-256 of all of that as 64 hex digits.
namespace mlp::package {
namespace {

constexpr std::string_view magic = "mlp.pkg\n";
constexpr std::uint32_t format_version = 3;
constexpr std::size_t digest_size = 64;
constexpr std::uint64_t max_list = std::uint64_t{1} << 32;  // elements of one list, far above what training makes

[[noreturn]] void fail(const std::string& text) { throw std::runtime_error(text); }

template <class T> constexpr Dtype dtype_of();
template <> constexpr Dtype dtype_of<double>() { return Dtype::f64; }
template <> constexpr Dtype dtype_of<float>() { return Dtype::f32; }
template <> constexpr Dtype dtype_of<std::int64_t>() { return Dtype::i64; }
template <> constexpr Dtype dtype_of<std::uint64_t>() { return Dtype::u64; }
template <> constexpr Dtype dtype_of<std::int32_t>() { return Dtype::i32; }
template <> constexpr Dtype dtype_of<std::uint8_t>() { return Dtype::u8; }
enum class Bf16 : std::uint16_t {};                 // the upper half of a float
template <> constexpr Dtype dtype_of<Bf16>() { return Dtype::bf16; }
template <> constexpr Dtype dtype_of<std::int8_t>() { return Dtype::i8; }

// ---- writing

class TensorWriter {
 public:
  template <class T> void list(const std::string& name, const std::vector<T>& values) { shaped(name, {values.size()}, values); }
  template <class T, class Allocator> void shaped(const std::string& name, std::vector<std::uint64_t> shape, const std::vector<T, Allocator>& values) {
    std::string& bytes = storage_.emplace_back(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    tensors_[name] = {dtype_of<T>(), std::move(shape), bytes};
  }
  void texts(const std::string& name, const std::vector<std::string>& values) {
    std::string& bytes = storage_.emplace_back();
    std::vector<std::int64_t> ends;
    for (const std::string& text : values) {
      bytes += text;
      ends.push_back(static_cast<std::int64_t>(bytes.size()));
    }
    tensors_[name] = {Dtype::u8, {bytes.size()}, bytes};
    list(name + ".ends", ends);
  }
  // Lists of different lengths, one after the other, and where each ends.
  template <class T> void lists(const std::string& name, const std::vector<const std::vector<T>*>& values) {
    std::vector<T> all;
    std::vector<std::int64_t> ends;
    for (const auto* one : values) {
      all.insert(all.end(), one->begin(), one->end());
      ends.push_back(static_cast<std::int64_t>(all.size()));
    }
    list(name, all);
    list(name + ".ends", ends);
  }
  std::string finish() const { return write_safetensors(tensors_); }

 private:
  std::deque<std::string> storage_;
  Tensors tensors_;
};

// The arrays of all trees, one after the other; every tree array is as long as `feature`, but for the values of a forest.
template <class Trees, class A> void tree_fields(Trees&& trees, A&& a) {
  a("tree.feature", &model::Tree::feature, trees); a("tree.threshold", &model::Tree::threshold, trees); a("tree.left", &model::Tree::left, trees);
  a("tree.right", &model::Tree::right, trees); a("tree.default_left", &model::Tree::default_left, trees);
  a("tree.category_set", &model::Tree::category_set, trees); a("tree.value", &model::Tree::value, trees);
  a("tree.cover", &model::Tree::cover, trees); a("tree.gain", &model::Tree::gain, trees);
}

std::vector<const DriftReference*> references(const Signature& s) {
  std::vector<const DriftReference*> out;
  for (const DriftReference& r : s.feature_reference) out.push_back(&r);
  out.push_back(&s.prediction_reference);
  return out;
}

void write_fitted(const fit::Fitted& fitted, TensorWriter& w) {
  w.list("fitted.numbers", fitted.numbers);
  w.texts("fitted.texts", fitted.texts);
  for (std::size_t i = 0; i < fitted.tables.size(); ++i) {
    const fit::FittedTable& t = fitted.tables[i];
    const std::string name = "fitted.table." + std::to_string(i);
    w.texts(name + ".keys", t.keys);
    w.shaped(name + ".values", {static_cast<std::uint64_t>(t.folds) + 1, t.keys.size() + 1}, t.values);
  }
}

// Names, and of each the tensor NAME.NUMBER, or what is behind its bytes.
void write_network(const std::string& name, const std::vector<model::NetworkTensor>& tensors, TensorWriter& w) {
  std::vector<std::string> names;
  for (const model::NetworkTensor& tensor : tensors) {
    const std::string key = name + "." + std::to_string(names.size());
    names.push_back(tensor.name);
    if (!tensor.rounded.empty()) {
      std::vector<Bf16> halves;
      for (const float v : tensor.values) halves.push_back(static_cast<Bf16>(std::bit_cast<std::uint32_t>(v) >> 16));
      w.shaped(key, {tensor.shape.begin(), tensor.shape.end()}, halves);
      w.list(key + ".matrix", std::vector<std::int64_t>{tensor.rounded.k, tensor.rounded.n, tensor.rounded.turned});
      continue;
    }
    if (tensor.int8.empty()) {
      w.shaped(key, {tensor.shape.begin(), tensor.shape.end()}, tensor.values);
      continue;
    }
    w.shaped(key + ".int8", {static_cast<std::uint64_t>(tensor.int8.k), static_cast<std::uint64_t>(tensor.int8.n)}, tensor.int8.values);
    w.list(key + ".step", tensor.int8.step);
    w.list(key + ".input", std::vector<double>{tensor.int8.input_step, static_cast<double>(tensor.int8.zero), static_cast<double>(tensor.int8.turned)});
    w.list(key + ".shape", tensor.shape);
  }
  w.texts(name, names);
}

std::string write_tensors(const Package& p) {
  TensorWriter w;
  write_fitted(p.fitted, w);
  std::vector<const std::vector<double>*> edges, counts;
  for (const DriftReference* r : references(p.signature)) {
    edges.push_back(&r->edges);
    counts.push_back(&r->counts);
  }
  w.lists("drift.edges", edges);
  w.lists("drift.counts", counts);
  if (has_trees(p.model.kind)) {
    const model::Forest& f = p.model.forest;
    w.list("forest.base", f.base);
    std::vector<const std::vector<std::uint64_t>*> sets;
    for (const auto& set : f.category_sets) sets.push_back(&set);
    w.lists("forest.category_sets", sets);
    if (!f.terms.empty()) {
      std::vector<std::int32_t> terms;
      for (const model::BagTerm& t : f.terms) terms.insert(terms.end(), {t.feature, t.term});
      w.shaped("forest.terms", {f.terms.size(), 2}, terms);
    }
    tree_fields(f.trees, [&]<class T>(const char* name, std::vector<T> model::Tree::* member, const std::vector<model::Tree>& trees) {
      std::vector<const std::vector<T>*> lists;
      for (const model::Tree& tree : trees) lists.push_back(&(tree.*member));
      w.lists(name, lists);
    });
    if (p.model.kind == ModelKind::isolation_forest) w.list("isolation", std::vector<double>{p.model.isolation.normal, p.model.isolation.threshold});
  } else if (p.model.kind == ModelKind::kmeans) {
    const model::Centres& c = p.model.centres;
    w.list("kmeans.offset", c.offset);
    w.list("kmeans.width", c.width);
    w.list("kmeans.centres", c.values);
  } else if (p.model.kind == ModelKind::network) {
    const model::Network& n = p.model.network;
    w.list("network.numbers", n.numbers);
    w.list("network.unit", std::vector<double>{n.centre, n.unit});
    write_network("network.weights", n.weights, w);
    write_network("network.states", n.states, w);
  } else {
    const model::Linear& l = p.model.linear;
    w.list("linear.intercept", l.intercept);
    w.list("linear.offset", l.offset);
    w.list("linear.width", l.width);
    w.list("linear.weights", l.weights);
  }
  if (p.model.calibration.method != Calibrate::none) {
    std::vector<const std::vector<double>*> x, y;
    std::vector<double> sigmoid;
    for (const model::Curve& curve : p.model.calibration.curves) {
      x.push_back(&curve.x);
      y.push_back(&curve.y);
      sigmoid.insert(sigmoid.end(), {curve.a, curve.b});
    }
    w.lists("calibration.x", x);
    w.lists("calibration.y", y);
    w.list("calibration.sigmoid", sigmoid);
  }
  return w.finish();
}

// ---- reading

class TensorReader {
 public:
  explicit TensorReader(Tensors tensors) : tensors_(std::move(tensors)) {}
  template <class T> std::vector<T> list(const std::string& name) {
    const Tensor t = tensor(name, dtype_of<T>(), 1);
    return values<T>(t);
  }
  template <class T> std::vector<T> table(const std::string& name, std::uint64_t& rows, std::uint64_t& columns) {
    const Tensor t = tensor(name, dtype_of<T>(), 2);
    rows = t.shape[0];
    columns = t.shape[1];
    return values<T>(t);
  }
  std::vector<model::NetworkTensor> network(const std::string& name) {
    std::vector<model::NetworkTensor> out;
    for (std::string& own : texts(name)) {
      const std::string key = name + "." + std::to_string(out.size());
      if (tensors_.contains(key + ".matrix")) {
        const Tensor t = tensor(key, Dtype::bf16, any_dimensions);
        const std::vector<std::int64_t> matrix = list<std::int64_t>(key + ".matrix");
        if (matrix.size() != 3 || matrix[0] < 1 || matrix[1] < 1 || matrix[0] > (1 << 30) || matrix[1] > (1 << 30)) fail("`" + key + ".matrix` holds two sizes and a flag");
        model::NetworkTensor& made = out.emplace_back(model::NetworkTensor{std::move(own), {t.shape.begin(), t.shape.end()}, {}});
        for (const Bf16 half : values<Bf16>(t)) made.values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16));
        made.rounded = {matrix[0], matrix[1], matrix[2] != 0};
        continue;
      }
      if (!tensors_.contains(key + ".int8")) {
        const Tensor t = tensor(key, Dtype::f32, any_dimensions);
        out.push_back({std::move(own), {t.shape.begin(), t.shape.end()}, values<float, LargeVector<float>>(t)});
        continue;
      }
      const Tensor t = tensor(key + ".int8", Dtype::i8, 2);
      const std::vector<double> input = list<double>(key + ".input");
      if (input.size() != 3 || !(input[1] >= 0 && input[1] <= 255)) fail("`" + key + ".input` holds a step, a byte and a flag");
      model::NetworkTensor& made = out.emplace_back(model::NetworkTensor{std::move(own), list<std::int64_t>(key + ".shape"), {}});
      made.int8 = {static_cast<std::int64_t>(t.shape[0]), static_cast<std::int64_t>(t.shape[1]), input[2] != 0, values<std::int8_t>(t), list<float>(key + ".step"),
                   static_cast<float>(input[0]), static_cast<std::int32_t>(input[1])};
    }
    return out;
  }
  std::vector<std::string> texts(const std::string& name) {
    const Tensor t = tensor(name, Dtype::u8, 1);
    std::vector<std::string> out;
    ranges(name, t.bytes.size(), [&](std::uint64_t begin, std::uint64_t size) {
      const std::string_view text = t.bytes.substr(begin, size);
      if (!values::valid_utf8(text)) fail("tensor `" + name + "`: a text is not UTF-8");
      out.emplace_back(text);
    });
    return out;
  }
  template <class T> std::vector<std::vector<T>> lists(const std::string& name) {
    const std::vector<T> all = list<T>(name);
    std::vector<std::vector<T>> out;
    ranges(name, all.size(), [&](std::uint64_t begin, std::uint64_t size) {
      out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(begin + size));
    });
    return out;
  }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  void finish() const {
    if (!tensors_.empty()) fail("unknown tensor `" + tensors_.begin()->first + "`");
  }

 private:
  static constexpr std::size_t any_dimensions = SIZE_MAX;
  Tensor tensor(const std::string& name, Dtype dtype, std::size_t dimensions) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) fail("tensor `" + name + "` is missing");
    Tensor t = std::move(found->second);
    tensors_.erase(found);
    if (t.dtype != dtype || (dimensions != any_dimensions && t.shape.size() != dimensions)) fail("tensor `" + name + "` has the wrong type or shape");
    return t;
  }
  template <class T, class List = std::vector<T>> static List values(const Tensor& t) {
    List out(t.bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), t.bytes.data(), t.bytes.size());
    return out;
  }
  template <class F> void ranges(const std::string& name, std::uint64_t size, F&& each) {
    std::uint64_t begin = 0;
    for (const std::int64_t end : list<std::int64_t>(name + ".ends")) {
      if (end < 0 || static_cast<std::uint64_t>(end) < begin || static_cast<std::uint64_t>(end) > size) fail("tensor `" + name + ".ends` is out of order");
      each(begin, static_cast<std::uint64_t>(end) - begin);
      begin = static_cast<std::uint64_t>(end);
    }
    if (begin != size) fail("tensor `" + name + "` is longer than its lists");
  }
  Tensors tensors_;
};

// `fitted.tables` has its size already.
void read_fitted(TensorReader& r, fit::Fitted& fitted) {
  fitted.numbers = r.list<double>("fitted.numbers");
  fitted.texts = r.texts("fitted.texts");
  for (std::size_t i = 0; i < fitted.tables.size(); ++i) {
    fit::FittedTable& t = fitted.tables[i];
    const std::string name = "fitted.table." + std::to_string(i);
    t.keys = r.texts(name + ".keys");
    for (std::size_t k = 1; k < t.keys.size(); ++k)
      if (!(t.keys[k - 1] < t.keys[k])) fail("the keys of fitted table " + std::to_string(i) + " are not sorted and unique");
    std::uint64_t rows = 0, columns = 0;
    t.values = r.table<double>(name + ".values", rows, columns);
    if (rows < 1 || rows > max_list || columns != t.keys.size() + 1) fail("the values of fitted table " + std::to_string(i) + " do not fit its keys");
    t.folds = static_cast<std::int64_t>(rows) - 1;
  }
}

void read_tensors(std::string_view block, Package& p) {
  TensorReader r(read_safetensors(block));
  read_fitted(r, p.fitted);
  auto edges = r.lists<double>("drift.edges");
  auto counts = r.lists<double>("drift.counts");
  if (edges.empty() || edges.size() != counts.size()) fail("the drift references are incomplete");
  for (std::size_t i = 0; i < edges.size(); ++i) p.signature.feature_reference.push_back({std::move(edges[i]), std::move(counts[i])});
  p.signature.prediction_reference = std::move(p.signature.feature_reference.back());
  p.signature.feature_reference.pop_back();
  if (has_trees(p.model.kind)) {
    model::Forest& f = p.model.forest;
    f.base = r.list<double>("forest.base");
    f.category_sets = r.lists<std::uint64_t>("forest.category_sets");
    if (r.has("forest.terms")) {
      std::uint64_t count = 0, two = 0;
      const std::vector<std::int32_t> terms = r.table<std::int32_t>("forest.terms", count, two);
      if (two != 2) fail("`forest.terms` are pairs");
      for (std::size_t i = 0; i < terms.size(); i += 2) f.terms.push_back({terms[i], terms[i + 1]});
    }
    bool first = true;
    tree_fields(f.trees, [&]<class T>(const char* name, std::vector<T> model::Tree::* member, std::vector<model::Tree>& trees) {
      auto lists = r.lists<T>(name);
      if (first) trees.resize(lists.size());
      first = false;
      if (lists.size() != trees.size()) fail(std::string("`") + name + "` has the wrong number of trees");
      for (std::size_t t = 0; t < trees.size(); ++t) {
        trees[t].*member = std::move(lists[t]);
        const std::size_t each = std::is_same_v<T, double> && std::string_view(name) == "tree.value" ? static_cast<std::size_t>(p.model.tree_outputs()) : 1;
        if ((trees[t].*member).size() != trees[t].feature.size() * each) fail(std::string("`") + name + "` has the wrong number of nodes");
      }
    });
    if (p.model.kind == ModelKind::isolation_forest) {
      const auto numbers = r.list<double>("isolation");
      if (numbers.size() != 2) fail("`isolation` holds two numbers");
      p.model.isolation = {numbers[0], numbers[1]};
    }
  } else if (p.model.kind == ModelKind::kmeans) {
    model::Centres& c = p.model.centres;
    c.offset = r.list<std::int32_t>("kmeans.offset");
    c.width = r.list<std::int32_t>("kmeans.width");
    c.values = r.list<double>("kmeans.centres");
  } else if (p.model.kind == ModelKind::network) {
    model::Network& n = p.model.network;
    n.numbers = r.list<std::int32_t>("network.numbers");
    const std::vector<double> unit = r.list<double>("network.unit");
    if (unit.size() != 2) fail("`network.unit` holds two numbers");
    n.centre = unit[0];
    n.unit = unit[1];
    n.weights = r.network("network.weights");
    n.states = r.network("network.states");
  } else {
    model::Linear& l = p.model.linear;
    l.intercept = r.list<double>("linear.intercept");
    l.offset = r.list<std::int32_t>("linear.offset");
    l.width = r.list<std::int32_t>("linear.width");
    l.weights = r.list<double>("linear.weights");
  }
  if (p.model.calibration.method != Calibrate::none) {
    auto x = r.lists<double>("calibration.x"), y = r.lists<double>("calibration.y");
    const std::vector<double> sigmoid = r.list<double>("calibration.sigmoid");
    if (x.size() != y.size() || sigmoid.size() != 2 * x.size()) fail("the calibration curves are incomplete");
    for (std::size_t i = 0; i < x.size(); ++i) p.model.calibration.curves.push_back({std::move(x[i]), std::move(y[i]), sigmoid[2 * i], sigmoid[2 * i + 1]});
  }
  r.finish();
}

void check_reference(const DriftReference& r, std::size_t bins, const std::string& what) {
  bool good = r.counts.size() == bins && std::is_sorted(r.edges.begin(), r.edges.end()) &&
              std::adjacent_find(r.edges.begin(), r.edges.end()) == r.edges.end();
  for (const double edge : r.edges) good = good && std::isfinite(edge);
  for (const double count : r.counts) good = good && std::isfinite(count) && count >= 0;
  if (!good) fail("the drift reference of " + what + " is broken");
}

// What neither the tensors nor the model can see alone.
void check_whole(const Package& p) {
  const Signature& s = p.signature;
  const model::Model& m = p.model;
  if (s.name.empty() || s.deployment.empty()) fail("the pipeline has no name");
  if (s.request.size() != s.request_place.size()) fail("the request columns do not have a place each");
  std::set<std::string> names;
  for (std::size_t i = 0; i < s.request.size(); ++i) {
    if (s.request[i].name.empty() || !names.insert(s.request[i].name).second) fail("column names are empty or doubled");
    if (s.request_place[i] < 0 || s.request_place[i] >= s.schema_size || (i > 0 && s.request_place[i] <= s.request_place[i - 1]))
      fail("a request column has no place in the schema");
    std::string error;
    if (!s.request[i].pattern.empty() && !Pattern::compile(s.request[i].pattern, error)) fail("the pattern of column `" + s.request[i].name + "`: " + error);
  }
  if (s.schema_size > (1 << 20) || s.port < 0 || s.port > 65535 || s.source.delimiter.size() > 1) fail("the signature is out of range");
  if (const std::vector<std::string> broken = model::validate(m); !broken.empty()) fail("the model is broken: " + broken.front());
  if (s.feature_columns.size() != m.features.size() || s.feature_reference.size() != m.features.size()) fail("the signature does not fit the features");
  for (const auto& columns : s.feature_columns)
    for (const std::int32_t column : columns)
      if (column < 0 || static_cast<std::size_t>(column) >= s.request.size()) fail("a feature names a column that does not exist");
  for (std::size_t f = 0; f < m.features.size(); ++f) {
    const model::FeatureInfo& info = m.features[f];
    const DriftReference& r = s.feature_reference[f];
    if (info.table >= 0 && (static_cast<std::size_t>(info.table) >= p.fitted.tables.size() || p.fitted.tables[info.table].keys.size() != static_cast<std::size_t>(info.terms)))
      fail("the terms of feature `" + info.name + "` do not fit its fitted table");
    check_reference(r, info.width > 0 ? static_cast<std::size_t>(info.width) + 1 : r.edges.size() + 2, "feature `" + info.name + "`");
  }
  const DriftReference& r = s.prediction_reference;
  const std::size_t kinds = m.kind == ModelKind::kmeans ? static_cast<std::size_t>(m.centres.clusters) : m.classes.size() > 2 ? m.classes.size() : 0;
  check_reference(r, kinds > 0 ? kinds + 1 : r.edges.size() + 2, "the prediction");
}

}  // namespace

std::string fitted_to_bytes(const fit::Fitted& fitted) {
  std::string out;
  put(out, static_cast<std::uint64_t>(fitted.tables.size()));
  TensorWriter w;
  write_fitted(fitted, w);
  return out + w.finish();
}

fit::Fitted fitted_from_bytes(std::string_view bytes) {
  try {
    fit::Fitted fitted;
    std::uint64_t tables = 0;
    if (!take(bytes, tables) || tables > (1 << 20)) fail("the number of tables is missing or too large");
    fitted.tables.resize(tables);
    TensorReader r(read_safetensors(bytes));
    read_fitted(r, fitted);
    r.finish();
    return fitted;
  } catch (const std::runtime_error& error) {
    throw Failure(code::package_damaged, std::string("fitted values are damaged: ") + error.what(), "make them again with `mlp train`");
  }
}

std::string to_bytes(const Package& package) {
  std::string out(magic);
  put(out, format_version);
  for (const std::string& section : {package.spec, package.manifest, write_description(package), write_tensors(package)}) {
    put(out, static_cast<std::uint64_t>(section.size()));
    out += section;
  }
  out += sha256(out);
  return out;
}

Package from_bytes(std::string_view bytes, const std::string& what) {
  const auto damaged = [&](const std::string& text) -> Failure {
    return {code::package_damaged, "package `" + what + "` is damaged: " + text, "fetch it again, or make it again with `mlp train`"};
  };
  if (bytes.substr(0, magic.size()) != magic.substr(0, bytes.size()) || bytes.empty())
    throw Failure(code::not_a_package, "`" + what + "` is not a package", "packages are made by `mlp train`; `mlp runs` lists them");
  if (bytes.size() < magic.size() + 4 + digest_size) throw damaged("it is cut short");
  const std::string_view body = bytes.substr(0, bytes.size() - digest_size);
  if (sha256(body) != bytes.substr(body.size())) throw damaged("its bytes do not match its digest");
  std::string_view rest = body.substr(magic.size());
  std::uint32_t version = 0;
  take(rest, version);
  if (version != format_version)
    throw Failure(code::package_version, "package `" + what + "` has format " + std::to_string(version) + "; this program reads format " + std::to_string(format_version),
                  "use the version of mlp that made it, or train again");
  try {
    std::string_view sections[4];
    for (std::string_view& section : sections) {
      std::uint64_t size = 0;
      if (!take(rest, size) || !take(rest, size, section)) fail("a section is cut short");
    }
    if (!rest.empty()) fail("bytes are left over");
    Package p;
    p.spec = sections[0];
    p.manifest = sections[1];
    if (!values::valid_utf8(p.spec)) fail("the spec is not UTF-8");
    if (!parse_strict(p.manifest).is_object()) fail("the manifest is not an object");
    read_description(sections[2], p);
    for (const Imported& file : p.imports)
      if (!values::valid_utf8(file.text)) fail("an imported file is not UTF-8");
    read_tensors(sections[3], p);
    check_whole(p);
    return p;
  } catch (const std::runtime_error& error) {
    throw damaged(error.what());
  }
}

}  // namespace mlp::package
