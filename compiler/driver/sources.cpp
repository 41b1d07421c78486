#include "compiler/driver/sources.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/codes/modules.h"
#include "base/codes/types.h"
#include "base/files.h"
#include "compiler/parse/parse.h"

namespace mlp::driver {
namespace {

namespace fs = std::filesystem;

class Loader {
 public:
  Loader(Unit& unit, const Options& options) : unit_(unit), options_(options), base_(fs::path(unit.sources.name(0)).parent_path()) {}

  void run() {
    unit_.file = parse(unit_.sources, 0, unit_.diagnostics);
    const std::vector<ast::Import> imports = unit_.file.imports;  // the file grows
    open_ = {fs::path(unit_.sources.name(0)).filename().string()};
    for (ast::Function& f : unit_.file.functions) read_c(f, "");
    for (const ast::Import& i : imports) import(i, "");
  }

 private:
  // The text of an extern fn, which travels with the imports.
  void read_c(ast::Function& f, const std::string& directory) {
    if (!f.external()) return;
    const auto refuse = [&](const std::string& why) -> Diagnostic& { return unit_.diagnostics.report(code::import_missing, why).at(f.file_span, "named here"); };
    const fs::path written(f.file);
    if (written.is_absolute() || written.extension() != ".c") {
      refuse(written.is_absolute() ? "the file of an `extern fn` cannot be absolute" : "an `extern fn` comes from a `.c` file").suggest("write the path from this file: `from \"geo.c\"`");
      return;
    }
    const std::string key = (fs::path(directory) / written).lexically_normal().generic_string();
    for (const Imported& have : unit_.imports)
      if (have.path == key) return void(f.source = have.source);
    try {
      f.source = unit_.sources.add((base_ / key).generic_string(), options_.read ? options_.read(key) : read_file(base_ / key));
    } catch (const Failure& failure) {
      refuse(failure.diagnostic.message).suggest("the path is relative to `" + unit_.sources.name(f.file_span.source) + "`");
      return;
    }
    unit_.imports.push_back({key, f.source, f.file_span});
  }

  // `directory`: of the importing file, relative to the spec.
  void import(const ast::Import& i, const std::string& directory) {
    const auto refuse = [&](const std::string& why) -> Diagnostic& { return unit_.diagnostics.report(code::import_missing, why).at(i.path_span, "imported here"); };
    const fs::path written(i.path);
    if (written.is_absolute() || written.extension() != ".mlp") {
      refuse(written.is_absolute() ? "an import cannot be absolute" : "an import names a `.mlp` file").suggest("write the path from this file: `import \"common/customer.mlp\"`");
      return;
    }
    const std::string key = (fs::path(directory) / written).lexically_normal().generic_string();
    if (const auto at = std::find(open_.begin(), open_.end(), key); at != open_.end()) {
      std::string chain;
      for (auto file = at; file != open_.end(); ++file) chain += "`" + *file + "` imports ";
      unit_.diagnostics.report(code::import_cycle, chain + "`" + key + "`").at(i.path_span, "closes the circle").suggest("move what both need to a file of its own");
      return;
    }
    if (!done_.insert({key, i.path_span}).second) return;
    std::string text;
    try {
      text = options_.read ? options_.read(key) : read_file(base_ / key);
    } catch (const Failure& failure) {
      refuse(failure.diagnostic.message).suggest("the path is relative to `" + unit_.sources.name(i.path_span.source) + "`");
      return;
    }
    const std::int32_t source = unit_.sources.add((base_ / key).generic_string(), std::move(text));
    unit_.imports.push_back({key, source, i.path_span});
    ast::File file = parse(unit_.sources, source, unit_.diagnostics);
    const std::string own = fs::path(key).parent_path().generic_string();
    for (ast::Source& s : file.sources) s.directory = own;
    for (ast::Function& f : file.functions) read_c(f, own);
    const std::vector<ast::Import> inner = file.imports;
    ast::append(unit_.file, file);
    open_.push_back(key);
    for (const ast::Import& next : inner) import(next, own);
    open_.pop_back();
  }

