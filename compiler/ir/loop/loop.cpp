#include "compiler/ir/loop/loop.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

namespace mlp::loop {
namespace {

// What the text of an instruction holds between the operation and its arguments.
enum class Immediate { none, integer, constant, symbol };
Immediate immediate(Op op) {
  switch (op) {
    case Op::constant: return Immediate::constant;
    case Op::load: case Op::present: case Op::fitted: case Op::fitted_text: case Op::table_code: case Op::table_value: case Op::table_size: case Op::bag:
      return Immediate::integer;
    case Op::call: return Immediate::symbol;
    default: return Immediate::none;
  }
}
std::string_view spell(Op op) { return ir::enum_words<Op>::words[static_cast<int>(op)]; }
std::string_view spell(Kind kind) { return ir::enum_words<Kind>::words[static_cast<int>(kind)]; }
std::string spell(ValueId id) { return "%" + std::to_string(id.index); }

std::string print(const Instr& i) {
  std::string out(spell(i.op));
  std::string lead = " ";
  const auto next = [&](const std::string& part) {
    (out += lead) += part;
    lead = ", ";
  };
  switch (immediate(i.op)) {
    case Immediate::none: break;
    case Immediate::integer: next(std::to_string(i.integer)); break;
    case Immediate::symbol: next(i.text); break;
    case Immediate::constant:
      next(i.kind == Kind::f64 ? ir::exact(i.real) : i.kind == Kind::i64 ? std::to_string(i.integer)
           : i.kind == Kind::boolean ? (i.integer ? "true" : "false") : ir::quote(i.text));
      break;
  }
  for (const ValueId a : i.args) next(spell(a));
  return out;
}

// Reads one line at a time.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  bool next() {
    while (pos_ < text_.size()) {
      const std::size_t end = std::min(text_.find('\n', pos_), text_.size());
      rest_ = text_.substr(pos_, end - pos_);
      pos_ = end + 1;
      ++number_;
      blanks();
      if (!rest_.empty()) return true;
    }
    return false;
  }
  bool done() { blanks(); return rest_.empty(); }
  bool accept(std::string_view token) {
    blanks();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) { if (!accept(token)) fail("`" + std::string(token) + "` expected"); }
  std::string word() {
    blanks();
    std::size_t n = 0;
    while (n < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[n])) || rest_[n] == '_' || rest_[n] == '-' || rest_[n] == '.' || rest_[n] == '+')) ++n;
    if (n == 0) fail("a word is missing");
    const std::string w(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return w;
  }
  template <class T>
  T number() {
    const std::string w = word();
    T value{};
    const auto r = std::from_chars(w.data(), w.data() + w.size(), value);
    if (r.ec != std::errc() || r.ptr != w.data() + w.size()) fail("`" + w + "` is no number");
    return value;
  }
  std::string string() {
    expect("\"");
    std::string out;
    while (true) {
      if (rest_.empty()) fail("a text does not end");
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (c != '\\') { out += c; continue; }
      if (rest_.empty()) fail("a text does not end");
      const char escape = rest_.front();
      rest_.remove_prefix(1);
      if (escape == 'n') out += '\n';
      else if (escape == 'x') {
        int byte = 0;
        if (rest_.size() < 2 || std::from_chars(rest_.data(), rest_.data() + 2, byte, 16).ptr != rest_.data() + 2) fail("two hex digits expected");
        out += static_cast<char>(byte);
        rest_.remove_prefix(2);
      } else out += escape;
    }
  }
  ValueId value() {
    expect("%");
    return ValueId{number<std::int32_t>()};
  }
  template <class E>
  E one_of() {
    const std::string w = word();
    int i = 0;
    for (const std::string_view known : ir::enum_words<E>::words) {
      if (known == w) return static_cast<E>(i);
      ++i;
    }
    fail("unknown word `" + w + "`");
  }
  [[noreturn]] void fail(const std::string& what) const { throw ir::TextError(number_, what); }

 private:
  void blanks() { while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1); }
  std::string_view text_, rest_;
  std::size_t pos_ = 0;
  int number_ = 0;
};

Instr parse_instr(Lines& l) {
  Instr i;
  i.kind = l.one_of<Kind>();
  l.expect("=");
  i.op = l.one_of<Op>();
  bool first = true;
  const auto comma = [&] {
    if (!first) l.expect(",");
    first = false;
  };
  switch (immediate(i.op)) {
    case Immediate::none: break;
    case Immediate::integer: comma(); i.integer = l.number<std::int64_t>(); break;
    case Immediate::symbol: comma(); i.text = l.word(); break;
    case Immediate::constant:
      comma();
      if (i.kind == Kind::f64) i.real = l.number<double>();
      else if (i.kind == Kind::i64) i.integer = l.number<std::int64_t>();
      else if (i.kind == Kind::string) i.text = l.string();
      else {
        const std::string w = l.word();
        if (w != "true" && w != "false") l.fail("`true` or `false` expected");
        i.integer = w == "true";
      }
      break;
  }
  while (!l.done()) {
    comma();
    i.args.push_back(l.value());
  }
  return i;
}

