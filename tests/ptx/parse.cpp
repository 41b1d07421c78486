// The text that LLVM writes: a line holds one statement or a part of one.
#include <charconv>
#include <cstring>
#include <regex>
#include <sstream>

#include "tests/ptx/program.h"

namespace mlp::ptx {
namespace {

std::size_t bytes_of(std::string_view type) {          // of u64, f32, b8 and so on
  if (type == "pred") return 1;
  int bits = 0;
  std::from_chars(type.data() + 1, type.data() + type.size(), bits);
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64) throw Error("unknown type " + std::string(type));
  return static_cast<std::size_t>(bits) / 8;
}
std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t"), to = text.find_last_not_of(" \t");
  return from == text.npos ? std::string_view() : text.substr(from, to - from + 1);
}
std::vector<std::string_view> split(std::string_view text, char by) {   // but not within brackets
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && (text[i] == '{' || text[i] == '[' || text[i] == '(')) ++depth;
    if (i < text.size() && (text[i] == '}' || text[i] == ']' || text[i] == ')')) --depth;
    if (i < text.size() && (text[i] != by || depth > 0)) continue;
    if (const std::string_view part = trimmed(text.substr(from, i - from)); !part.empty()) parts.push_back(part);
    from = i + 1;
  }
  return parts;
}
std::uint64_t number(std::string_view text) {
  const bool negative = text.starts_with('-'), hexadecimal = text.starts_with("0x") || text.starts_with("0f") || text.starts_with("0d");  // 0f and 0d: bits of a float
  const std::string_view digits = text.substr(negative ? 1 : hexadecimal ? 2 : 0);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size()) throw Error("not a number: " + std::string(text));
  return negative ? -value : value;
}

struct Statement {
  std::string text;
  int line;
};
// A label, a brace that opens or closes a body, or what a semicolon ends.
std::vector<Statement> statements_of(std::string_view text) {
  std::vector<Statement> made;
  std::istringstream in{std::string(text)};
  std::string begun;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const std::string_view part = trimmed(std::string_view(line).substr(0, line.find("//")));
    if (part.empty()) continue;
    begun += (begun.empty() ? "" : " ") + std::string(part);
    const bool directive = begun.starts_with(".version") || begun.starts_with(".target") || begun.starts_with(".address_size");
    if (!directive && !part.ends_with(';') && !part.ends_with(':') && !part.ends_with('{') && !part.ends_with('}')) continue;
    if (!directive) made.push_back({begun, number});
    begun.clear();
  }
  if (!begun.empty()) throw Error("line " + std::to_string(number) + ": the text ends within a statement: " + begun);
  return made;
}

}  // namespace

class Parser {
 public:
  Parser(Program& program, std::string_view text) : program_(program) {
    std::vector<Body> kernels;
    Body* within = nullptr;
    int depth = 0;
    for (const Statement& statement : statements_of(text)) {
      const std::string& s = statement.text;
      if (within) {
        depth += s == "{" ? 1 : s == "}" ? -1 : 0;
        if (depth == 0) within = nullptr;
        else within->statements.push_back(statement);
      } else if (s.ends_with('{')) {
        Body made = header(s);
        within = made.is_kernel ? &kernels.emplace_back(std::move(made)) : &(functions_[made.name] = std::move(made));
        depth = 1;
      } else if (s.find(".func") == s.npos) {
        at_line(statement, [&] { variable(s); });
      }
    }
    if (within) throw Error("the text ends within " + within->name);
    for (const Body& body : kernels) write(body);
  }

 private:
  struct Declared {
    std::string name;
    std::size_t aligned, bytes;
  };
  struct Body {
    bool is_kernel = false;
    std::string name;
    std::vector<Declared> parameters;                   // a result first
    std::vector<Statement> statements;
  };
  struct Place {
    Space space;
    std::uint64_t at;
  };
  struct Scope {                                        // of a kernel's body, or of a function's where it is called
    std::string prefix;                                 // of labels
    std::map<std::string, int> registers;
    std::map<std::string, std::uint64_t> declared;      // %rd of .reg .b64 %rd<19>
    std::map<std::string, Place> places;
  };

