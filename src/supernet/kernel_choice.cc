#include "supernet/kernel_choice.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <format>
#include <limits>
#include <thread>

#include "core/clock.h"
#include "core/files/file_lock.h"
#include "core/warning.h"
#include "supernet/kernels/conv3x3_bf16.h"
#include "supernet/kernels/depthwise.h"

namespace triage::supernet {
namespace {

constexpr int kVersion = 1;
// From bench/conv3x3_bench on Zen 4: the transforms pay from about these widths on.
constexpr int kWinogradWidth = 16;         // forward and backward-data
constexpr int kWinogradWeightsWidth = 32;  // backward-weights
constexpr int kAtenMultiple = 8;           // of channels, for its bf16
constexpr int kRounds = 4, kMostRounds = 24;
constexpr double kSettled = 1.1;   // between the two fastest runs of a kernel
constexpr double kHopeless = 1.5;  // times the fastest: not timed again
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kAdvantage = 0.97;  // of the rule's time that another kernel must stay below
constexpr int kLockTries = 400;      // 5 ms apart

bool own_kernels(const ConvolutionShape& s) {
  return s.kernel == 3 && s.stride == 1 && s.groups == 1 && conv3x3_bf16_supported();
}

bool can_winograd(const ConvolutionShape& s, int width) {
  return std::min(s.in_channels, s.out_channels) >= width && std::min(s.height, s.width) > 1;
}

bool is_depthwise(const ConvolutionShape& shape) {
  return shape.groups > 1 && shape.groups == shape.in_channels && shape.groups == shape.out_channels;
}

// Rounded up; by at most a quarter from 16 on.
int class_of_channels(int channels) {
  if (channels <= 4) return channels;
  const int step = channels <= 32 ? 8 : channels <= 64 ? 16 : channels <= 128 ? 32 : 64;
  return (channels + step - 1) / step * step;
}

std::optional<ConvKernel> kernel_of(const std::string& text) {
  for (const ConvKernel kernel : {ConvKernel::direct, ConvKernel::winograd, ConvKernel::aten, ConvKernel::aten_fp32})
    if (text == to_string(kernel)) return kernel;
  return std::nullopt;
}

ConvKernel read_kernel(const JsonReader& reader) {
  const std::optional<ConvKernel> kernel = kernel_of(reader.as<std::string>());
  if (!kernel) reader.fail_here("direct, winograd, aten or aten-fp32");
  return *kernel;
}

void wait_for(FileLock& lock, const fs::path& file) {
  for (int i = 0; !lock.try_lock(); ++i) {
    if (i == kLockTries) fail("{}: another process has held it for seconds", file.string());
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

const char* to_string(ConvPass pass) {
  static constexpr const char* kNames[] = {"forward", "backward-data", "backward-weights"};
  return kNames[static_cast<int>(pass)];
}

const char* to_string(ConvKernel kernel) {
  static constexpr const char* kNames[] = {"direct", "winograd", "aten", "aten-fp32", "depthwise"};
  return kNames[static_cast<int>(kernel)];
}

std::vector<ConvKernel> kernels_for(const ConvolutionShape& shape) {
  if (is_depthwise(shape) && shape.kernel <= kLargestDepthwise) return {ConvKernel::depthwise};
  std::vector<ConvKernel> kernels{own_kernels(shape) ? ConvKernel::direct : ConvKernel::aten_fp32};
  if (own_kernels(shape) && can_winograd(shape, kWinogradWidth)) kernels.push_back(ConvKernel::winograd);
  if (conv3x3_bf16_supported() && shape.in_channels % kAtenMultiple == 0 && shape.out_channels % kAtenMultiple == 0)
    kernels.push_back(ConvKernel::aten);
  return kernels;
}

ConvKernel kernel_by_rule(const ConvolutionShape& shape, ConvPass pass) {
  if (const ConvKernel first = kernels_for(shape).front(); first != ConvKernel::direct) return first;
  const int width = pass == ConvPass::backward_weights ? kWinogradWeightsWidth : kWinogradWidth;
  return can_winograd(shape, width) ? ConvKernel::winograd : ConvKernel::direct;
}

ConvolutionShape class_of(const ConvolutionShape& shape) {
  ConvolutionShape result = shape;
  result.batch = 0;
  if (shape.groups > 1 && !is_depthwise(shape)) return result;
  result.in_channels = class_of_channels(shape.in_channels);
  result.out_channels = class_of_channels(shape.out_channels);
  if (shape.groups > 1) result.groups = result.in_channels;
  return result;
}

std::string class_text(const ConvolutionShape& shape, ConvPass pass) {
  const ConvolutionShape s = class_of(shape);
  std::string text =
      std::format("{}x{} {}>{} {}x{}", s.kernel, s.kernel, s.in_channels, s.out_channels, s.height, s.width);
  if (s.stride != 1) text += std::format(" stride {}", s.stride);
  if (s.groups != 1) text += std::format(" groups {}", s.groups);
  return text + " " + to_string(pass);
}

ConvKernel KernelChoice::of(const ConvolutionShape& shape, ConvPass pass, int threads) {
  const std::vector<ConvKernel> kernels = kernels_for(shape);
  if (kernels.size() == 1) return kernels.front();
  const std::lock_guard lock(mutex_);
  if (by_rule_ > 0 || (!time_ && chosen_.empty())) return kernel_by_rule(shape, pass);
  const std::string key =
      class_text(shape, pass) + std::format(", {} {}", threads, threads == 1 ? "thread" : "threads");
  auto found = chosen_.find(key);
  if (found == chosen_.end()) {
    if (!time_) return kernel_by_rule(shape, pass);
    const double start = steady_seconds();
    const bool known = measure_class(class_of(shape), pass, key);
    measuring_seconds_ += seconds_since(start);
    if (!known) return kernel_by_rule(shape, pass);
    found = chosen_.find(key);
  }
  found->second.used = true;
  const ConvKernel kernel = found->second.kernel;
  // A layer may lack a kernel of its class: it has odd channel counts, or is too narrow.
  return std::ranges::find(kernels, kernel) != kernels.end() ? kernel : kernel_by_rule(shape, pass);
}

bool KernelChoice::measure_class(const ConvolutionShape& shape, ConvPass pass, const std::string& key) {
  struct Times {
    double best = kNever, second = kNever;
    void add(double seconds) {
      second = std::min(second, std::max(best, seconds));
      best = std::min(best, seconds);
    }
    bool settled() const { return second <= kSettled * best; }
  };
  std::map<ConvKernel, Times> times;
  for (const ConvKernel kernel : kernels_for(shape)) {
    time_(kernel, shape, pass);  // makes what later runs find
    times[kernel].add(time_(kernel, shape, pass));
  }
  const auto fastest = [&] {
    return std::ranges::min_element(times, {}, [](const auto& of) { return of.second.best; })->first;
  };
  bool open = true;  // one that might win may still get faster: something else ran meanwhile
  for (int round = 1; round < kMostRounds && (open || round < kRounds); ++round) {
    open = false;
    for (auto& [kernel, of] : times) {
      if (of.settled() && of.best > kHopeless * times.at(fastest()).best) continue;
      of.add(time_(kernel, shape, pass));
      open = open || !of.settled();
    }
  }
  ConvKernel kernel = fastest();
  const ConvKernel usual = kernel_by_rule(shape, pass);
  if (times.at(kernel).best > kAdvantage * times.at(usual).best) kernel = usual;
  std::map<ConvKernel, double> best;
  for (const auto& [of, seconds] : times) best[of] = seconds.best;
  return remember(key, kernel, best);
}

Json KernelChoice::read() const {
  if (!fs::exists(file_)) return Json::object();
  try {
    Json json = read_json(file_);
    if (!unseal(json, file_.string())) fail("{}: field 'checksum' is missing", file_.string());
    const JsonReader reader(json, file_.string());
    if (reader.get<int>("version") != kVersion) reader.at("version").fail_here(std::to_string(kVersion));
    const JsonReader machines = reader.at("machines");
    if (!machines.json().is_object()) machines.fail_here("an object");
    for (const auto& [machine, kernels] : machines.json().items()) {
      const JsonReader of_machine(kernels, machines.where() + "." + machine);
      if (!kernels.is_object()) of_machine.fail_here("an object");
      for (const auto& [key, choice] : kernels.items()) read_kernel(of_machine.at(key).at("kernel"));
    }
    return machines.json();
  } catch (const Error& error) {
    warn(std::string(error.what()) + "; kernels are measured again");
    return Json::object();
  }
}

// What another process has remembered meanwhile holds.
bool KernelChoice::remember(const std::string& key, ConvKernel kernel, const std::map<ConvKernel, double>& seconds) {
  try {
    std::error_code error;
    fs::create_directories(file_.parent_path(), error);  // the lock says what is wrong
    FileLock lock(file_.string() + ".lock");
    wait_for(lock, file_);
    Json machines = read();
    Json& here = machines[machine_];
    if (!here.contains(key)) {
      Json times = Json::object();
      for (const auto& [of, best] : seconds)
        times[to_string(of)] = std::isfinite(best) ? Json(std::round(best * 1e7) / 10) : Json("wrong sums");
      here[key] = {{"kernel", to_string(kernel)}, {"us", times}};
      write_sealed_json(file_, {{"version", kVersion}, {"machines", machines}});
    }
    for (const auto& [known, choice] : here.items())  // adopted ones stay
      chosen_.try_emplace(known, Chosen{*kernel_of(choice.at("kernel").get<std::string>())});
    return true;
  } catch (const Error& error) {
    warn(std::string(error.what()) + "; kernels are chosen by rule, not by their times");
    time_ = nullptr;
    return false;
  }
}

void KernelChoice::measure(fs::path file, std::string machine, TimeKernel time) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
  machine_ = std::move(machine);
  time_ = std::move(time);
  const Json machines = read();
  if (!machines.contains(machine_)) return;
  for (const auto& [key, choice] : machines.at(machine_).items())
    chosen_.insert_or_assign(key, Chosen{*kernel_of(choice.at("kernel").get<std::string>())});
}

void KernelChoice::forget() {
  const std::lock_guard lock(mutex_);
  time_ = nullptr;
  chosen_.clear();
}

bool KernelChoice::measures() const {
  const std::lock_guard lock(mutex_);
  return time_ && by_rule_ == 0;
}

double KernelChoice::measuring_seconds() const {
  const std::lock_guard lock(mutex_);
  return measuring_seconds_;
}

Json KernelChoice::choices() const {
  const std::lock_guard lock(mutex_);
  Json json = Json::object();
  for (const auto& [key, chosen] : chosen_)
    if (chosen.used) json[key] = to_string(chosen.kernel);
  return json;
}

void KernelChoice::adopt(const Json& choices, const std::string& origin) {
  const JsonReader reader(choices, origin);
  if (!choices.is_object()) reader.fail_here("an object");
  const std::lock_guard lock(mutex_);
  for (const auto& [key, kernel] : choices.items())
    chosen_.insert_or_assign(key, Chosen{read_kernel(reader.at(key)), true});
}

KernelChoice& kernel_choice() {
  static KernelChoice choice;
  return choice;
}

KernelsByRule::KernelsByRule(bool on) : on_(on) {
  if (!on_) return;
  const std::lock_guard lock(kernel_choice().mutex_);
  ++kernel_choice().by_rule_;
}

KernelsByRule::~KernelsByRule() {
  if (!on_) return;
  const std::lock_guard lock(kernel_choice().mutex_);
  --kernel_choice().by_rule_;
}

}  // namespace triage::supernet
