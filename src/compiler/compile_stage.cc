#include "compiler/compile_stage.h"

#include <algorithm>
#include <set>

#include "compiler/kernel/dot_types.h"
#include "compiler/kernel/pack.h"
#include "compiler/stage_graph.h"
#include "core/error.h"
#include "core/files/temporary.h"
#include "model/onnx/read.h"

namespace triage::compiler {
namespace {

using engine::Dimension;
using engine::ElementType;
using engine::Step;
using engine::View;

constexpr std::size_t kNameDigits = 12;  // of its content's SHA-256, in the name of a file

// A map that a kernel wrote has kLanes channels or more in memory, and its reader must know.
KernelKey key_of(const GraphConv& conv, bool first, int threads) {
  KernelKey key = kernel_key(conv.layer, conv.int8 ? plan::Precision::int8 : plan::Precision::fp32, threads);
  if (!first && key.in_channels <= 4) key.in_channels = 5;
  return key;
}

// [out, in, 3, 3] with further input channels of 0.
template <class T>
std::vector<T> widened(const std::vector<T>& weight, int out, int from, int to) {
  if (from == to) return weight;
  std::vector<T> wide(static_cast<std::size_t>(out) * to * 9, T{});
  for (int o = 0; o < out; ++o)
    std::copy_n(weight.begin() + static_cast<std::ptrdiff_t>(o) * from * 9, from * 9,
                wide.begin() + static_cast<std::ptrdiff_t>(o) * to * 9);
  return wide;
}

class ProgramBuilder {
 public:
  ProgramBuilder(const StageGraph& graph, int threads, const ScheduleOf& schedule_of, KernelSet& library)
      : graph_(graph), threads_(threads), schedule_of_(schedule_of), library_(library), target_(library.target()) {}

  engine::StageProgram build() {
    const auto& input = graph_.input;
    program_.architecture = target_.architecture;
    program_.features = target_.features.names();
    program_.precision = graph_.int8() ? "int8" : "fp32";
    program_.shape = {.input_size = input.channels * input.height * input.width,
                      .classes = graph_.classes,
                      .input_name = graph_.reads_image ? "image" : "carry_in",
                      .input_dims = {input.channels, input.height, input.width}};
    Map map = prepare();
    for (std::size_t i = 0; i < graph_.convs.size(); ++i) {
      map = convolve(i, map);
      if (static_cast<int>(i) == graph_.features_conv) add_means(map);
      if (static_cast<int>(i) == graph_.carry_conv) add_carry(map);
    }
    add_head(map);
    return std::move(program_);
  }

 private:
  struct Map {  // memory with a border of zeros, which it has from the start
    int memory = 0, channels = 0, height = 0, width = 0, stored = 0;
    plan::Precision precision = plan::Precision::fp32;
    ElementType type = ElementType::f32;
    model::Grid grid;
    double fill = 0;
  };

  Map new_map(int channels, int stored, int height, int width, const std::optional<model::Grid>& grid) {
    Map map{.channels = channels, .height = height, .width = width, .stored = stored};
    if (grid) {
      const DotTypes types = dot_types(plan::Precision::int8, target_);
      map.precision = plan::Precision::int8;
      map.type = types.map;
      map.grid = *grid;
      map.fill = grid->zero + types.offset;
    }
    const auto free = std::ranges::find_if(free_, [&](const Map& old) {
      return old.stored == stored && old.height == height && old.width == width && old.type == map.type &&
             old.fill == map.fill;
    });
    if (free != free_.end()) {
      map.memory = free->memory;
      free_.erase(free);
    } else {
      map.memory = static_cast<int>(program_.maps.size());
      program_.maps.push_back({static_cast<std::size_t>(height + 2) * (width + 2) * stored, map.type, map.fill});
    }
    return map;
  }
  void release(const Map& map) { free_.push_back(map); }

  static View whole(const Map& map) {
    const int row = (map.width + 2) * map.stored;
    return {.memory = View::Memory::map,
            .map = map.memory,
            .type = map.type,
            .dimensions = {{0, map.stored, 1}, {0, map.width + 2, map.stored}, {0, map.height + 2, row}}};
  }
  static View inside(const Map& map) {
    View view = whole(map);
    view.offset = (static_cast<std::size_t>(map.width + 3) * map.stored) * size_of(map.type);
    view.dimensions[1].extent = map.width;
    view.dimensions[2].extent = map.height;
    return view;
  }
  static View outside(View::Memory memory, std::vector<Dimension> dimensions) {
    return {.memory = memory, .type = ElementType::f32, .dimensions = std::move(dimensions)};
  }

  View constant(const Packed& packed) {
    auto& bytes = program_.constants;
    bytes.resize((bytes.size() + 63) / 64 * 64);
    View view{.memory = View::Memory::constants,
              .offset = bytes.size(),
              .type = packed.type,
              .dimensions = packed.dimensions};
    bytes.insert(bytes.end(), packed.bytes.begin(), packed.bytes.end());
    return view;
  }
  View constant(const std::vector<float>& values) { return constant(packed_vector(values, values.size())); }
  View grid_of(const Map& map) {
    return constant({map.grid.scale,
                     static_cast<float>(map.grid.zero) + static_cast<float>(dot_types(map.precision, target_).offset)});
  }