class KernelVerifier {
 public:
  KernelVerifier(const Kernel& kernel, std::vector<std::string>& broken) : k_(kernel), broken_(broken) {}

  void run() {
    for (std::size_t i = 0; i < k_.body.size(); ++i) {
      where_ = "kernel " + k_.name + ", %" + std::to_string(i);
      if (arguments_known(static_cast<std::int32_t>(i))) instruction(k_.body[i]);
    }
    if (k_.outputs.empty()) broken_.push_back("kernel " + k_.name + ": an output is missing");
    for (const Output& o : k_.outputs) {
      where_ = "kernel " + k_.name + ", output " + o.name;
      if (!o.value.known() || static_cast<std::size_t>(o.value.index) >= k_.body.size()) say("its value does not exist");
      if (o.present.known() && (static_cast<std::size_t>(o.present.index) >= k_.body.size() || k_.body[o.present.index].kind != Kind::boolean)) say("presence is a boolean");
    }
  }

 private:
  void say(const std::string& what) { broken_.push_back(where_ + ": " + what); }
  bool arguments_known(std::int32_t i) {
    for (const ValueId a : k_.body[i].args)
      if (!a.known() || a.index >= i) {
        say("an argument must stand before its user");
        return false;
      }
    return true;
  }
  Kind arg(const Instr& i, std::size_t n) const { return k_.body[i.args[n].index].kind; }

  // The one shape that an instruction may have: kinds of its arguments, then of its result.
  bool shape(const Instr& i, std::initializer_list<Kind> args, Kind result) {
    bool right = i.args.size() == args.size() && i.kind == result;
    std::size_t n = 0;
    for (const Kind k : args) {
      right = right && arg(i, n) == k;
      ++n;
    }
    return right;
  }
  void instruction(const Instr& i) {
    bool right = true;
    switch (i.op) {
      case Op::constant: right = i.args.empty() && i.kind != Kind::bag && (i.kind != Kind::boolean || i.integer == 0 || i.integer == 1); break;
      case Op::load: right = i.args.empty() && i.kind != Kind::bag && i.integer >= 0; break;
      case Op::present: right = shape(i, {}, Kind::boolean) && i.integer >= 0; break;
      case Op::fitted: right = shape(i, {}, Kind::f64) && i.integer >= 0; break;
      case Op::fitted_text: right = shape(i, {}, Kind::string) && i.integer >= 0; break;
      case Op::table_code: right = shape(i, {Kind::string}, Kind::i64) && i.integer >= 0; break;
      case Op::table_value: right = shape(i, {Kind::i64}, Kind::f64) && i.integer >= 0; break;
      case Op::table_size: right = shape(i, {}, Kind::i64) && i.integer >= 0; break;
      case Op::add: case Op::sub: case Op::mul:
        right = shape(i, {Kind::f64, Kind::f64}, Kind::f64) || shape(i, {Kind::i64, Kind::i64}, Kind::i64); break;
      case Op::div: right = shape(i, {Kind::f64, Kind::f64}, Kind::f64); break;
      case Op::neg: right = shape(i, {Kind::f64}, Kind::f64) || shape(i, {Kind::i64}, Kind::i64); break;
      case Op::eq: case Op::ne: case Op::lt: case Op::le: case Op::gt: case Op::ge:
        right = shape(i, {Kind::f64, Kind::f64}, Kind::boolean) || shape(i, {Kind::i64, Kind::i64}, Kind::boolean); break;
      case Op::and_: case Op::or_: right = shape(i, {Kind::boolean, Kind::boolean}, Kind::boolean); break;
      case Op::not_: right = shape(i, {Kind::boolean}, Kind::boolean); break;
      case Op::select: right = i.args.size() == 3 && shape(i, {Kind::boolean, i.kind, i.kind}, i.kind); break;
      case Op::to_f64: right = shape(i, {Kind::i64}, Kind::f64) || shape(i, {Kind::boolean}, Kind::f64); break;
      case Op::to_i64: right = shape(i, {Kind::boolean}, Kind::i64); break;
      case Op::bag: right = shape(i, {Kind::string, Kind::i64}, Kind::bag) && i.integer >= 0; break;
      case Op::hash_bag: right = shape(i, {Kind::string, Kind::i64}, Kind::bag); break;
      case Op::call: right = !i.text.empty() && i.kind != Kind::bag; break;
    }
    if (!right) say("`" + print(i) + "` has the wrong arguments for a " + std::string(spell(i.kind)));
  }

