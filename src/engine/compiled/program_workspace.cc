#include "engine/compiled/program_workspace.h"

#include <algorithm>

namespace triage::engine {
namespace {

template <class T>
void fill_with(std::uint8_t* data, std::size_t elements, double value) {
  std::fill_n(reinterpret_cast<T*>(data), elements, static_cast<T>(value));
}

void fill_map(std::uint8_t* data, const MapMemory& map) {
  switch (map.type) {
    case ElementType::u8:
      return fill_with<std::uint8_t>(data, map.elements, map.fill);
    case ElementType::i8:
      return fill_with<std::int8_t>(data, map.elements, map.fill);
    case ElementType::i16:
      return fill_with<std::int16_t>(data, map.elements, map.fill);
    case ElementType::i32:
      return fill_with<std::int32_t>(data, map.elements, map.fill);
    case ElementType::f32:
      return fill_with<float>(data, map.elements, map.fill);
  }
}

std::uint8_t type_code(ElementType type) {
  constexpr std::uint8_t kSigned = 0, kUnsigned = 1, kFloat = 2;
  return type == ElementType::f32 ? kFloat : type == ElementType::u8 ? kUnsigned : kSigned;
}

}  // namespace

int share_begin(int extent, int unit, int part, int parts) {
  if (part == parts) return extent;
  const std::int64_t units = extent / unit;
  if (units <= 1) return part == 0 ? 0 : extent;
  return static_cast<int>(units * part / parts * unit);
}

std::vector<View::Memory> outputs_read(const StageProgram& program) {
  std::vector<View::Memory> read;
  for (const Step& step : program.steps) {
    for (std::size_t i = 0; i + 1 < step.arguments.size(); ++i) {
      const View::Memory memory = step.arguments[i].memory;
      const bool output = output_size(program.shape, memory) > 0;
      if (output && std::ranges::find(read, memory) == read.end()) read.push_back(memory);
    }
  }
  return read;
}

ProgramWorkspace::ProgramWorkspace(const StageProgram& program, std::uint8_t* constants, std::span<const int> counts)
    : constants_(constants) {
  for (const MapMemory& map : program.maps) {
    maps_.emplace_back(map.elements * size_of(map.type));
    fill_map(maps_.back().data(), map);
  }
  for (const View::Memory output : outputs_read(program)) {
    scratch_[static_cast<std::size_t>(output)] =
        std::make_unique<AlignedMemory>(output_size(program.shape, output) * sizeof(float));
  }
  for (const int count : counts)
    if (count > 1) shared_.push_back({.parts = count});
  for (const Step& step : program.steps) {
    std::vector<KernelBuffer*> buffers;
    for (const View& view : step.arguments) buffers.push_back(add_buffer(view));
    alone_.push_back(add_arguments(buffers));
    for (Shared& shared : shared_) {
      add_shared(step, buffers, shared);
      const auto others = std::span(shared.arguments).last(static_cast<std::size_t>(shared.parts) - 1);
      shared.is_shared.push_back(std::ranges::any_of(others, [](void** arguments) { return arguments != nullptr; }));
    }
  }
}

KernelBuffer* ProgramWorkspace::add_buffer(const View& view) {
  const std::size_t rank = view.dimensions.size();
  KernelDimension* const dimensions =
      dimensions_.emplace_back(std::make_unique<KernelDimension[]>(rank)).get();  // flags: 0
  for (std::size_t d = 0; d < rank; ++d) {
    const Dimension& from = view.dimensions[d];
    dimensions[d] = {.min = from.min, .extent = from.extent, .stride = from.stride};
  }
  KernelBuffer* const buffer = buffers_.emplace_back(std::make_unique<KernelBuffer>()).get();
  buffer->type_code = type_code(view.type);
  buffer->type_bits = static_cast<std::uint8_t>(8 * size_of(view.type));
  buffer->dimensions = static_cast<std::int32_t>(rank);
  buffer->dim = dimensions;
  if (view.memory == View::Memory::map) {
    buffer->host = maps_[static_cast<std::size_t>(view.map)].data() + view.offset;
  } else if (view.memory == View::Memory::constants) {
    buffer->host = constants_ + view.offset;
  } else {
    patches_.push_back({buffer, static_cast<std::size_t>(view.memory), view.offset});
  }
  return buffer;
}

void** ProgramWorkspace::add_arguments(const std::vector<KernelBuffer*>& buffers) {
  auto& arguments = arguments_.emplace_back(std::make_unique<void*[]>(buffers.size()));
  std::ranges::copy(buffers, arguments.get());
  return arguments.get();
}

void ProgramWorkspace::add_shared(const Step& step, const std::vector<KernelBuffer*>& buffers, Shared& shared) {
  for (int part = 0; part < shared.parts; ++part) {
    if (step.split < 0) {
      shared.arguments.push_back(part == 0 ? alone_.back() : nullptr);
      continue;
    }
    View written = step.arguments.back();
    Dimension& split = written.dimensions[static_cast<std::size_t>(step.split)];
    const int begin = share_begin(split.extent, step.split_unit, part, shared.parts);
    const int end = share_begin(split.extent, step.split_unit, part + 1, shared.parts);
    if (begin == end) {
      shared.arguments.push_back(nullptr);
      continue;
    }
    split.min += begin;
    split.extent = end - begin;
    written.offset += static_cast<std::size_t>(begin) * static_cast<std::size_t>(split.stride) * size_of(written.type);
    std::vector<KernelBuffer*> own = buffers;
    own.back() = add_buffer(written);
    shared.arguments.push_back(add_arguments(own));
  }
}

void ProgramWorkspace::point_at(const Outside& outside) {
  for (const Patch& patch : patches_) {
    std::uint8_t* memory = outside[patch.memory];
    if (!memory && scratch_[patch.memory]) memory = scratch_[patch.memory]->data();
    patch.buffer->host = memory ? memory + patch.offset : nullptr;
  }
}

}  // namespace triage::engine
