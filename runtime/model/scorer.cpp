#include "runtime/model/model.h"

namespace mlp::model {

struct Scorer::Impl {
  Model model;
};

Scorer::Scorer(const Model& model) : impl_(new Impl{model}) {}
Scorer::~Scorer() { delete impl_; }
Scorer::Scorer(Scorer&& other) noexcept : impl_(other.impl_) { other.impl_ = nullptr; }
void Scorer::score(const Matrix& matrix, std::int64_t rows, double* scores) const { score_reference(impl_->model, matrix, rows, scores); }
Scorer::Level Scorer::best_level() { return Level::portable; }
void Scorer::set_level(Level) {}

}  // namespace mlp::model