  Unit& unit_;
  const Options& options_;
  fs::path base_;
  std::vector<std::string> open_;       // the chain of files from the spec to here
  std::map<std::string, Span> done_;
};

// The literal that a value spells, for a param of that type; a setting has none.
ast::ExprId literal(ast::File& file, std::int32_t source, std::uint32_t begin, const std::string& value, const std::string& type) {
  ast::Expr e;
  e.span = {source, begin, begin + static_cast<std::uint32_t>(value.size())};
  const auto add = [&](ast::Expr expr) {
    file.exprs.push_back(std::move(expr));
    return ast::ExprId{static_cast<std::int32_t>(file.exprs.size()) - 1};
  };
  const auto digit = [&](std::size_t at) { return at < value.size() && value[at] >= '0' && value[at] <= '9'; };
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (type == "string" || type == "category" || type == "text" || type == "id" || quoted) {
    e.kind = ast::ExprKind::string;
    e.text = quoted ? value.substr(1, value.size() - 2) : value;
  } else if (value == "true" || value == "false") {
    e.kind = ast::ExprKind::boolean;
    e.text = value;
  } else if (value.starts_with("@") || ((type == "date" || type == "timestamp") && digit(0))) {
    e.kind = ast::ExprKind::date;
    e.text = value.starts_with("@") ? value : "@" + value;
  } else if (value.starts_with("-") && digit(1)) {
    ast::Expr number{.kind = ast::ExprKind::number, .span = {source, begin + 1, e.span.end}, .text = value.substr(1)};
    e.kind = ast::ExprKind::unary;
    e.text = "-";
    e.args = {add(std::move(number))};
  } else {
    e.kind = digit(0) ? ast::ExprKind::number : ast::ExprKind::name;
    e.text = value;
  }
  return add(std::move(e));
}

}  // namespace

void load_sources(Unit& unit, const Options& options) { Loader(unit, options).run(); }

void assign(Unit& unit, const std::vector<Assignment>& set, const std::vector<Assignment>& tuned) {
  ast::File& file = unit.file;
  const auto source_of = [&](const Assignment& a, const char* name) { return unit.sources.add(name, a.name + "=" + a.value); };
  const auto set_param = [&](const Assignment& a, std::int32_t source) {
    bool found = false;
    for (ast::Param& p : file.params) {
      if (p.head.name != a.name) continue;
      p.value = literal(file, source, static_cast<std::uint32_t>(a.name.size()) + 1, a.value, p.type.name);
      p.set = found = true;
    }
    return found;
  };
  for (const Assignment& a : set) {
    const std::int32_t source = source_of(a, "--set");
    if (set_param(a, source)) continue;
    std::vector<std::string> names;
    for (const ast::Param& p : file.params) names.push_back(p.head.name);
    const std::string near = nearest(a.name, names);
    std::string list;
    for (const std::string& n : names) list += (list.empty() ? "`" : ", `") + n + "`";
    unit.diagnostics.report(code::bad_set, "the spec has no param `" + a.name + "`")
        .at({source, 0, static_cast<std::uint32_t>(a.name.size())}, "not known")
        .suggest(!near.empty() ? "did you mean `" + near + "`?" : names.empty() ? "it declares none: `param " + a.name + ": float = 1`" : "its params are " + list);
  }
  for (const Assignment& a : tuned) {
    const std::int32_t source = source_of(a, "tune");
    if (set_param(a, source) || file.models.empty()) continue;
    std::vector<ast::Setting>& settings = file.models.front().settings;
    const auto same = std::find_if(settings.begin(), settings.end(), [&](const ast::Setting& s) { return s.name == a.name; });
    const ast::ExprId value = literal(file, source, static_cast<std::uint32_t>(a.name.size()) + 1, a.value, "");
    if (same != settings.end()) same->value = value;
    else settings.push_back({a.name, {source, 0, static_cast<std::uint32_t>(a.name.size())}, value});
  }
  for (ast::Tune& t : file.tunes) t.settled = t.settled || !tuned.empty();
}

}  // namespace mlp::driver