  // Halide makes a second function beside each kernel, which takes its arguments as an array.
  int kernel(const std::string& name) {
    const std::string symbol = name + "_argv";
    auto& kernels = program_.kernels;
    const auto found = std::ranges::find(kernels, symbol);
    if (found != kernels.end()) return static_cast<int>(found - kernels.begin());
    kernels.push_back(symbol);
    return static_cast<int>(kernels.size()) - 1;
  }
  void add_step(const std::string& name, const std::string& symbol, std::vector<View> arguments, int split, int unit) {
    program_.steps.push_back({.kernel = kernel(symbol),
                              .arguments = std::move(arguments),
                              .split = split,
                              .split_unit = unit,
                              .name = name});
  }
  std::string edge(EdgeKind kind, const Map& map, int classes = 0) {
    return library_.add(EdgeKey{kind, map.precision, map.channels, map.stored, map.height, map.width, classes});
  }

  Map prepare() {
    const auto& input = graph_.input;
    const Map map =
        new_map(input.channels, stored_channels(input.channels), input.height, input.width, graph_.grids.front());
    const int plane = input.height * input.width;
    std::vector<float> mean = graph_.mean;
    mean.resize(static_cast<std::size_t>(input.channels));
    add_step("prepare", edge(EdgeKind::prepare, map),
             {outside(View::Memory::input,
                      {{0, input.width, 1}, {0, input.height, input.width}, {0, input.channels, plane}}),
              constant(mean), grid_of(map), inside(map)},
             2, 1);
    return map;
  }

  // The same map in the other precision.
  Map converted(const Map& map, const std::optional<model::Grid>& grid) {
    Map to = new_map(map.channels, map.stored, map.height, map.width, grid);
    const Map& int8 = grid ? to : map;
    add_step(grid ? "round" : "real", edge(grid ? EdgeKind::round : EdgeKind::real, int8),
             {inside(map), grid_of(int8), inside(to)}, 2, 1);
    release(map);
    return to;
  }

  Map convolve(std::size_t i, Map map) {
    const GraphConv& conv = graph_.convs[i];
    const plan::ConvLayer& layer = conv.layer;
    const bool is_int8 = map.precision == plan::Precision::int8;
    if (conv.int8.has_value() != is_int8) map = converted(map, conv.int8 ? graph_.grids[i] : std::nullopt);
    const KernelKey key = key_of(conv, i == 0, threads_);
    const Schedule schedule = schedule_of_(key);
    const int step = layer.pool ? 2 : 1, channels = written_channels(layer.out_channels);
    const auto& grid = graph_.grids[i + 1];
    Map to =
        new_map(layer.out_channels, channels, layer.height / step, layer.width / step, conv.int8 ? grid : std::nullopt);

    std::vector<View> arguments{whole(map)};
    if (conv.int8) {
      const auto weight = widened(conv.int8->weight, layer.out_channels, layer.in_channels, key.in_channels);
      arguments.push_back(constant(packed_weights(key, schedule, target_, weight)));
      const auto bias = shifted_bias(key, target_, weight, conv.int8->bias, graph_.grids[i]->zero);
      arguments.push_back(constant(packed_vector(bias, channels)));
      std::vector<float> multiplier;
      for (const float scale : conv.int8->scale)
        multiplier.push_back(graph_.grids[i]->scale * scale / graph_.grids[i + 1]->scale);
      arguments.push_back(constant(packed_vector(multiplier, channels)));
    } else {
      const auto weight = widened(conv.weight, layer.out_channels, layer.in_channels, key.in_channels);
      arguments.push_back(constant(packed_weights(key, schedule, target_, weight)));
      arguments.push_back(constant(packed_vector(conv.bias, channels)));
    }
    arguments.push_back(inside(to));
    const bool by_channels = schedule.share == Share::channels;
    add_step(conv.name, library_.add(key, schedule), std::move(arguments), by_channels ? 0 : 2,
             unit_of_share(key, schedule) / (by_channels ? 1 : step));
    release(map);
    if (!conv.int8 && grid) to = converted(to, grid);
    return to;
  }

  void add_means(const Map& map) {
    program_.shape.feature_width = map.channels;
    add_step("features", edge(EdgeKind::mean, map),
             {inside(map), grid_of(map), outside(View::Memory::features, {{0, map.channels, 1}})}, -1, 1);
  }

  void add_carry(const Map& map) {
    program_.shape.carry_size = map.channels * map.height * map.width;
    add_step("carry", edge(EdgeKind::carry_out, map),
             {inside(map), grid_of(map),
              outside(View::Memory::carry,
                      {{0, map.width, 1}, {0, map.height, map.width}, {0, map.channels, map.width * map.height}})},
             -1, 1);
  }