  const Kernel& k_;
  std::vector<std::string>& broken_;
  std::string where_;
};

}  // namespace

const Kernel* Module::find(std::string_view name) const {
  for (const Kernel& k : kernels)
    if (k.name == name) return &k;
  return nullptr;
}

std::string print(const Module& module) {
  std::string out = "loop 1\n";
  for (const External& e : module.externals) {
    out += "extern " + e.symbol + " = " + ir::quote(e.name) + " in " + ir::quote(e.file) + " (";
    for (std::size_t i = 0; i < e.parameters.size(); ++i) out += (i ? " " : "") + std::string(spell(e.parameters[i]));
    out += ") " + std::string(spell(e.result)) + " " + ir::quote(e.text) + "\n";
  }
  for (const Kernel& k : module.kernels) {
    out += "kernel " + k.name + "\n";
    for (std::size_t i = 0; i < k.body.size(); ++i)
      out += "  %" + std::to_string(i) + ": " + std::string(spell(k.body[i].kind)) + " = " + print(k.body[i]) + "\n";
    for (const Output& o : k.outputs)
      out += "  output " + ir::quote(o.name) + " = " + spell(o.value) + (o.present.known() ? " present " + spell(o.present) : "") + "\n";
  }
  ir::Writer functions;
  for (const Function& f : module.network) print(functions, f);
  return out + functions.take();
}

Module parse_text(std::string_view text) {
  const std::size_t functions = std::min(text.find("\nfunction "), text.size() - 1) + 1;  // they stand last
  Lines l(text.substr(0, functions));
  if (!l.next()) l.fail("`loop 1` expected");
  l.expect("loop");
  l.expect("1");
  Module module;
  while (true) {
    if (!l.done()) l.fail("the line should end here");
    if (!l.next()) break;
    if (l.accept("extern")) {
      External e;
      e.symbol = l.word();
      l.expect("=");
      e.name = l.string();
      l.expect("in");
      e.file = l.string();
      l.expect("(");
      while (!l.accept(")")) e.parameters.push_back(l.one_of<Kind>());
      e.result = l.one_of<Kind>();
      e.text = l.string();
      module.externals.push_back(std::move(e));
      continue;
    }
    if (l.accept("kernel")) {
      module.kernels.emplace_back().name = l.word();
      continue;
    }
    if (module.kernels.empty()) l.fail("`kernel` expected");
    Kernel& k = module.kernels.back();
    if (l.accept("output")) {
      Output o;
      o.name = l.string();
      l.expect("=");
      o.value = l.value();
      if (l.accept("present")) o.present = l.value();
      k.outputs.push_back(std::move(o));
      continue;
    }
    if (l.value().index != static_cast<std::int32_t>(k.body.size())) l.fail("values must count up from %0");
    l.expect(":");
    k.body.push_back(parse_instr(l));
  }
  ir::Reader r(text.substr(functions));
  while (!r.at_end()) module.network.push_back(read_function(r));
  return module;
}

std::vector<std::string> verify(const Module& module) {
  std::vector<std::string> broken;
  std::set<std::string> names;
  for (const Kernel& k : module.kernels) {
    if (k.name.empty() || !names.insert(k.name).second) broken.push_back("kernel " + k.name + ": a name of its own");
    KernelVerifier(k, broken).run();
  }
  for (const Function& f : module.network)
    for (std::string& line : verify(f)) broken.push_back(std::move(line));
  return broken;
}

std::vector<std::int32_t> plain_columns(const Kernel& kernel) {
  const auto at = [&](ValueId id) -> const Instr& { return kernel.body[id.index]; };
  const auto column = [&](ValueId id) {
    const Instr& value = at(id);
    if (value.op == Op::load && value.kind == Kind::f64) return static_cast<std::int32_t>(value.integer);
    if (value.op != Op::select || value.kind != Kind::f64) return -1;
    const Instr &there = at(value.args[0]), &then = at(value.args[1]), &otherwise = at(value.args[2]);
    const bool plain = there.op == Op::present && then.op == Op::load && then.integer == there.integer && otherwise.op == Op::constant && std::isnan(otherwise.real);
    return plain ? static_cast<std::int32_t>(then.integer) : -1;
  };
  std::vector<std::int32_t> out;
  for (const Output& output : kernel.outputs) out.push_back(column(output.value));
  return out;
}

}  // namespace mlp::loop
