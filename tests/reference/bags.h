// Bags of terms by their definition, with the containers of the standard library.
#pragma once
#include <string>
#include <vector>

#include "abi/abi.h"
#include "compiler/ir/flow/flow.h"
#include "runtime/fit/fit.h"

namespace mlp::reference {

// Every term of a text, in no particular order, as often as it stands there.
std::vector<std::string> terms_of(const std::string& text, TermKind by, std::int64_t shortest, std::int64_t longest);
// The vocabulary of an aggregate `terms`.
fit::FittedTable fit_terms(const flow::Aggregate& aggregate, const std::vector<mlp_string>& strings, const std::vector<std::uint8_t>& present);
// The bag of one text.
std::vector<mlp_term> bag_of(const ir::Feature& feature, const fit::Fitted& fitted, const std::string& text);
// All of a bag in one number: as a feature among numbers.
double digest(const mlp_term* terms, std::int64_t size);

}  // namespace mlp::reference
