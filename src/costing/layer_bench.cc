// Map: LocalBench opens nets in this process; RemoteBench writes the files of some visits into a directory and has them
// measured as one job.
#include "costing/layer_bench.h"

#include <algorithm>

#include "core/files/temporary.h"
#include "core/rng.h"
#include "core/system/machine.h"
#include "costing/random_model.h"
#include "engine/onnxruntime/onnx_session.h"
#include "engine/registry.h"
#include "measure/stages/node_times.h"
#include "measure/stages/visit.h"
#include "preprocess/network_input.h"

namespace triage::costing {
namespace {

constexpr int kRandomImages = 16;
constexpr std::size_t kRemoteVisits = 32;  // a call costs some connections; a table is saved after each
constexpr int kRemotePart = 8;             // visits that are lost when a device goes away

class RandomImages {
 public:
  RandomImages(const plan::InputShape& input, std::uint64_t seed) {
    Rng rng(derive_seed(seed, "images"));
    pixels_.resize(static_cast<std::size_t>(kRandomImages) * input.channels * input.height * input.width);
    for (std::uint8_t& pixel : pixels_) pixel = static_cast<std::uint8_t>(rng.below(256));
    images_ = measure::images_of_block(pixels_, input, "random images");
  }
  RandomImages(const RandomImages&) = delete;
  RandomImages& operator=(const RandomImages&) = delete;
  measure::Images images() const { return images_; }

 private:
  std::vector<std::uint8_t> pixels_;
  std::vector<ImageView> images_;
};

// As lower() and the files of plain stages call them.
measure::LayerNodes nodes_of(const cost::KeyedLayer& layer) {
  const bool squeezes = layer.key.kind == family::LayerKind::squeeze_excite;
  measure::LayerNodes nodes{.name = layer.name()};
  for (const family::Layer* part : layer.layers) {
    const bool pool = part->kind == family::LayerKind::max_pool;
    if (part == layer.layers.front() && squeezes) nodes.main = {part->name + "/squeeze", part->name + "/excite"};
    (pool || (squeezes && part == layer.layers.front()) ? nodes.other : nodes.main).push_back(part->name);
  }
  if (squeezes) nodes.convolutions = 2;
  return nodes;
}

// What is asked of every net, wherever it runs.
class LayerNets {
 public:
  LayerNets(const plan::InputShape& input, int classes, const LayerCostOptions& options)
      : images(input, options.seed), input_(input), classes_(classes), options_(options) {}

  std::string onnx(const cost::Segment& stage) const {
    return random_stage_onnx(stage, input_, classes_, options_.seed);
  }
  LayerVisitTimes times(const LayerCostSubject& subject, const Summary& whole,
                        std::span<const cost::NodeTime> nodes) const {
    LayerVisitTimes times{.runs = whole.count};
    if (subject.profiled) {
      const cost::SegmentNet net = cost::segment_net(subject.segment, input_, classes_);
      std::vector<measure::LayerNodes> layers;
      for (const cost::KeyedLayer& layer : cost::keyed_layers(net.net.layers, net.begin, net.end))
        layers.push_back(nodes_of(layer));
      times.layers_us = measure::layer_times(nodes, layers, subject.segment.text());
    } else {
      times.whole_us = whole.mean;
    }
    return times;
  }
  // Of the map that a feature stage starts from.
  std::size_t map_size(const cost::Segment& stage) const {
    const cost::SegmentNet net = cost::segment_net(stage, input_, classes_);
    const family::Layer& map = *net.input();
    return static_cast<std::size_t>(map.out_channels) * map.height * map.width;
  }
  // A net with a resolution of its own sees the image at that one.
  std::optional<preprocess::Preprocess> preprocess(const cost::Segment& stage) const {
    const plan::InputShape seen = cost::segment_net(stage, input_, classes_).net.input;
    if (stage.first_section > 0 || seen == input_) return std::nullopt;
    return preprocess::squashed_preprocess({.height = seen.height, .width = seen.width, .channels = seen.channels});
  }
  const LayerCostOptions& options() const { return options_; }
  const plan::InputShape& input() const { return input_; }

  const RandomImages images;

 private:
  const plan::InputShape input_;
  const int classes_;
  const LayerCostOptions options_;
};

class LocalBench : public LayerBench {
 public:
  LocalBench(const plan::InputShape& input, int classes, const LayerCostOptions& options, NetEngine engine)
      : nets_(input, classes, options), engine_(std::move(engine)) {}

  std::string device() const override { return cost::kThisMachine; }
  std::optional<cost::MeasuredOn> known() const override {
    return cost::MeasuredOn{.machine = machine_context(), .engine_version = engine_.version};
  }
  std::size_t max_visits() const override { return 1; }

  LayerVisitAnswer visit(const LayerVisits& visits, const std::function<void(std::size_t)>&) override {
    LayerVisitAnswer answer{.on = *known()};
    for (const LayerCostSubject& subject : visits.subjects) {
      const measure::Visit visit = time(subject, visits.measure);
      answer.times.push_back(nets_.times(subject, visit.measured.latency_us, visit.nodes));
    }
    return answer;
  }

 private:
  measure::Visit time(const LayerCostSubject& subject, const measure::MeasureOptions& measure) const {
    const cost::Segment& stage = subject.segment;
    const auto open = [&](const std::string& profile) {
      return engine_.open(nets_.onnx(stage), stage.text(), profile);
    };
    std::vector<float> maps;
    if (stage.first_section > 0) maps = random_maps(nets_.map_size(stage));
    return measure::visit_stage(open, stage.text(), {.preprocess = nets_.preprocess(stage), .carries = stage.carry},
                                nets_.images.images(), maps.empty() ? nullptr : &maps,
                                {.measure = measure, .by_node = subject.profiled});
  }

