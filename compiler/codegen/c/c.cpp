#include "compiler/codegen/c/c.h"

#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>
#include <clang/AST/Decl.h>
#include <clang/Basic/Diagnostic.h>
#include <clang/Basic/SourceManager.h>
#include <clang/CodeGen/CodeGenAction.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Frontend/FrontendActions.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/VirtualFileSystem.h>
#include <llvm/Support/raw_ostream.h>

#include <algorithm>
#include <functional>
#include <set>

#include "compiler/codegen/c/headers.h"

namespace mlp::codegen {
namespace {

constexpr const char* directory = "/mlp/";  // of no file system: the compiler sees what it is given

const char* spell(CType type) { return type == CType::f64 ? "double" : type == CType::i64 ? "long" : "_Bool"; }

// What clang says, by place in the text.
class Problems : public clang::DiagnosticConsumer {
 public:
  Problems(std::size_t size, std::vector<CProblem>& into) : size_(size), into_(into) {}
  void HandleDiagnostic(clang::DiagnosticsEngine::Level level, const clang::Diagnostic& info) override {
    DiagnosticConsumer::HandleDiagnostic(level, info);
    if (level < clang::DiagnosticsEngine::Error) return;
    llvm::SmallString<128> message;
    info.FormatDiagnostic(message);
    CProblem p;
    p.message = message.str().str();
    if (info.hasSourceManager() && info.getLocation().isValid()) {
      const clang::SourceManager& sources = info.getSourceManager();
      const clang::SourceLocation at = sources.getExpansionLoc(info.getLocation());
      if (sources.isInMainFile(at)) {
        p.begin = std::min<std::size_t>(sources.getFileOffset(at), size_ > 0 ? size_ - 1 : 0);
        p.end = p.begin + 1;
      }
    }
    into_.push_back(std::move(p));
  }

 private:
  std::size_t size_;
  std::vector<CProblem>& into_;
};

// Whether the functions of the spec are there, and take and give what it says. Looks for variables that change, too.
class Declared : public clang::ASTConsumer {
 public:
  Declared(const std::vector<CFunction>& functions, std::vector<CProblem>& into) : functions_(functions), into_(into) {}

  void HandleTranslationUnit(clang::ASTContext& context) override {
    if (context.getDiagnostics().hasErrorOccurred()) return;
    const clang::SourceManager& sources = context.getSourceManager();
    const auto problem = [&](CProblem::Kind kind, const clang::SourceLocation at, const std::string& name, std::string message) {
      CProblem p{kind, 0, 0, name, std::move(message)};
      if (at.isValid() && sources.isInMainFile(at)) p.begin = sources.getFileOffset(at), p.end = p.begin + std::max<std::size_t>(name.size(), 1);
      into_.push_back(std::move(p));
    };
    for (const CFunction& wanted : functions_) {
      const clang::FunctionDecl* found = nullptr;
      for (const clang::Decl* d : context.getTranslationUnitDecl()->decls())
        if (const auto* f = llvm::dyn_cast<clang::FunctionDecl>(d); f && f->isThisDeclarationADefinition() && f->getName() == wanted.name) found = f;
      if (!found) {
        problem(CProblem::missing, {}, wanted.name, "the file defines no function `" + wanted.name + "`");
        continue;
      }
      bool same = found->getNumParams() == wanted.parameters.size() && !found->isVariadic() && fits(context, found->getReturnType(), wanted.result);
      for (std::size_t i = 0; same && i < wanted.parameters.size(); ++i) same = fits(context, found->getParamDecl(static_cast<unsigned>(i))->getType(), wanted.parameters[i]);
      if (same) continue;
      std::string needed = std::string(spell(wanted.result)) + " " + wanted.name + "(", written = found->getReturnType().getAsString() + " " + wanted.name + "(";
      for (std::size_t i = 0; i < wanted.parameters.size(); ++i) needed += std::string(i ? ", " : "") + spell(wanted.parameters[i]);
      for (unsigned i = 0; i < found->getNumParams(); ++i) written += (i ? ", " : "") + found->getParamDecl(i)->getType().getAsString();
      problem(CProblem::signature, found->getLocation(), wanted.name, "the C function is `" + written + ")`, and the spec asks for `" + needed + ")`");
    }
    for (const clang::Decl* d : context.getTranslationUnitDecl()->decls()) {
      if (const auto* v = llvm::dyn_cast<clang::VarDecl>(d)) variable(context, *v, problem);
      if (const auto* f = llvm::dyn_cast<clang::FunctionDecl>(d))
        for (const clang::Decl* inner : f->decls())
          if (const auto* v = llvm::dyn_cast<clang::VarDecl>(inner); v && v->isStaticLocal()) variable(context, *v, problem);
    }
  }

