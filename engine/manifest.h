// What a package says of itself: the signature of its model, and the manifest of its training.
#pragma once
#include "engine/train.h"

namespace mlp::engine {

package::Signature signature_of(const flow::Program& program);
// The part of a signature that a spec may change without training: names, port, drift rules.
void set_deployment(package::Signature& signature, const flow::Program& program);

// `identity`: of the spec as it was written; `golden`: predictions that an artifact's selftest must give again.
std::string manifest_of(const Pipeline& pipeline, const std::string& identity, const Data& data, const Trained& trained, const std::vector<std::string>& golden);

}  // namespace mlp::engine
