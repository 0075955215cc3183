// File -> StageProgram. The file comes from outside: every number in it is checked before anything is allocated or
// computed with it. Map: parse_program() takes the file apart, read_* the header, check_* what must fit together.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "engine/compiled/stage_program.h"
#include "engine/compiled/stage_program_file.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 20, kMaxSteps = 1 << 16, kMaxArguments = 16;
constexpr std::size_t kMaxKernels = 4096, kMaxMaps = 4096, kMaxDimensions = 8, kMaxFeatures = 256, kMaxName = 256;
constexpr int kMaxSize = 1 << 28;  // of a minimum, extent, stride, output: products of two fit std::int64_t with ease

bool is_word(const std::string& text) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, ok);
}

std::string word(const JsonReader& json) {
  const std::string text = json.as<std::string>();
  if (!is_word(text)) json.fail_here("letters, digits and '_', at most 256");
  return text;
}

std::vector<std::string> words(const JsonReader& json, std::size_t most) {
  if (json.size() > most) json.fail_here(std::format("at most {} names", most));
  std::vector<std::string> list;
  for (std::size_t i = 0; i < json.size(); ++i) list.push_back(word(json.at(i)));
  return list;
}

// Beside the program and nowhere else.
std::string library_name(const JsonReader& json) {
  const std::string name = json.as<std::string>();
  const auto bad = [](unsigned char c) { return c <= ' ' || c == '/' || c == '\\' || c >= 127; };
  if (name.empty() || name.size() > kMaxName || name.starts_with('.') || std::ranges::any_of(name, bad)) {
    json.fail_here("a plain file name (no slash, no space, no '.' at its start)");
  }
  return name;
}

std::string program_checksum(const JsonReader& json) {
  const std::string text = json.as<std::string>();
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 64 || !std::ranges::all_of(text, hex)) json.fail_here("64 hexadecimal digits in lower case");
  return text;
}

template <class T, std::size_t n>
T named(const JsonReader& json, const std::pair<T, const char*> (&names)[n]) {
  const std::string found = json.as<std::string>();
  for (const auto& [value, name] : names) {
    if (found == name) return value;
  }
  json.fail_here("one of " + joined(names, [](const auto& known) { return known.second; }));
}

SessionInfo read_shape(const JsonReader& json) {
  SessionInfo shape;
  shape.input_name = json.get<std::string>("input_name");
  if (shape.input_name != "image" && shape.input_name != "carry_in") {
    json.at("input_name").fail_here("'image' or 'carry_in'");
  }
  const JsonReader dims = json.at("input_dims");
  if (dims.size() < 1 || dims.size() > kMaxDimensions) dims.fail_here(std::format("1 to {} sizes", kMaxDimensions));
  std::int64_t size = 1;
  for (const int dim : shape.input_dims = dims.as<std::vector<int>>()) {
    size = dim < 1 ? 0 : size * dim;
    if (size < 1 || size > kMaxSize) dims.fail_here(std::format("sizes whose product is 1 to {}", kMaxSize));
  }
  shape.input_size = static_cast<int>(size);
  shape.classes = json.get_in("classes", 1, kMaxSize);
  shape.feature_width = json.get_in("feature_width", 0, kMaxSize);
  shape.carry_size = json.get_in("carry_size", 0, kMaxSize);
  return shape;
}

