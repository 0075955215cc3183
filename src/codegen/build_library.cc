#include "codegen/build_library.h"

#include <HalideBuffer.h>

#include <cstddef>

#include "codegen/machine_code.h"
#include "codegen/with_halide.h"
#include "core/error.h"
#include "core/files/temporary.h"
#include "core/system/process.h"
#include "engine/compiled/kernel_abi.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

namespace {

using engine::KernelBuffer;
using engine::KernelDimension;

static_assert(sizeof(KernelBuffer) == sizeof(halide_buffer_t));
static_assert(offsetof(KernelBuffer, host) == offsetof(halide_buffer_t, host));
static_assert(offsetof(KernelBuffer, type_code) == offsetof(halide_buffer_t, type));
static_assert(offsetof(KernelBuffer, dimensions) == offsetof(halide_buffer_t, dimensions));
static_assert(offsetof(KernelBuffer, dim) == offsetof(halide_buffer_t, dim));
static_assert(sizeof(KernelDimension) == sizeof(halide_dimension_t));
static_assert(offsetof(KernelDimension, stride) == offsetof(halide_dimension_t, stride));

// What Halide's code asks for where a scratch map is too large for its stack. A kernel gives back all that it took
// before it returns, so each thread has one piece of memory, taken at its first call. Larger than schedule.h lets a
// kernel need.
constexpr std::string_view kScratchSource = R"(
static __thread unsigned char scratch[1 << 22] __attribute__((aligned(128)));
static __thread unsigned long used;
void* halide_malloc(void* context, unsigned long bytes) {
  (void)context;
  bytes = (bytes + 127) & ~127ul;
  if (bytes > sizeof(scratch) - used) return 0;
  used += bytes;
  return scratch + used - bytes;
}
int halide_do_par_for(void* context, int (*task)(void*, int, unsigned char*), int first, int count, unsigned char* closure) {
  int error = 0;
  for (int i = first; i < first + count && !error; ++i) error = task(context, i, closure);
  return error;
}
void halide_free(void* context, void* memory) {
  (void)context;
  if (memory && (unsigned long)((unsigned char*)memory - scratch) < used) used = (unsigned char*)memory - scratch;
}
)";

std::string linker_for(const Target& target) {
  if (target.architecture == this_cpu().architecture) return "cc";
  return target.architecture + "-linux-gnu-gcc";
}

}  // namespace

std::string kernel_object(const KernelSet& library, const std::string& symbol) {
  const LibraryKernel& kernel = library.kernels().at(symbol);
  const Target& target = library.target();
  const KernelCode code = with_halide(symbol, [&] {
    return kernel.edge ? edge_code(*kernel.edge, target) : conv_code(kernel.key, kernel.schedule, target);
  });
  return object_code(code, symbol, target);
}

void build_library(const KernelSet& library, const fs::path& file) {
  const TemporaryDirectory folder(file.parent_path(), file.filename().string());
  const fs::path linked = folder.path() / "kernels.so";
  const fs::path scratch = folder.path() / "scratch.c";
  write_file_atomic(scratch, kScratchSource);
  std::vector<std::string> command{linker_for(library.target()),
                                   "-O2",
                                   "-fPIC",
                                   "-shared",
                                   "-Wl,-z,noexecstack",
                                   "-Wl,-s",
                                   "-o",
                                   linked.string(),
                                   scratch.string()};
  for (const auto& [name, unused] : library.kernels()) {
    const fs::path object = folder.path() / (name + ".o");
    write_file_atomic(object, kernel_object(library, name));
    command.push_back(object.string());
  }
  run_checked({.command = command, .input_file = {}, .on_output = {}});
  write_file_atomic(file, read_file(linked));
}

}  // namespace triage::codegen
