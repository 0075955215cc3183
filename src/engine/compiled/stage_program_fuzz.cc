// Any bytes as a program's file, then any bytes as the header of one whose frame is right: refused with an Error, or a
// program whose views all lie inside memory of exactly the promised sizes, and that survives being written and read.
#include <cstdlib>

#include "core/error.h"
#include "engine/compiled/stage_program.h"
#include "engine/compiled/stage_program_file.h"

namespace {

using namespace triage::engine;

constexpr std::size_t kConstants = 256;  // behind every header here

std::size_t memory_bytes(const StageProgram& program, const View& view) {
  if (view.memory == View::Memory::constants) return program.constants.size();
  if (view.memory == View::Memory::map) {
    const MapMemory& map = program.maps.at(static_cast<std::size_t>(view.map));
    return map.elements * size_of(map.type);
  }
  const bool input = view.memory == View::Memory::input;
  return sizeof(float) *
         (input ? static_cast<std::size_t>(program.shape.input_size) : output_size(program.shape, view.memory));
}

void check_view(const StageProgram& program, const View& view) {
  __extension__ using Wide = unsigned __int128;  // no overflow, whatever stands there
  Wide last = 0;
  for (const Dimension& dimension : view.dimensions) {
    if (dimension.extent < 1 || dimension.stride < 0) std::abort();
    last += Wide(dimension.extent - 1) * Wide(dimension.stride);
  }
  if (Wide(view.offset) + (last + 1) * size_of(view.type) > memory_bytes(program, view)) std::abort();
}

void read_program(std::string_view bytes) {
  StageProgram program;
  try {
    program = parse_program(bytes, "program");
  } catch (const triage::Error&) {
    return;
  }
  for (const Step& step : program.steps) {
    if (program.kernels.at(static_cast<std::size_t>(step.kernel)).empty()) std::abort();
    if (step.split >= static_cast<int>(step.arguments.back().dimensions.size())) std::abort();
    for (const View& view : step.arguments) check_view(program, view);
  }
  const std::string written = program_bytes(program);
  if (program_bytes(parse_program(written, "again")) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  read_program(header);
  std::string bytes(kProgramMagic);
  for (std::size_t i = 0; i < kProgramLengthBytes; ++i) bytes += static_cast<char>(std::uint64_t{size} >> (8 * i));
  bytes += header;
  bytes.append(kConstants, '\0');
  read_program(bytes + triage::sha256_hex(bytes));
  return 0;
}