MapMemory read_map(const JsonReader& json) {
  MapMemory map;
  map.elements = json.get_in<std::size_t>("elements", 1, kMaxSize);
  map.type = named(json.at("type"), kElementTypes);
  map.fill = json.get<double>("fill");
  const auto [low, high] =
      map.type == ElementType::u8    ? std::pair<double, double>(0, UINT8_MAX)
      : map.type == ElementType::i8  ? std::pair<double, double>(INT8_MIN, INT8_MAX)
      : map.type == ElementType::i16 ? std::pair<double, double>(INT16_MIN, INT16_MAX)
      : map.type == ElementType::i32
          ? std::pair<double, double>(INT32_MIN, INT32_MAX)
          : std::pair<double, double>(std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
  const bool whole = map.type == ElementType::f32 || map.fill == std::floor(map.fill);
  if (!(map.fill >= low && map.fill <= high) || !whole) {
    json.at("fill").fail_here(std::format("a value of type {}", to_string(map.type)));
  }
  return map;
}

// Bytes of a view's memory.
std::size_t memory_bytes(const StageProgram& program, const View& view) {
  switch (view.memory) {
    case View::Memory::map: {
      const MapMemory& map = program.maps[static_cast<std::size_t>(view.map)];
      return map.elements * size_of(map.type);
    }
    case View::Memory::constants:
      return program.constants.size();
    case View::Memory::input:
      return static_cast<std::size_t>(program.shape.input_size) * sizeof(float);
    default:
      return output_size(program.shape, view.memory) * sizeof(float);
  }
}

Dimension read_dimension(const JsonReader& json) {
  if (json.size() != 3) json.fail_here("[min, extent, stride]");
  const auto values = json.as<std::vector<int>>();
  if (values[0] < -kMaxSize || values[0] > kMaxSize) json.at(0).fail_here(std::format("a min of at most {}", kMaxSize));
  if (values[1] < 1 || values[1] > kMaxSize) json.at(1).fail_here(std::format("an extent from 1 to {}", kMaxSize));
  if (values[2] < 0 || values[2] > kMaxSize) json.at(2).fail_here(std::format("a stride from 0 to {}", kMaxSize));
  return {values[0], values[1], values[2]};
}

View read_view(const JsonReader& json, const StageProgram& program) {
  View view;
  view.memory = named(json.at("memory"), kMemories);
  if (view.memory == View::Memory::map) {
    if (program.maps.empty()) json.at("memory").fail_here("no view of a map: there are none");
    view.map = json.get_in("map", 0, static_cast<int>(program.maps.size()) - 1);
  }
  view.type = named(json.at("type"), kElementTypes);
  if (view.memory == View::Memory::map) {
    const ElementType type = program.maps[static_cast<std::size_t>(view.map)].type;
    if (view.type != type) json.at("type").fail_here("the map's type " + to_string(type));
  } else if (view.memory != View::Memory::constants && view.type != ElementType::f32) {
    json.at("type").fail_here("f32, as every input and output");
  }
  const std::size_t size = size_of(view.type), bytes = memory_bytes(program, view);
  view.offset = json.get_in<std::size_t>("offset", 0, kMaxProgramBytes * 8);
  if (view.offset % size != 0) json.at("offset").fail_here(std::format("a multiple of {}", size));
  const JsonReader dimensions = json.at("dimensions");
  if (dimensions.size() < 1 || dimensions.size() > kMaxDimensions) {
    dimensions.fail_here(std::format("1 to {} dimensions", kMaxDimensions));
  }
  std::uint64_t last = 0;  // element, from the first: at most 8 * 2^56
  for (std::size_t i = 0; i < dimensions.size(); ++i) {
    const Dimension dimension = read_dimension(dimensions.at(i));
    last += static_cast<std::uint64_t>(dimension.extent - 1) * static_cast<std::uint64_t>(dimension.stride);
    view.dimensions.push_back(dimension);
  }
  if (const std::uint64_t end = view.offset + (last + 1) * size; end > bytes) {
    fail("{}: found a view that ends at byte {}, expected one inside the {} bytes of '{}'", json.where(), end, bytes,
         to_string(view.memory));
  }
  return view;
}

Step read_step(const JsonReader& json, const StageProgram& program) {
  Step step;
  step.kernel = json.get_in("kernel", 0, static_cast<int>(program.kernels.size()) - 1);
  const JsonReader arguments = json.at("arguments");
  if (arguments.size() < 1 || arguments.size() > kMaxArguments) {
    arguments.fail_here(std::format("1 to {} views", kMaxArguments));
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) step.arguments.push_back(read_view(arguments.at(i), program));
  const View& written = step.arguments.back();
  if (written.memory == View::Memory::constants || written.memory == View::Memory::input) {
    arguments.at(arguments.size() - 1).at("memory").fail_here("a map or an output, as the last is written");
  }
  step.name = json.get_or<std::string>("name", "");
  if (json.has("split")) {
    step.split = json.get_in("split", 0, static_cast<int>(written.dimensions.size()) - 1);
    step.split_unit = json.get_in("split_unit", 1, kMaxSize);
  }
  return step;
}

// Every output has as many elements written as it has, or more.
void check_outputs(const StageProgram& program, const JsonReader& steps) {
  for (const auto output : {View::Memory::logits, View::Memory::features, View::Memory::carry}) {
    const std::uint64_t expected = output_size(program.shape, output);
    std::uint64_t written = 0;
    for (const Step& step : program.steps) {
      if (step.arguments.back().memory != output) continue;
      std::uint64_t volume = 1;
      for (const Dimension& dimension : step.arguments.back().dimensions) {
        volume = std::min<std::uint64_t>(volume * static_cast<std::uint64_t>(dimension.extent), expected);
      }
      written = std::min(written + volume, expected);
    }
    if (written != expected) {
      fail("{}: output '{}': found {} elements written, expected {}", steps.where(), to_string(output), written,
           expected);
    }
  }
}

void check_total(const StageProgram& program, const std::string& origin) {
  const SessionInfo& shape = program.shape;
  std::uint64_t bytes = program.constants.size();
  for (const MapMemory& map : program.maps) bytes += map.elements * size_of(map.type);
  for (const int size : {shape.input_size, shape.classes, shape.feature_width, shape.carry_size}) {
    bytes += static_cast<std::uint64_t>(size) * sizeof(float);
  }
  if (bytes > kMaxProgramBytes) {
    fail("{}: found {} bytes of constants, maps, input and outputs, expected at most {}", origin, bytes,
         kMaxProgramBytes);
  }
}

StageProgram read_header(const JsonReader& json, std::string_view constants) {
  StageProgram program;
  if (const int found = json.get<int>("version"); found != kProgramVersion) {
    fail_with(ErrorCode::unsupported, "{}: version: expected {}, found {}: compile the plan again (triage compile)",
              json.where(), kProgramVersion, found);
  }
  program.architecture = word(json.at("architecture"));
  program.features = words(json.at("features"), kMaxFeatures);
  program.library = library_name(json.at("library"));
  program.library_sha256 = program_checksum(json.at("library_sha256"));
  program.precision = word(json.at("precision"));
  program.shape = read_shape(json.at("shape"));
  program.kernels = words(json.at("kernels"), kMaxKernels);
  if (program.kernels.empty()) json.at("kernels").fail_here("at least one kernel");
  if (json.get<std::size_t>("constants") != constants.size()) {
    json.at("constants").fail_here(std::format("the {} bytes behind the header", constants.size()));
  }
  const JsonReader maps = json.at("maps"), steps = json.at("steps");
  if (maps.size() > kMaxMaps) maps.fail_here(std::format("at most {} maps", kMaxMaps));
  for (std::size_t i = 0; i < maps.size(); ++i) program.maps.push_back(read_map(maps.at(i)));
  program.constants.assign(constants.begin(), constants.end());
  check_total(program, json.where());
  if (steps.size() < 1 || steps.size() > kMaxSteps) steps.fail_here(std::format("1 to {} steps", kMaxSteps));
  for (std::size_t i = 0; i < steps.size(); ++i) program.steps.push_back(read_step(steps.at(i), program));
  check_outputs(program, steps);
  return program;
}

}  // namespace

