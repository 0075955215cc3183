#include "runtime/kernel_library.h"

#include <dlfcn.h>

#include "core/machine.h"
#include "runtime/status.h"

namespace triage::runtime {
namespace {

#if defined(__x86_64__)
constexpr const char* kArchitecture = "x86_64";
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "aarch64";
#else
constexpr const char* kArchitecture = "another one";
#endif

std::string loader_error() {
  const char* const text = ::dlerror();
  return text ? text : "unknown error";
}

}  // namespace

void check_cpu(const StageProgram& program, const std::string& origin) {
  if (program.architecture != kArchitecture) {
    fail_with(ErrorCode::unsupported, "{}: compiled for architecture '{}', this process is '{}'", origin,
              program.architecture, kArchitecture);
  }
  const std::set<std::string> flags = cpu_flags();
  std::string missing, needed;
  for (const std::string& feature : program.features) {
    needed += " " + feature;
    if (!flags.contains(feature)) missing += " " + feature;
  }
  if (missing.empty()) return;
  fail_with(ErrorCode::unsupported, "{}: compiled for a CPU with{}, this one ({}) has no{}", origin, needed, cpu_name(),
            missing);
}

KernelLibrary::KernelLibrary(const fs::path& file, const std::string& sha256) : file_(fs::absolute(file).string()) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) fail_with(ErrorCode::not_found, "{}: no such file", file_);
  if (const std::string found = sha256_file(file); found != sha256) {
    fail_with(ErrorCode::damaged, "{}: sha256: found {}, expected {}", file_, found, sha256);
  }
  handle_ = ::dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) fail_with(ErrorCode::damaged, "{}: cannot be loaded: {}", file_, loader_error());
}

KernelLibrary::~KernelLibrary() { ::dlclose(handle_); }

Kernel KernelLibrary::kernel(const std::string& symbol) const {
  void* const address = ::dlsym(handle_, symbol.c_str());
  if (!address) fail_with(ErrorCode::damaged, "{}: kernel '{}': not found", file_, symbol);
  return reinterpret_cast<Kernel>(address);
}

}  // namespace triage::runtime
