// What an expression of the language is while it is being checked: one value, a vector of them, a function, or poison.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "compiler/ir/ast/ast.h"
#include "compiler/ir/common/types.h"

namespace mlp::checking {

struct Item {
  ir::ExprId value;
  ir::Encoding encoding = ir::Encoding::number;  // one_hot: value is the code from `table`; bag: the text; nothing may follow
  ir::ExprId table;
  std::string name;                              // of the column that a selector picked; "" otherwise
  BagSettings bag;
};

// Poison is the value of an expression that was already reported: whatever it meets is poison and stays silent.
struct Operand {
  bool poison = false;
  bool vector = false;     // functions map over the items; else there is exactly one item, or none but a function
  std::vector<Item> items;
  std::string function;    // set when the name also, or only, names a function
  bool library = false;    // scope in which `function` is looked up
  Span span;
};

// One level of inlining: the spec itself, or the body of a function.
struct Frame {
  const ast::File* file = nullptr;
  const ast::Function* function = nullptr;  // nullptr: the spec itself
  bool library = false;
  std::map<std::string, Operand> locals;
  std::map<std::string, Span> declared;     // of each local
  const Frame* caller = nullptr;
  Span call;                                // where, in the caller's text
};

}  // namespace mlp::checking