StageProgram parse_program(std::string_view bytes, const std::string& origin) {
  constexpr std::size_t kHead = kProgramMagic.size() + kProgramLengthBytes;
  if (!bytes.starts_with(kProgramMagic)) fail("{}: expected a stage program, found another kind of file", origin);
  if (bytes.size() < kHead + kProgramHashBytes) {
    fail("{}: found {} bytes, expected at least {}", origin, bytes.size(), kHead + kProgramHashBytes);
  }
  const std::string_view content = bytes.substr(0, bytes.size() - kProgramHashBytes);
  const std::string_view hash = bytes.substr(content.size());
  if (const std::string found = sha256_hex(content); found != hash) {
    fail("{}: checksum: expected the one at its end, found {}", origin, found);
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kProgramLengthBytes; ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(bytes[kProgramMagic.size() + i])} << (8 * i);
  }
  const std::size_t most = std::min(content.size() - kHead, kMaxHeaderBytes);
  if (length > most) fail("{}: header: found {} bytes, expected at most {}", origin, length, most);
  const Json header = parse_json(content.substr(kHead, length), origin);
  return read_header(JsonReader(header, origin), content.substr(kHead + length));
}

StageProgram load_program(const fs::path& file) { return parse_program(read_file(file), file.string()); }

}  // namespace triage::engine
