// The program that `mlp build` links with a feature kernel and a package.
#include "runtime/score/linked.h"
#include "runtime/serve/artifact.h"

int main(int argc, char** argv) {
  return mlp::serve::artifact_main(argc, argv, {mlp::score::linked_package(), mlp::score::linked_features, mlp::score::linked_network});
}