  void add_head(const Map& map) {
    std::vector<float> weight(static_cast<std::size_t>(graph_.classes) * map.stored, 0.0f);
    for (int k = 0; k < graph_.classes; ++k)
      std::copy_n(graph_.head_weight.begin() + static_cast<std::ptrdiff_t>(k) * map.channels, map.channels,
                  weight.begin() + static_cast<std::ptrdiff_t>(k) * map.stored);
    Packed packed = packed_vector(weight, weight.size());
    packed.dimensions = {{0, map.stored, 1}, {0, graph_.classes, map.stored}};
    add_step("head", edge(EdgeKind::head, map, graph_.classes),
             {inside(map), grid_of(map), constant(packed), constant(graph_.head_bias),
              outside(View::Memory::logits, {{0, graph_.classes, 1}})},
             -1, 1);
  }

  const StageGraph& graph_;
  int threads_;
  const ScheduleOf& schedule_of_;
  KernelSet& library_;
  const Target& target_;
  engine::StageProgram program_;
  std::vector<Map> free_;
};

// Whether a file's name is `before`, a content's first 12 hexadecimal digits, `after`.
bool named_by_content(const std::string& name, std::string_view before, std::string_view after) {
  if (!name.starts_with(before) || !name.ends_with(after)) return false;
  if (name.size() < before.size() + kNameDigits + after.size()) return false;
  const std::string_view digits = std::string_view(name).substr(name.size() - after.size() - kNameDigits, kNameDigits);
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

model::Graph graph_of_plan(const fs::path& directory, const plan::Stage& stage) {
  const fs::path file = directory / stage.onnx;
  const std::string bytes = read_file(file);
  if (const std::string found = sha256_hex(bytes); found != stage.sha256)
    fail("{}: sha256: found {}, expected {} (from plan.json)", file.string(), found, stage.sha256);
  return model::parse_onnx(bytes, file.string());
}

CompilableStages compilable_stages(const fs::path& directory, const plan::Plan& plan) {
  CompilableStages compilable;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    model::Graph graph = graph_of_plan(directory, plan.stages[s]);
    try {
      stage_graph(graph);
      compilable.stages.push_back({s, std::move(graph)});
    } catch (const Error& error) {
      if (!plan.stages[s].arch.blocks.empty()) throw;  // every layer of a network of ours has kernels
      compilable.left.push_back(error.what());
    }
  }
  if (compilable.stages.empty()) fail("{}", compilable.left.front());
  return compilable;
}

std::vector<KernelKey> kernels_of(const model::Graph& of, int threads) {
  const StageGraph graph = stage_graph(of);
  std::vector<KernelKey> keys;
  for (std::size_t i = 0; i < graph.convs.size(); ++i) keys.push_back(key_of(graph.convs[i], i == 0, threads));
  return keys;
}

engine::StageProgram compile_stage(const model::Graph& of, int threads, const ScheduleOf& schedule_of,
                                   KernelSet& library) {
  const StageGraph graph = stage_graph(of);
  return ProgramBuilder(graph, threads, schedule_of, library).build();
}

std::vector<fs::path> compiled_files(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    const std::string library = name.ends_with(".proof") ? name.substr(0, name.find(".so") + 3) : name;
    if (named_by_content(library, "kernels_", ".so") || named_by_content(name, "", ".program"))
      files.push_back(entry.path());
  }
  return files;
}

CompiledPlan compile_plan(const fs::path& directory, const CompileOptions& options, const ScheduleOf& schedule_of,
                          const Json& made_by) {
  plan::Plan plan = plan::load_plan(directory);
  KernelSet library(options.target);
  const CompilableStages compilable = compilable_stages(directory, plan);
  std::vector<engine::StageProgram> programs;
  for (const CompilableStage& stage : compilable.stages) {
    programs.push_back(compile_stage(stage.graph, options.threads, schedule_of, library));
  }

  const TemporaryDirectory place(directory, "kernels");
  const fs::path unnamed = place.path() / "kernels.so";
  library.write(unnamed, options.program, options.stop);
  flush_to_disk(unnamed);
  const std::string sha256 = sha256_file(unnamed), name = "kernels_" + sha256.substr(0, kNameDigits) + ".so";
  fs::rename(unnamed, directory / name);
  std::set<std::string> now{name};
  for (std::size_t i = 0; i < programs.size(); ++i) {
    programs[i].library = name;
    programs[i].library_sha256 = sha256;
    const std::string content = sha256_hex(engine::program_bytes(programs[i]));
    plan::Stage& stage = plan.stages[compilable.stages[i].index];
    const std::string file = stage.name + "_" + content.substr(0, kNameDigits) + ".program";
    engine::save_program(directory / file, programs[i]);
    stage.set_artifact({.engine = engine::spec_of_engine(engine::kCompiled),
                        .file = file,
                        .sha256 = sha256_file(directory / file),
                        .needs = programs[i].features});
    now.insert(file);
  }
  if (!plan.provenance.is_object()) plan.provenance = Json::object();
  plan.provenance.erase(kMadeKernels);
  if (!made_by.is_null()) plan.provenance[kMadeKernels] = made_by;
  plan::save_plan(directory, plan);
  for (const fs::path& old : compiled_files(directory))
    if (!now.contains(old.filename())) fs::remove(old);
  return {.kernels = library.kernels().size(), .library = directory / name, .left = compilable.left};
}

}  // namespace triage::compiler
