// What the language reference says of the settings of a model: the tables of docs/language.md, carried in the program.
#pragma once
#include <string>

namespace mlp::lsp {

// Default and meaning of a setting of this kind of model, as Markdown; empty when the reference has no row for it.
std::string setting_reference(const std::string& model_kind, const std::string& setting);

}  // namespace mlp::lsp
