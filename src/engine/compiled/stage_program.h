// StageProgram: a stage as compiled kernels, in plain data. src/compiler writes it, compiled_session.h runs it.
//
// A stage is a list of calls of kernels that lie in one shared library, each with views of memory as its arguments.
// All that a kernel knows is in its arguments: the same kernel serves every layer of its shape, in any stage. What runs
// a program knows nothing of layers, schedules or precisions.
//
// File (docs/formats.md): the line "triage stage program", the header's length (u64), the header (JSON, versioned), the
// constants, the SHA-256 of all before it in hexadecimal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/files/file.h"
#include "engine/session.h"

namespace triage::engine {

// 1: kernels had instructions that `features` do not list, and died on CPUs without them.
inline constexpr int kProgramVersion = 2;

enum class ElementType { u8, i8, i16, i32, f32 };
std::size_t size_of(ElementType type);  // bytes

struct Dimension {
  int min = 0, extent = 0, stride = 0;  // stride: in elements
};

// An argument of a kernel. Its first element, the one at every dimension's min, lies at `offset` bytes of its memory, a
// multiple of its type's size. Strides are not negative. Views of input and outputs are f32.
struct View {
  enum class Memory { map, constants, input, logits, features, carry };
  Memory memory = Memory::map;
  int map = 0;  // for Memory::map: index into StageProgram::maps
  std::size_t offset = 0;
  ElementType type = ElementType::f32;
  std::vector<Dimension> dimensions;  // innermost first
};

// One call: kernel(arguments...). The last argument is what it writes: a map or an output. Where several threads run
// the stage, the extent of its dimension `split` is shared out among them in multiples of `split_unit` (the rest goes
// to the last); split < 0: one thread makes the call. All threads finish a step before any begins the next. An output
// that the caller does not want is not computed, unless another step reads it.
struct Step {
  int kernel = 0;  // index into StageProgram::kernels
  std::vector<View> arguments;
  int split = -1, split_unit = 1;
  std::string name;  // "block1.conv0", "head": of profiles, nothing depends on it
};

// Memory that lives as long as a workspace and is set to `fill` once: kernels write a map's inside and read its border.
struct MapMemory {
  std::size_t elements = 0;
  ElementType type = ElementType::f32;
  double fill = 0;
};

struct StageProgram {
  std::string architecture;           // "x86_64", "aarch64"
  std::vector<std::string> features;  // of the CPU, that the kernels use: as /proc/cpuinfo names them
  std::string library;                // file name of the kernels, beside this file
  std::string library_sha256;
  std::string precision;  // "fp32", "int8": evidence
  SessionInfo shape;      // as the stage's ONNX file would have it
  std::vector<std::string>
      kernels;  // symbols of the library: extern "C" int NAME(void** arguments), each a KernelBuffer*
  std::vector<MapMemory> maps;
  std::vector<Step> steps;
  std::vector<std::uint8_t> constants;  // aligned to 64 bytes in memory, as views into it expect
};

inline constexpr std::size_t kMaxProgramBytes = std::size_t{256} << 20;  // constants, maps and outputs together

// All throw Error naming the file, the field, found and expected; of another version Failure (unsupported). A program
// that was read is safe to run as far as it goes: every view lies inside its memory, the outputs of the shape are
// written, indices exist. What its library does with that is the library's. What could not be read back is not written.
void save_program(const fs::path& file, const StageProgram& program);
StageProgram load_program(const fs::path& file);
StageProgram parse_program(std::string_view bytes, const std::string& origin);
std::string program_bytes(const StageProgram& program);  // the file's content, not checked

std::string to_string(ElementType type);                                 // "u8", ...
std::string to_string(View::Memory memory);                              // "map", ...
std::size_t output_size(const SessionInfo& shape, View::Memory output);  // elements of logits, features, carry; else 0

}  // namespace triage::engine
