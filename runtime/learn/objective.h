// Losses: start values, gradients, Hessians, and the mean loss that is shown and stopped on.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/learn/learn.h"
#include "runtime/learn/pool.h"

namespace mlp::learn {

// Targets and weights of the rows in use; throws Failure when they do not fit the loss.
struct Labels {
  std::vector<double> target;
  std::vector<double> weight;              // empty = 1 each
  double total_weight = 0;
  std::int64_t rows() const { return static_cast<std::int64_t>(target.size()); }
  double weight_at(std::int64_t i) const { return weight.empty() ? 1.0 : weight[i]; }
};
// The rows with a positive weight.
std::vector<std::int64_t> rows_in_use(const Dataset& data);
Labels labels_of(const Dataset& data, const std::vector<std::int64_t>& rows);
// Of the training part: enough rows, both classes present, values that the loss can take.
void check_targets(const Labels& labels, Loss loss, std::size_t classes);

std::string metric_name(const ModelSettings& settings);  // logloss, rmse, poisson_deviance, pinball, or the loss's own name

// Weighted lower quantile: the smallest value with at least q of the weight at or below it.
double weighted_quantile(std::vector<std::pair<double, double>>& values, double q);

// One loss over a set of rows. Scores lie by output: scores[k * rows + i].
class Objective {
 public:
  Objective(const Labels& labels, const Request& request, std::int32_t outputs, Pool& pool);
  // The constants that fit best, by output: in closed form, for a custom loss by Newton steps.
  std::vector<double> start();
  // The metric at `scores`; with `prepare`, also what gradients() needs.
  double evaluate(const std::vector<double>& scores, bool prepare);
  // After evaluate: the weighted sum of losses whose derivatives gradients() gives (squared: half the square).
  double total() const { return total_; }
  // After evaluate(scores, true): first and second derivatives of output k by row, weights in; and the sums over
  // rows of |gradient| and Hessian.
  void gradients(const std::vector<double>& scores, std::int32_t k, std::vector<double>& gradient, std::vector<double>& hessian,
                 double& gradient_sum, double& hessian_sum);
  // evaluate and gradients in one pass over the rows, for builtin losses of one output.
  double evaluate_with_gradients(const std::vector<double>& scores, std::vector<double>& gradient, std::vector<double>& hessian, double& gradient_sum, double& hessian_sum);
  // Of the last gradients.
  double gradient_most() const { return gradient_most_; }
  double hessian_most() const { return hessian_most_; }
  // The same by ranges of rows, for losses of one output: the sum of weighted losses of `count` rows from `begin`, whose scores
  // are given; their derivatives, second ones raised to `least` before they are weighted, with the sum of the positive ones
  // as they were; and what `least` is, given that sum over so many rows.
  double loss(std::int64_t begin, std::int64_t count, const double* scores) const;
  double derivatives(std::int64_t begin, std::int64_t count, const double* scores, double least, double* gradient, double* hessian) const;
  double least_curve(double curve, std::int64_t rows) const;
  // Of a sum of weighted losses: what it adds to the objective, and the metric that it is of all rows.
  double objective_of(double loss) const { return loss_ == Loss::squared || loss_ == Loss::poisson ? loss / 2 : loss; }
  double metric_of(double loss) const;
  // Custom losses, after evaluate(scores, true) or adopt: the scores of these rows plus `step` go to `moved`, and their losses are kept. Gives
  // the summed losses of these rows, weights in, at `scores` and at `moved`. Threads may move different rows at once.
  struct Sums {
    double before = 0, after = 0;
  };
  Sums move(const std::vector<double>& scores, const std::uint32_t* rows, std::int64_t count, double step, std::vector<double>& moved);
  // Once all rows were moved: what evaluate(moved, true) does and gives, from the losses that were kept. gradients() comes next, and knows the derivatives.
  double adopt();

 private:
  Objective(const Labels& labels, const Objective& like);   // the same loss over other rows
  void custom(mlp_kernel kernel, const double* target, const double* scores, std::int64_t count, double* first, double* second, double* third) const;
  void losses(std::int64_t begin, std::int64_t count, const double* scores, double* out) const;
  void derivatives(std::int64_t begin, std::int64_t count, const double* scores, double* gradient, double* hessian) const;
  void add_up(const std::function<void(std::int64_t chunk)>& fill, std::vector<double>& gradient, std::vector<double>& hessian, double& gradient_sum, double& hessian_sum);
  double newton_start();
  double sum_up(const std::vector<double>& chunks);
  const Labels& labels_;
  Loss loss_;
  Link link_;
  double quantile_;
  LossKernels kernels_;
  std::int32_t outputs_;
  Pool& pool_;
  std::vector<double> probabilities_;       // softmax, by output
  std::vector<double> buffer_;              // custom: loss by row
  struct {
    std::vector<double> loss, gradient, hessian;  // by row
    bool adopted = false;                   // and not handed out since
  } moved_;
  double total_ = 0, gradient_most_ = 0, hessian_most_ = 0;
};

}  // namespace mlp::learn