  template <class F>
  void at_line(const Statement& statement, F&& f) {
    line_ = statement.line;
    try {
      f();
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with("line ")) throw;
      throw Error("line " + std::to_string(statement.line) + ": " + error.what() + ": " + statement.text);
    }
  }

  static Body header(const std::string& text) {
    static const std::regex name(R"(\.(entry|func)\s+(?:\([^)]*\)\s*)?([\w$]+))"), parameter(R"(\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+([\w$]+)(?:\[(\d+)\])?)");
    std::smatch found;
    if (!std::regex_search(text, found, name)) throw Error("not understood: " + text);
    Body made{found[1] == "entry", found[2], {}, {}};
    for (std::sregex_iterator it(text.begin(), text.end(), parameter), end; it != end; ++it) {
      const std::size_t each = bytes_of((*it)[2].str());
      made.parameters.push_back({(*it)[3], (*it)[1].matched ? number((*it)[1].str()) : each, each * ((*it)[4].matched ? number((*it)[4].str()) : 1)});
    }
    std::size_t declared = 0;
    for (std::size_t at = text.find(".param"); at != text.npos; at = text.find(".param", at + 1)) ++declared;
    if (declared != made.parameters.size()) throw Error("parameters that are not understood: " + text);
    return made;
  }
  static std::size_t place(std::size_t& size, const Declared& of) {
    const std::size_t at = (size + of.aligned - 1) / of.aligned * of.aligned;
    size = at + of.bytes;
    return at;
  }

  void write(const Body& body) {
    kernel_ = &program_.kernels_[body.name];
    kernel_->name = body.name;
    constant_registers_.clear(), special_registers_.clear(), shared_.clear(), labels_.clear(), jumps_.clear();
    scope_ = {};
    calls_ = 0;
    for (const Declared& parameter : body.parameters) {
      scope_.places[parameter.name] = {Space::parameter, place(kernel_->parameter_bytes, parameter)};
      kernel_->parameters.push_back({scope_.places[parameter.name].at, parameter.bytes});
    }
    for (const Statement& statement : body.statements) at_line(statement, [&] { in_body(statement.text); });
    for (const auto& [at, label] : jumps_) {
      const auto found = labels_.find(label);
      if (found == labels_.end()) throw Error("no label " + label);
      kernel_->code[at].target = found->second;
    }
    kernel_ = nullptr;
  }

  // .shared .align 16 .b8 name[64]; .global .align 8 .b8 name[4] = {1, 2, 3, 4};
  void variable(const std::string& text) {
    static const std::regex form(R"(^(?:\.(?:visible|weak|extern)\s+)?\.(shared|local|param|const|global)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+([\w$]+)(?:\[(\d+)\])?\s*(?:=\s*(.*?)\s*)?;$)");
    // A long table is cut off first: the library's expressions are recursive.
    const auto table = text.find('=');
    const std::string declaration = table == text.npos ? text : text.substr(0, table) + ";";
    std::smatch found;
    if (!std::regex_match(declaration, found, form)) throw Error("not understood");
    const std::size_t each = bytes_of(found[3].str()), count = found[5].matched ? number(found[5].str()) : 1;
    const Declared declared{found[4], found[2].matched ? number(found[2].str()) : each, each * count};
    const std::string space = found[1];
    if (space == "shared" && !kernel_) {
      shared_of_module_[declared.name] = declared;
    } else if (space == "shared") {
      scope_.places[declared.name] = {Space::shared, place(kernel_->shared_bytes, declared)};
    } else if (space == "local" || space == "param") {  // of calls
      scope_.places[declared.name] = {Space::local, place(kernel_->local_bytes, declared)};
    } else {
      std::vector<std::uint64_t>& values = program_.variables_[declared.name];
      values.resize((declared.bytes + 7) / 8);
      if (table == text.npos) return;
      std::string_view list = trimmed(std::string_view(text).substr(table + 1, text.size() - table - 2));
      if (list.starts_with('{')) list = list.substr(1, list.size() - 2);
      std::size_t at = 0;
      for (const std::string_view value : split(list, ',')) {
        const std::uint64_t bits = number(value);
        if (at == count) throw Error("too many values");
        std::memcpy(reinterpret_cast<char*>(values.data()) + each * at++, &bits, each);
      }
    }
  }

  void in_body(const std::string& text) {
    if (text == "{" || text == "}" || text.starts_with(".pragma")) return;
    if (text.starts_with('{')) {                        // several statements, for a register of their own
      for (const std::string_view part : split(std::string_view(text).substr(1, text.size() - 2), ';')) in_body(std::string(part) + ";");
    } else if (text.starts_with(".reg")) {
      const auto from = text.find_last_of(" \t") + 1;
      const std::string name = text.substr(from, text.size() - from - 1);
      if (const auto count = name.find('<'); count == name.npos) scope_.registers.try_emplace(name, kernel_->registers++);
      else scope_.declared[name.substr(0, count)] = number(std::string_view(name).substr(count + 1, name.size() - count - 2));
    } else if (text.ends_with(':')) {
      label(text.substr(0, text.size() - 1));
    } else if (text.starts_with('.')) {
      variable(text);
    } else {
      instruction(trimmed(std::string_view(text).substr(0, text.size() - 1)));
    }
  }
  void label(const std::string& name) { labels_[scope_.prefix + name] = static_cast<int>(kernel_->code.size()); }
  void jump(Instruction& made, const std::string& to) {
    made.does = Does::branch;
    jumps_.push_back({kernel_->code.size(), scope_.prefix + to});
  }

  void instruction(std::string_view text) {
    Instruction made;
    made.line = line_;
    if (text.starts_with('@')) {
      const auto end = text.find_first_of(" \t");
      std::string_view name = text.substr(1, end - 1);
      if ((made.unless = name.starts_with('!'))) name.remove_prefix(1);
      made.predicate = value(name);
      text = trimmed(text.substr(end));
    }
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    const std::string name(text.substr(0, end));
    const std::vector<std::string_view> operands = split(text.substr(end), ',');
    const std::vector<std::string_view> parts = split(name, '.');
    const std::string_view what = parts[0];
    const auto expect = [&](std::size_t count) {
      if (operands.size() != count) throw Error("not " + std::to_string(count) + " operands");
    };
    if (what == "call") {
      if (made.predicate >= 0) throw Error("a call of some threads");
      return call(operands);
    }
    if (what == "bra") {
      expect(1);
      jump(made, std::string(operands[0]));
    } else if (what == "ret" || what == "exit") {
      expect(0);
      if (scope_.prefix.empty() || what == "exit") made.does = Does::leave;
      else jump(made, "end");
    } else if (name == "bar.sync" || name == "bar.warp.sync") {
      expect(1);
      if (operands[0] != (name == "bar.sync" ? "0" : "-1")) throw Error("a barrier of some threads");
      made.does = name == "bar.sync" ? Does::barrier : Does::warp_barrier;
    } else if (what == "ld" || what == "st") {
      expect(2);
      made.does = what == "ld" ? Does::load : Does::store;
      for (const std::string_view part : parts) {
        if (part == "global" || part == "const") made.space = Space::global;
        if (part == "shared") made.space = Space::shared;
        if (part == "local") made.space = Space::local;
        if (part == "param") made.space = Space::parameter;
        if (part == "nc") made.unchanged = true;
      }
      made.bytes = static_cast<int>(bytes_of(parts.back()));
      made.is_signed = parts.back()[0] == 's';
      made.count = several(operands[what == "ld" ? 0 : 1], made.to);
      address(operands[what == "ld" ? 1 : 0], made);
    } else if (what == "mov" && operands.size() == 2 && (operands[0][0] == '{' || operands[1][0] == '{')) {
      made.bytes = static_cast<int>(bytes_of(parts.back()));
      const int to = several(operands[0], made.to), from = several(operands[1], made.from);
      made.operation = from > to ? joins(from) : parts_of(to);
    } else {
      const Known* const known = find_operation(name);
      if (!known) throw Error("unknown instruction");
      expect(known->operands);
      made.operation = known->operation;
      made.to[0] = value(operands[0]);
      for (std::size_t i = 1; i < operands.size(); ++i) made.from[i - 1] = value(operands[i]);
      if (what == "addc" || what == "subc") made.from[2] = value("%carry");
      if (name.find(".cc") != name.npos) made.to[1] = value("%carry");
    }
    kernel_->code.push_back(made);
  }

  // The function's statements, with its parameters where the caller put them.
  void call(const std::vector<std::string_view>& operands) {
    std::vector<std::string_view> given;
    std::string name;
    for (const std::string_view operand : operands) {
      if (!operand.starts_with('(')) name = operand;
      else for (const std::string_view one : split(operand.substr(1, operand.size() - 2), ',')) given.push_back(one);
    }
    const auto found = functions_.find(name);
    if (found == functions_.end()) throw Error("no function " + name);
    const Body& function = found->second;
    if (function.parameters.size() != given.size()) throw Error("not as many parameters");
    Scope inside{std::to_string(++calls_) + ":", {}, {}, {}};
    for (std::size_t i = 0; i < given.size(); ++i) {
      const auto place = scope_.places.find(std::string(given[i]));
      if (place == scope_.places.end()) throw Error("unknown name " + std::string(given[i]));
      inside.places[function.parameters[i].name] = place->second;
    }
    if (scope_.prefix.size() > 40) throw Error("calls that are too deep");
    inside.prefix = scope_.prefix + inside.prefix;
    std::swap(scope_, inside);
    for (const Statement& statement : function.statements) at_line(statement, [&] { in_body(statement.text); });
    label("end");
    std::swap(scope_, inside);
  }

  int several(std::string_view text, std::array<int, 4>& to) {
    if (!text.starts_with('{')) return to[0] = value(text), 1;
    const std::vector<std::string_view> parts = split(text.substr(1, text.size() - 2), ',');
    if (parts.size() != 2 && parts.size() != 4) throw Error("not two or four values");
    for (std::size_t i = 0; i < parts.size(); ++i) to[i] = value(parts[i]);
    return static_cast<int>(parts.size());
  }
  void address(std::string_view text, Instruction& of) {  // [%rd1+8], [name]
    text = text.substr(1, text.size() - 2);
    const auto plus = text.find('+');
    const std::string_view base = trimmed(text.substr(0, plus));
    of.from[0] = value(base);
    if (plus != text.npos) of.offset = static_cast<std::int64_t>(number(trimmed(text.substr(plus + 1))));
    const auto place = scope_.places.find(std::string(base));
    if (of.space == Space::parameter && place != scope_.places.end()) of.space = place->second.space;
    else if (of.space == Space::parameter && !scope_.prefix.empty()) throw Error("an address of a function's parameter");
  }
  int constant(std::uint64_t bits) {
    const auto [at, made] = constant_registers_.try_emplace(bits, kernel_->registers);
    if (made) kernel_->constants.push_back({kernel_->registers++, bits});
    return at->second;
  }
  // The register of an operand.
  int value(std::string_view text) {
    const std::string name(text);
    if (const auto known = scope_.registers.find(name); known != scope_.registers.end()) return known->second;
    if (text.starts_with('%')) {
      static const std::map<std::string_view, int Kernel::*> special{{"%tid.x", &Kernel::thread}, {"%ctaid.x", &Kernel::block}, {"%ntid.x", &Kernel::threads}, {"%nctaid.x", &Kernel::blocks}};
      if (const auto found = special.find(text); found != special.end()) {
        const auto [at, made] = special_registers_.try_emplace(name, kernel_->registers);
        if (made) kernel_->*found->second = kernel_->registers++;
        return at->second;
      }
      const auto digits = std::min(text.find_first_of("0123456789"), text.size());
      const auto declared = scope_.declared.find(name.substr(0, digits));
      if (name != "%carry" && (declared == scope_.declared.end() || digits == text.size() || number(text.substr(digits)) >= declared->second)) throw Error("unknown register " + name);
      return scope_.registers[name] = kernel_->registers++;
    }
    if (text[0] == '-' || (text[0] >= '0' && text[0] <= '9')) return constant(number(text));
    if (const auto found = scope_.places.find(name); found != scope_.places.end()) return constant(found->second.at);
    if (const auto found = shared_of_module_.find(name); found != shared_of_module_.end()) {
      if (!shared_.contains(name)) shared_[name] = place(kernel_->shared_bytes, found->second);
      return constant(shared_[name]);
    }
    if (const auto found = program_.variables_.find(name); found != program_.variables_.end()) return constant(reinterpret_cast<std::uintptr_t>(found->second.data()));
    throw Error("unknown name " + name);
  }

  Program& program_;
  std::map<std::string, Body> functions_;
  std::map<std::string, Declared> shared_of_module_;
  int line_ = 0;
  // Of the kernel at hand
  Kernel* kernel_ = nullptr;
  Scope scope_;
  int calls_ = 0;
  std::map<std::string, int> labels_, special_registers_;
  std::map<std::uint64_t, int> constant_registers_;
  std::map<std::string, std::uint64_t> shared_;         // of the module, that it uses
  std::vector<std::pair<std::size_t, std::string>> jumps_;
};

Program::Program(std::string_view text) { Parser(*this, text.substr(0, text.find('\0'))); }
const Kernel* Program::find(const std::string& name) const {
  const auto at = kernels_.find(name);
  return at == kernels_.end() ? nullptr : &at->second;
}

}  // namespace mlp::ptx
