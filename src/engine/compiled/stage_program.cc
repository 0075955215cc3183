// StageProgram -> file. Reading and every check: stage_program_read.cc.
#include "engine/compiled/stage_program.h"

#include "core/json.h"
#include "engine/compiled/stage_program_file.h"

namespace triage::engine {
namespace {

Json view_to_json(const View& view) {
  Json json = {{"memory", to_string(view.memory)}};
  if (view.memory == View::Memory::map) json["map"] = view.map;
  json["offset"] = view.offset;
  json["type"] = to_string(view.type);
  json["dimensions"] = Json::array();
  for (const Dimension& dimension : view.dimensions) {
    json["dimensions"].push_back({dimension.min, dimension.extent, dimension.stride});
  }
  return json;
}

Json step_to_json(const Step& step) {
  Json json = {{"kernel", step.kernel}, {"arguments", Json::array()}};
  for (const View& view : step.arguments) json["arguments"].push_back(view_to_json(view));
  if (!step.name.empty()) json["name"] = step.name;
  if (step.split >= 0) {
    json["split"] = step.split;
    json["split_unit"] = step.split_unit;
  }
  return json;
}

Json header_of(const StageProgram& program) {
  const SessionInfo& shape = program.shape;
  Json json = {{"version", kProgramVersion},
               {"architecture", program.architecture},
               {"features", program.features},
               {"library", program.library},
               {"library_sha256", program.library_sha256},
               {"precision", program.precision},
               {"shape",
                {{"input_name", shape.input_name},
                 {"input_dims", shape.input_dims},
                 {"classes", shape.classes},
                 {"feature_width", shape.feature_width},
                 {"carry_size", shape.carry_size}}},
               {"kernels", program.kernels},
               {"maps", Json::array()},
               {"steps", Json::array()},
               {"constants", program.constants.size()}};
  for (const MapMemory& map : program.maps) {
    json["maps"].push_back({{"elements", map.elements}, {"type", to_string(map.type)}, {"fill", map.fill}});
  }
  for (const Step& step : program.steps) json["steps"].push_back(step_to_json(step));
  return json;
}

}  // namespace

std::size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::u8:
    case ElementType::i8:
      return 1;
    case ElementType::i16:
      return 2;
    case ElementType::i32:
    case ElementType::f32:
      break;
  }
  return 4;
}

std::string to_string(ElementType type) {
  for (const auto& [value, name] : kElementTypes) {
    if (value == type) return name;
  }
  return "unknown";
}

std::string to_string(View::Memory memory) {
  for (const auto& [value, name] : kMemories) {
    if (value == memory) return name;
  }
  return "unknown";
}

std::size_t output_size(const SessionInfo& shape, View::Memory output) {
  const int size = output == View::Memory::logits     ? shape.classes
                   : output == View::Memory::features ? shape.feature_width
                   : output == View::Memory::carry    ? shape.carry_size
                                                      : 0;
  return static_cast<std::size_t>(size);
}

std::string program_bytes(const StageProgram& program) {
  const std::string header = header_of(program).dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string bytes(kProgramMagic);
  for (std::size_t i = 0; i < kProgramLengthBytes; ++i) {
    bytes += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 0xff);
  }
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(program.constants.data()), program.constants.size());
  return bytes + sha256_hex(bytes);
}

void save_program(const fs::path& file, const StageProgram& program) {
  const std::string bytes = program_bytes(program);
  (void)parse_program(bytes, file.string());
  write_file_atomic(file, bytes);
}

}  // namespace triage::engine
