// What is done for every kind of node of a file at once: printing, reading, verifying, walking for editors.
#pragma once
#include "compiler/ir/ast/ast.h"

namespace mlp::ast {

// Every store of a file with the word of its records, in printing order; declarations in the order of DeclKind.
template <class F, class Visit>
void each_store(F& f, Visit&& visit) {
  visit("expr", f.exprs);
  visit("pipeline", f.pipelines);
  visit("schema", f.schemas);
  visit("source", f.sources);
  visit("expect", f.expects);
  visit("features", f.features);
  visit("split", f.splits);
  visit("model", f.models);
  visit("test", f.tests);
  visit("deploy", f.deploys);
  visit("monitor", f.monitors);
  visit("function", f.functions);
  visit("loss", f.losses);
  visit("comment", f.comments);
  visit("order", f.order);
}

}  // namespace mlp::ast