  // As behind a rectifier: half of the values are 0.
  std::vector<float> random_maps(std::size_t size) const {
    Rng rng(derive_seed(nets_.options().seed, "maps"));
    std::vector<float> maps(size * kRandomImages);
    for (float& value : maps) value = static_cast<float>(std::max(0.0, 2 * rng.uniform() - 1));
    return maps;
  }

  LayerNets nets_;
  NetEngine engine_;
};

// The stages of some visits as a plan without routers. Rows are named after the visit's number and the shape; what a
// feature stage starts from stands before it and is not measured.
class VisitPlan {
 public:
  VisitPlan(const LayerVisits& visits, const LayerNets& nets) : nets_(nets) {
    plan_.name = std::format("layers, visits {} to {}", visits.first, visits.first + visits.subjects.size() - 1);
    plan_.input = nets.input();
    for (std::size_t i = 0; i < visits.subjects.size(); ++i) {
      const LayerCostSubject& subject = visits.subjects[i];
      const std::string number = std::to_string(visits.first + i);
      int source = -1;
      if (subject.segment.first_section > 0) {
        cost::Segment before = subject.segment;
        before.first_section = 0;
        before.last_section = subject.segment.first_section;
        before.carry = true;
        source = add("before " + number, before, -1);
      }
      rows_.push_back(number + " " + subject.segment.text());
      add(rows_.back(), subject.segment, source);
      if (subject.profiled) profiled_.push_back(rows_.back());
    }
  }
  const plan::Plan& plan() const { return plan_; }
  const fs::path& directory() const { return directory_.path(); }
  const std::vector<std::string>& rows() const { return rows_; }  // one for each visit
  const std::vector<std::string>& profiled() const { return profiled_; }

 private:
  int add(const std::string& name, const cost::Segment& segment, int source) {
    const int index = static_cast<int>(plan_.stages.size());
    plan::Stage stage{.name = name};  // as an imported one is: a device reads no more of it than its file
    stage.onnx = std::format("{}.onnx", index);
    stage.precision = segment.precision;
    stage.preprocess = nets_.preprocess(segment);
    if (source >= 0) {
      stage.input = plan::StageInput::features;
      stage.source = source;
    }
    write_file_atomic(directory_.path() / stage.onnx, nets_.onnx(segment));
    plan_.stages.push_back(std::move(stage));
    return index;
  }

  const LayerNets& nets_;
  TemporaryDirectory directory_{"layers"};
  plan::Plan plan_;
  std::vector<std::string> rows_, profiled_;
};

class RemoteBench : public LayerBench {
 public:
  RemoteBench(remote::Device device, const plan::InputShape& input, int classes, const LayerCostOptions& options,
              remote::RemoteCall call)
      : nets_(input, classes, options), name_(device.name), device_(std::move(device)), call_(std::move(call)) {}

  std::string device() const override { return name_; }
  std::optional<cost::MeasuredOn> known() const override { return std::nullopt; }
  std::size_t max_visits() const override { return kRemoteVisits; }

  LayerVisitAnswer visit(const LayerVisits& visits, const std::function<void(std::size_t)>& done) override {
    const VisitPlan plan(visits, nets_);
    measure::Job job{.interleaved = kRemotePart};
    job.profile.threads = {nets_.options().threads};
    job.profile.provider = nets_.options().provider;
    job.profile.only = plan.rows();
    job.profile.one_by_one = true;
    job.profile.by_node = plan.profiled();
    job.profile.measure = visits.measure;
    remote::RemoteCall call = call_;
    call.stop = visits.measure.stop;
    call.progress = [&, waits = false](const measure::JobProgress& at) mutable {
      if (at.waiting && !waits && call_.say) call_.say(name_ + ": another measurement runs there");
      waits = at.waiting;
      if (done) done(std::min(at.rows_done + at.round, plan.rows().size()));
    };
    const cost::CostTable table =
        device_.measure_stages(plan.plan(), plan.directory(), nets_.images.images(), job, call);
    call_.fresh = false;
    return answer_of(table, plan.rows(), visits);
  }

 private:
  LayerVisitAnswer answer_of(const cost::CostTable& table, const std::vector<std::string>& rows,
                             const LayerVisits& visits) const {
    LayerVisitAnswer answer{.on = cost::measured_on(table), .states = table.states};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto found = std::ranges::find_if(
          table.entries, [&](const cost::CostSample& entry) { return entry.key.stage == rows[i]; });
      if (found == table.entries.end()) fail("{}: expected a row of stage '{}', found none", name_, rows[i]);
      answer.times.push_back(nets_.times(visits.subjects[i], found->latency_us, found->nodes));
      answer.times.back().unstable_because = found->unstable_because;
    }
    return answer;
  }

  LayerNets nets_;
  std::string name_;
  remote::RemoteDevice device_;
  remote::RemoteCall call_;
};

}  // namespace

NetEngine onnx_engine(const LayerCostOptions& options) {
  return {.version = engine::version_of({}),
          .open = [threads = options.threads, provider = options.provider](
                      const std::string& onnx, const std::string& name, const std::string& profile) {
            return engine::make_onnx_session(onnx, name,
                                             {.threads = threads, .provider = provider, .profile = profile});
          }};
}

std::unique_ptr<LayerBench> layer_bench_here(const plan::InputShape& input, int classes,
                                             const LayerCostOptions& options, NetEngine engine) {
  return std::make_unique<LocalBench>(input, classes, options, std::move(engine));
}

std::unique_ptr<LayerBench> layer_bench_on(remote::Device device, const plan::InputShape& input, int classes,
                                           const LayerCostOptions& options, remote::RemoteCall call) {
  return std::make_unique<RemoteBench>(std::move(device), input, classes, options, std::move(call));
}

}  // namespace triage::costing
