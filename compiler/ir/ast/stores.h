// What is done for every kind of node of a file at once: printing, reading, verifying, walking for editors.
#pragma once
#include "compiler/ir/ast/ast.h"

namespace mlp::ast {

// Every store of a file, as a member, with the word of its records, in printing order; declarations in the order of DeclKind.
template <class Visit>
void each_member(Visit&& visit) {
  visit("expr", &File::exprs);
  visit("pipeline", &File::pipelines);
  visit("schema", &File::schemas);
  visit("source", &File::sources);
  visit("expect", &File::expects);
  visit("features", &File::features);
  visit("split", &File::splits);
  visit("model", &File::models);
  visit("test", &File::tests);
  visit("deploy", &File::deploys);
  visit("monitor", &File::monitors);
  visit("function", &File::functions);
  visit("import", &File::imports);
  visit("param", &File::params);
  visit("tune", &File::tunes);
  visit("table", &File::tables);
  visit("loss", &File::losses);
  visit("layer", &File::layers);
  visit("comment", &File::comments);
  visit("order", &File::order);
}

template <class F, class Visit>
void each_store(F& f, Visit&& visit) {
  each_member([&](std::string_view word, auto member) { visit(word, f.*member); });
}

}  // namespace mlp::ast
