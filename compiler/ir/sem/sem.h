// What was meant: names resolved, functions of the language inlined, every expression typed and staged, every
// default filled in. One pipeline: one source, one feature set, one model.
#pragma once
#include "compiler/ir/common/types.h"

namespace mlp::sem {

struct Module {
  std::string name;                    // of the pipeline
  std::string description;
  Query query;                     // of the table that features read; empty when they read the source
  std::vector<Column> columns;     // of that table, or of the source's schema, in order
  std::vector<ir::Expr> exprs;
  Source source;                   // of a table: its name, and how a request is read
  std::vector<Expectation> expectations;
  std::string features_name;
  std::vector<ir::Feature> features;
  Split split;
  ir::Model model;
  std::vector<Gate> gates;
  Deploy deploy;
  std::vector<Param> params;
  std::vector<ir::External> externals; // that expressions call
  std::vector<Tune> tune;              // one, or none: no tune block, or its values are chosen
  const ir::Expr& operator[](ir::ExprId id) const { return exprs[id.index]; }
};

std::string print(const Module& module);
Module parse_text(std::string_view text);              // throws ir::TextError
std::vector<std::string> verify(const Module& module);

}  // namespace mlp::sem