 private:
  static bool fits(const clang::ASTContext& context, clang::QualType type, CType wanted) {
    const clang::QualType plain = type.getCanonicalType().getUnqualifiedType();
    switch (wanted) {
      case CType::f64: return plain == context.DoubleTy;
      case CType::i64: return plain == context.LongTy || plain == context.LongLongTy;
      case CType::boolean: return plain == context.BoolTy;
    }
    return false;
  }
  template <class Problem>
  static void variable(clang::ASTContext& context, const clang::VarDecl& v, const Problem& problem) {
    if (v.getType().isConstant(context)) return;
    problem(CProblem::impure, v.getLocation(), v.getName().str(), "variable `" + v.getName().str() + "` can change, and an `extern fn` depends on its arguments alone");
  }

  const std::vector<CFunction>& functions_;
  std::vector<CProblem>& into_;
};

class Inspect : public clang::ASTFrontendAction {
 public:
  Inspect(const std::vector<CFunction>& functions, std::vector<CProblem>& into) : functions_(functions), into_(into) {}
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance&, llvm::StringRef) override { return std::make_unique<Declared>(functions_, into_); }

 private:
  const std::vector<CFunction>& functions_;
  std::vector<CProblem>& into_;
};

// Runs clang over one text. No file of the machine is seen, no environment is read.
bool run(const std::string& file, const std::string& text, std::size_t size, clang::FrontendAction& action, std::vector<CProblem>& problems) {
  auto files = llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>();
  const std::string path = directory + file;
  files->addFile(path, 0, llvm::MemoryBuffer::getMemBufferCopy(text, path));
  for (const auto& [name, header] : c_headers) files->addFile(std::string(directory) + "include/" + name, 0, llvm::MemoryBuffer::getMemBuffer(header, name));
  clang::CompilerInstance compiler;
  compiler.createDiagnostics(new Problems(size, problems), true);
  const std::string include = std::string(directory) + "include";
  const std::vector<const char*> args = {"-triple", "x86_64-unknown-linux-gnu", "-target-cpu", "x86-64", "-x", "c", "-std=c17", "-O2", "-ffp-contract=off", "-fwrapv", "-fno-builtin",
                                         "-mrelocation-model", "pic", "-pic-level", "2", "-ffreestanding", "-disable-llvm-passes", "-fno-caret-diagnostics", "-internal-isystem", include.c_str(), path.c_str()};
  if (!clang::CompilerInvocation::CreateFromArgs(compiler.getInvocation(), args, compiler.getDiagnostics())) return false;
  compiler.createFileManager(files);
  return compiler.ExecuteAction(action) && problems.empty();
}

// What the file calls and does not define, but for the mathematics of the language; and assembly.
void look_outside(const llvm::Module& module, std::vector<CProblem>& problems) {
  for (const llvm::Function& f : module) {
    const llvm::StringRef name = f.getName();
    if (f.isDeclaration() && !f.isIntrinsic() && !name.starts_with("mlp_")) problems.push_back({CProblem::impure, 0, 0, "", "it calls `" + name.str() + "`, which the file does not define"});
    for (const llvm::BasicBlock& block : f)
      for (const llvm::Instruction& i : block)
        if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&i); call && call->isInlineAsm()) problems.push_back({CProblem::impure, 0, 0, "", "function `" + name.str() + "` holds assembly"});
  }
  if (!module.getModuleInlineAsm().empty()) problems.push_back({CProblem::impure, 0, 0, "", "the file holds assembly"});
}

