// What the cache keeps of each stage, as bytes.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "engine/archive.h"
#include "engine/tune.h"

namespace mlp::engine {

template <class A> void parts(A& a, data::Violation& v) { a(v.column, v.rule, v.rows, v.file, v.first_row, v.first_value); }
template <class A> void parts(A& a, data::SourceReport& s) { a(s.name, s.digest, s.present, s.read, s.rejected); }
template <class A> void parts(A& a, data::ReadReport& r) { a(r.files, r.digest, r.present, r.read, r.rejected, r.violations, r.sources); }
template <class A> void parts(A& a, Part& p) { a(p.row, p.target, p.weight, p.unseen_class); }
template <class A> void parts(A& a, learn::Progress& p) { a(p.round, p.rounds, p.metric, p.train, p.valid); }
template <class A> void parts(A& a, learn::NetworkCheckpoint& c) { a(c.epoch, c.step, c.best, c.least, c.weights, c.states, c.best_weights, c.best_states, c.kept, c.history); }
template <class A> void parts(A& a, package::DriftReference& r) { a(r.edges, r.counts); }
template <class A> void parts(A& a, Finding& f) { a(f.code, f.kind, f.feature, f.subject, f.message, f.note, f.help, f.measure, f.count, f.rows); }  // its place in the text may move: see place()
template <class A> void parts(A& a, Assignment& v) { a(v.name, v.value); }
template <class A> void parts(A& a, Trial& t) { a(t.values, t.score, t.rounds, t.resource); }
template <class A> void parts(A& a, Tuned& t) { a(t.trials, t.best); }
template <class A> void parts(A& a, model::Curve& c) { a(c.x, c.y, c.a, c.b); }
template <class A> void parts(A& a, FoldScore& f) { a(f.train, f.valid, f.test, f.rounds, f.metrics); }

// Columns by name: their places in the schema may change.
using NamedColumns = std::vector<std::pair<std::string, ColumnId>>;
void pack_table(Packer& out, const NamedColumns& columns, const values::Table& table);
values::Table unpack_table(std::string_view bytes, const flow::Program& program);

}  // namespace mlp::engine
