#include "codegen/machine_code.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Metadata.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>

#include <cstdlib>

#include "codegen/with_halide.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

namespace {

// Halide has written its CPU model into every function, and into the module, from which it makes LLVM's code generator.
void allow_only(const LlvmTarget& allowed, llvm::Module& module) {
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    function.addFnAttr("target-cpu", allowed.cpu);
    function.addFnAttr("tune-cpu", allowed.tuning);
    function.addFnAttr("target-features", allowed.features);
  }
  const auto set_flag = [&](const char* name, const std::string& value) {
    module.setModuleFlag(llvm::Module::Warning, name, llvm::MDString::get(module.getContext(), value));
  };
  set_flag("halide_mcpu_target", allowed.cpu);
  set_flag("halide_mcpu_tune", allowed.tuning);
  set_flag("halide_mattrs", allowed.features);
}

template <class T>
T checked(llvm::Expected<T> value, const std::string& what) {
  if (!value) fail("kernel {}: LLVM: {}", what, llvm::toString(value.takeError()));
  return std::move(*value);
}

void check(llvm::Error error, const std::string& what) {
  if (error) fail("kernel {}: LLVM: {}", what, llvm::toString(std::move(error)));
}

void* take_memory(void*, std::size_t bytes) { return std::aligned_alloc(128, (bytes + 127) / 128 * 128); }
void give_back(void*, void* memory) { std::free(memory); }

int one_by_one(void* context, int (*task)(void*, int, std::uint8_t*), int first, int count, std::uint8_t* closure) {
  int error = 0;
  for (int i = first; i < first + count && error == 0; ++i) error = task(context, i, closure);
  return error;
}

}  // namespace

std::string object_code(const KernelCode& code, const std::string& symbol, const Target& target) {
  return with_halide(symbol, [&] {
    llvm::LLVMContext context;
    const auto machine = machine_of(target, code).with_feature(Halide::Target::NoRuntime);
    Halide::Func output = code.output;
    const auto module =
        Halide::compile_module_to_llvm_module(output.compile_to_module(code.inputs, symbol, machine), context);
    allow_only(llvm_target(target), *module);
    llvm::SmallVector<char, 0> bytes;
    llvm::raw_svector_ostream stream(bytes);
    Halide::compile_llvm_module_to_object(*module, stream);
    return std::string(bytes.begin(), bytes.end());
  });
}

struct LoadedKernel::Memory {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

LoadedKernel::LoadedKernel(const KernelCode& code, const std::string& what, const Target& target)
    : memory_(std::make_unique<Memory>()) {
  const std::string object = object_code(code, "kernel", target);
  auto& jit = memory_->jit = checked(llvm::orc::LLJITBuilder().create(), what);
  llvm::orc::JITDylib& library = jit->getMainJITDylib();
  llvm::orc::SymbolMap needed;
  const auto provide = [&](const char* name, auto* function) {
    needed[jit->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function),
                                          llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  };
  provide("halide_malloc", &take_memory);
  provide("halide_free", &give_back);
  provide("halide_do_par_for", &one_by_one);
  check(library.define(llvm::orc::absoluteSymbols(std::move(needed))), what);
  library.addGenerator(checked(
      llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(jit->getDataLayout().getGlobalPrefix()), what));
  check(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, what)), what);
  kernel_ = checked(jit->lookup("kernel_argv"), what).toPtr<engine::Kernel>();
}

LoadedKernel::~LoadedKernel() = default;
LoadedKernel::LoadedKernel(LoadedKernel&&) noexcept = default;
LoadedKernel& LoadedKernel::operator=(LoadedKernel&&) noexcept = default;

}  // namespace triage::codegen