// An integer division that C gives no meaning would end the program that serves: by 0 it gives 0, and of the least number by
// -1 it wraps around, as ints do here.
void make_total(llvm::Module& module) {
  std::vector<llvm::BinaryOperator*> divisions;
  for (llvm::Function& f : module)
    for (llvm::BasicBlock& block : f)
      for (llvm::Instruction& i : block)
        if (auto* operation = llvm::dyn_cast<llvm::BinaryOperator>(&i); operation && operation->isIntDivRem()) divisions.push_back(operation);
  for (llvm::BinaryOperator* division : divisions) {
    llvm::IRBuilder<> b(division);
    llvm::Value *left = division->getOperand(0), *right = division->getOperand(1);
    llvm::Type* const type = right->getType();
    llvm::Value *const zero = llvm::Constant::getNullValue(type), *const one = llvm::ConstantInt::get(type, 1), *const minus = llvm::Constant::getAllOnesValue(type);
    const auto kind = division->getOpcode();
    const bool has_sign = kind == llvm::Instruction::SDiv || kind == llvm::Instruction::SRem;
    llvm::Value* const nothing = b.CreateICmpEQ(right, zero);
    llvm::Value* const turns = has_sign ? b.CreateICmpEQ(right, minus) : b.getFalse();
    llvm::Value* const safe = b.CreateSelect(b.CreateOr(nothing, turns), one, right);
    llvm::Value* result = b.CreateBinOp(kind, left, safe);  // not exact: nothing is known of it any more
    if (kind == llvm::Instruction::SDiv) result = b.CreateSelect(turns, b.CreateSub(zero, left), result);
    result = b.CreateSelect(nothing, zero, result);
    division->replaceAllUsesWith(result);
    division->eraseFromParent();
  }
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void mlp_compile_c(const std::string& file, const std::string& text, const std::vector<CFunction>& functions, CModule& out) {
  Inspect inspect(functions, out.problems);
  if (!run(file, text, text.size(), inspect, out.problems)) return;
  std::string whole = text + "\n";
  for (const CFunction& f : functions) {
    std::string parameters = "unsigned char present", arguments;
    for (std::size_t i = 0; i < f.parameters.size(); ++i) {
      const std::string name = "a" + std::to_string(i);
      parameters += std::string(", ") + (f.parameters[i] == CType::boolean ? "unsigned char" : spell(f.parameters[i])) + " " + name;
      arguments += (i ? ", " : "") + name;
    }
    const char* const gives = f.result == CType::boolean ? "unsigned char" : spell(f.result);
    whole += std::string(gives) + " " + f.symbol + "(" + parameters + ");\n" + gives + " " + f.symbol + "(" + parameters + ") { return present ? " + f.name + "(" + arguments + ") : 0; }\n";
  }
  llvm::LLVMContext context;
  clang::EmitLLVMOnlyAction emit(&context);
  if (!run(file, whole, text.size(), emit, out.problems)) return;
  const std::unique_ptr<llvm::Module> module = emit.takeModule();
  look_outside(*module, out.problems);
  if (!out.problems.empty()) return;
  make_total(*module);
  std::set<std::string> wrappers;
  for (const CFunction& f : functions) wrappers.insert(f.symbol);
  for (llvm::Function& f : *module)
    if (!f.isDeclaration() && !wrappers.count(f.getName().str())) f.setLinkage(llvm::GlobalValue::InternalLinkage);
  for (llvm::GlobalVariable& v : module->globals())
    if (!v.isDeclaration()) v.setLinkage(llvm::GlobalValue::InternalLinkage);
  llvm::raw_string_ostream bytes(out.bitcode);
  llvm::WriteBitcodeToFile(*module, bytes);
}

}  // namespace mlp::codegen
