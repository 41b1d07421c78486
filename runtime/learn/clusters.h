// How well rows fall into clusters, with and without a truth to compare with.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/model/model.h"

namespace mlp::learn {

// `predicted`: rows x 2, cluster and distance; `columns`: what the model saw; `truth`: a number by class, NaN = not known, or
// empty. inertia: the weighted sum of squared distances to the model's centres. silhouette (Rousseeuw 1987): the mean over the
// rows, of more than 2000 over 2000 of them, the same for the same number of rows; unweighted. calinski_harabasz (1974) and
// davies_bouldin (1979): with the centres of these rows. adjusted_rand (Hubert, Arabie 1985): where there is a truth. NaN where
// fewer than two clusters have rows.
std::map<std::string, double> cluster_metrics(const model::Model& model, const model::Matrix& columns, const std::vector<double>& predicted,
                                              const std::vector<double>& truth, const std::vector<double>& weight);

}  // namespace mlp::learn
