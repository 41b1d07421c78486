#include <map>

#include "base/diagnostic.h"
#include "compiler/onnx/network.h"

namespace mlp::onnx {
namespace {

// Of the same meaning in ONNX.
const std::map<std::string, const char*> same = {
    {"add", "Add"}, {"sub", "Sub"}, {"mul", "Mul"}, {"div", "Div"}, {"neg", "Neg"}, {"pow", "Pow"}, {"min", "Min"}, {"max", "Max"}, {"abs", "Abs"},
    {"floor", "Floor"}, {"ceil", "Ceil"}, {"sqrt", "Sqrt"}, {"exp", "Exp"}, {"log", "Log"}, {"sin", "Sin"}, {"cos", "Cos"}, {"asin", "Asin"}, {"acos", "Acos"},
    {"atan", "Atan"}, {"tanh", "Tanh"}, {"sigmoid", "Sigmoid"}, {"softplus", "Softplus"}, {"eq", "Equal"}, {"lt", "Less"}, {"le", "LessOrEqual"},
    {"gt", "Greater"}, {"ge", "GreaterOrEqual"}, {"and", "And"}, {"or", "Or"}, {"not", "Not"}, {"is_nan", "IsNaN"}};

Name sign(Graph& g, const Name& v) { return g.node("Where", {g.node("IsNaN", {v}), v, g.node("Sign", {v})}); }
Name trunc(Graph& g, const Name& v) { return g.node("Mul", {sign(g, v), g.node("Floor", {g.node("Abs", {v})})}); }

}  // namespace

Name write_element(Graph& g, const std::string& callee, const std::vector<Name>& args) {
  if (const auto found = same.find(callee); found != same.end()) return g.node(found->second, args);
  const auto number = [&](double v) { return g.number(static_cast<float>(v)); };
  const auto below = [&](const Name& v) { return g.node("Less", {v, number(0)}); };
  const Name& v = args.at(0);
  if (callee == "to_float") return v;  // what is no float has become one as an argument
  if (callee == "ne") return g.node("Not", {g.node("Equal", args)});
  if (callee == "is_finite") return g.node("Not", {g.node("Or", {g.node("IsNaN", {v}), g.node("IsInf", {v})})});
  if (callee == "clamp") return g.node("Min", {g.node("Max", {v, args[1]}), args[2]});
  if (callee == "sign") return sign(g, v);
  if (callee == "trunc") return trunc(g, v);
  if (callee == "round") {  // halves away from zero; Round goes to the even one
    const Name whole = trunc(g, v), half = g.node("GreaterOrEqual", {g.node("Abs", {g.node("Sub", {v, whole})}), number(0.5)});
    return g.node("Add", {whole, g.node("Mul", {sign(g, v), g.cast(half, Element::float32)})});
  }
  if (callee == "log2") return g.node("Mul", {g.node("Log", {v}), number(1.4426950408889634)});
  if (callee == "log10") return g.node("Mul", {g.node("Log", {v}), number(0.43429448190325183)});
  if (callee == "log1p") {  // log(u) * v / (u - 1) with u = 1 + v as it is rounded (Kahan)
    const Name u = g.node("Add", {number(1), v}), past = g.node("Sub", {u, number(1)});
    const Name ratio = g.node("Where", {g.node("IsInf", {v}), number(1), g.node("Div", {v, past})});
    return g.node("Where", {g.node("Equal", {past, number(0)}), v, g.node("Mul", {g.node("Log", {u}), ratio})});
  }
  if (callee == "expm1") return g.node("Mul", {g.node("Tanh", {g.node("Mul", {v, number(0.5)})}), g.node("Add", {g.node("Exp", {v}), number(1)})});
  if (callee == "mod") {  // Mod has the sign of the dividend
    const Name& by = args[1];
    const Name rest = g.node("Mod", {v, by}, {{"fmod", std::int64_t{1}}});
    const Name other = g.node("And", {g.node("Not", {g.node("Equal", {rest, number(0)})}), g.node("Xor", {below(rest), below(by)})});
    return g.node("Where", {other, g.node("Add", {rest, by}), rest});
  }
  if (callee == "atan2") {  // the angle of y / x, half a turn on where x < 0
    constexpr double half_turn = 3.14159265358979323846;
    const Name &y = args[0], &x = args[1];
    const Name turn = g.node("Where", {below(x), g.node("Where", {below(y), number(-half_turn), number(half_turn)}), number(0)});
    const Name angle = g.node("Add", {g.node("Atan", {g.node("Div", {y, x})}), turn});
    return g.node("Where", {g.node("Equal", {x, number(0)}), g.node("Mul", {sign(g, y), number(half_turn / 2)}), angle});
  }
  MLP_BUG("no nodes of ONNX for `" + callee + "`");
}

}  // namespace mlp::onnx
