// One Ort::Env per process, one Ort::Session per stage, inputs and outputs bound to the caller's tensors.
#include "engine/onnxruntime/onnx_session.h"

#include <onnx/defs/schema.h>
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cfenv>
#include <new>

#include "core/files/file.h"
#include "engine/onnxruntime/onnx_trim.h"
#include "engine/onnxruntime/providers.h"
#include "engine/status.h"
#include "engine/threads/forks.h"

namespace triage::engine {
namespace {

constexpr std::array<std::string_view, 3> kOutputs{"logits", "features", "carry"};
constexpr std::size_t kMaxRank = 8;
constexpr std::int64_t kMaxBatch = 4096;  // of a network that runs one batch size

// Keeps this thread's rounding and what it does with denormals: a process's first session decides the latter anew.
class FloatingPointScope {
 public:
  FloatingPointScope() { std::fegetenv(&before_); }
  ~FloatingPointScope() { std::fesetenv(&before_); }
  FloatingPointScope(const FloatingPointScope&) = delete;
  FloatingPointScope& operator=(const FloatingPointScope&) = delete;

 private:
  std::fenv_t before_{};
};

// libonnx keeps its registry private, and gives pointers into it away. (The name of a private member may stand in an
// explicit instantiation: C++20, 13.9.3.)
using Schemas = onnx::OpName_Domain_Version_Schema_Map;
Schemas& registry();
template <Schemas& (*member)()>
struct RegistryAccess {
  friend Schemas& registry() { return member(); }
};
template struct RegistryAccess<&onnx::OpSchemaRegistry::map>;

using Domains = onnx::OpSchemaRegistry::DomainToVersionRange;
void swap_domains(Domains& a, Domains& b);
void add_domains(Domains& to, Domains& from);
template <auto versions, auto releases>
struct DomainAccess {
  friend void swap_domains(Domains& a, Domains& b) {
    (a.*versions).swap(b.*versions);
    (a.*releases).swap(b.*releases);
  }
  friend void add_domains(Domains& to, Domains& from) {
    (to.*versions).merge(from.*versions);
    (to.*releases).merge(from.*releases);
  }
};
template struct DomainAccess<&Domains::map_, &Domains::last_release_version_map_>;

// ONNX Runtime registers every operator and its domains with the libonnx that it shares with us and the host. Operators
// that are there already would print an error each, and a domain (of another ONNX Runtime in the process, such as
// Python's) would be an exception; so they stand aside while it does. Afterwards they are where they were, pointers
// to them and operators of the host's own too, and what ONNX Runtime has beside them is added.
class RegistryAside {
 public:
  RegistryAside() { swap(); }
  ~RegistryAside() {
    swap();
    for (auto& [name, domains] : schemas_) {
      for (auto& [domain, versions] : domains) registry()[name][domain].merge(versions);
    }
    add_domains(Domains::Instance(), domains_);
  }
  RegistryAside(const RegistryAside&) = delete;
  RegistryAside& operator=(const RegistryAside&) = delete;

 private:
  void swap() {
    registry().swap(schemas_);
    swap_domains(Domains::Instance(), domains_);
  }
  Schemas schemas_;
  Domains domains_;  // as a process begins with
};

Ort::SessionOptions session_options(const OnnxOptions& options, const std::string& origin) {
  if (options.threads < 1 || options.threads > 1024) {
    fail_with(ErrorCode::bad_input, "threads: found {}, expected 1 to 1024", options.threads);
  }
  Ort::SessionOptions session;
  session.SetIntraOpNumThreads(options.threads);
  session.SetInterOpNumThreads(1);
  session.SetExecutionMode(ORT_SEQUENTIAL);
  session.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
  session.EnableMemPattern();
  session.SetLogSeverityLevel(ORT_LOGGING_LEVEL_ERROR);
  session.AddConfigEntry("session.intra_op.allow_spinning", options.allow_spinning ? "1" : "0");
  session.AddConfigEntry(kExactProducts, "1");
  if (!options.profile.empty()) session.EnableProfiling(options.profile.c_str());
  if (const auto reason = why_not_provider(options.provider)) {
    fail_with(ErrorCode::unsupported, "{}: {}", origin, *reason);
  }
  find_provider(options.provider).append(session, options);
  return session;
}

std::string text(const std::vector<std::int64_t>& dims) {
  std::string result;
  for (std::int64_t dim : dims) result += (result.empty() ? "" : ",") + (dim < 0 ? "?" : std::to_string(dim));
  return "[" + result + "]";
}

// A float32 tensor whose first dimension, and no other, may be free. Returns all: [-1 or the fixed batch, ...].
std::vector<std::int64_t> check_tensor(const Ort::TypeInfo& type, const std::string& what) {
  if (type.GetONNXType() != ONNX_TYPE_TENSOR) fail_with(ErrorCode::damaged, "{}: expected a tensor", what);
  const auto tensor = type.GetTensorTypeAndShapeInfo();
  if (tensor.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
    fail_with(ErrorCode::damaged, "{}: found element type {}, expected {} (float32)", what,
              static_cast<int>(tensor.GetElementType()), static_cast<int>(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
  }
  std::vector<std::int64_t> dims = tensor.GetShape();
  const bool fixed =
      std::all_of(dims.begin() + !dims.empty(), dims.end(), [](std::int64_t dim) { return dim > 0 && dim <= 1 << 24; });
  if (dims.size() < 2 || dims.size() > kMaxRank || dims[0] == 0 || dims[0] > kMaxBatch || !fixed) {
    fail_with(ErrorCode::damaged, "{}: found shape {}, expected a batch, free or of at most {}, and fixed others", what,
              text(dims), kMaxBatch);
  }
  return dims;
}

int product(const std::vector<std::int64_t>& dims, const std::string& what) {
  std::int64_t result = 1;
  for (std::int64_t dim : dims) {
    result *= dim;
    if (result > 1 << 28) fail_with(ErrorCode::unsupported, "{}: found shape {}, too large", what, text(dims));
  }
  return static_cast<int>(result);
}

class OnnxSession : public Session {
 public:
  OnnxSession(const std::string& model, std::string origin, const OnnxOptions& options)
      : origin_(std::move(origin)),
        threads_(options.threads),
        made_in_((watch_forks(), process_generation())),
        session_(made_session(model, session_options(options, origin_))),
        memory_(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault)),
        one_by_one_(find_provider(options.provider).one_by_one) {
    const Ort::AllocatorWithDefaultOptions allocator;
    if (session_.GetInputCount() != 1) {
      fail_with(ErrorCode::damaged, "{}: inputs: found {}, expected one", origin_, session_.GetInputCount());
    }
    shape_.input_name = session_.GetInputNameAllocated(0, allocator).get();
    if (shape_.input_name != "image" && shape_.input_name != "carry_in") {
      fail_with(ErrorCode::damaged, "{}: input's name: found '{}', expected 'image' or 'carry_in'", origin_,
                shape_.input_name);
    }
    const std::string what = std::format("{}: input '{}'", origin_, shape_.input_name);
    input_dims_ = check_tensor(session_.GetInputTypeInfo(0), what);
    if (input_dims_[0] > 0) fixed_batch_ = static_cast<int>(input_dims_[0]);
    input_dims_.erase(input_dims_.begin());
    shape_.input_size = product(input_dims_, what);
    shape_.input_dims.assign(input_dims_.begin(), input_dims_.end());
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i) read_output(i, allocator);
    if (shape_.classes == 0) fail_with(ErrorCode::damaged, "{}: output 'logits': not found", origin_);
  }

  ~OnnxSession() override {
    if (!is_cut_off()) return;
    static std::atomic<Lost*> lost{nullptr};  // reachable: whoever looks for leaks finds none
    auto* const kept = new (std::nothrow) Lost{std::move(session_), nullptr};
    if (!kept) return;
    kept->next = lost.load();
    while (!lost.compare_exchange_weak(kept->next, kept)) {
    }
  }

  const SessionInfo& info() const override { return shape_; }
  int threads() const override { return threads_; }

  Status run(int n, const StageTensors& tensors) const override {
    try {
      if (is_cut_off()) {
        fail_with(ErrorCode::unsupported,
                  "{}: ONNX Runtime's {} threads stayed behind in the process that this one was forked from: load the "
                  "plan after the fork, or with threads = 1",
                  origin_, threads_);
      }
      check_tensors(shape_, n, tensors, origin_);
      const std::array<float*, 3> outputs{tensors.logits.data, tensors.features.data, tensors.carry.data};
      if (fixed_batch_ > 0) {
        run_fixed(n, tensors.input.data, outputs);
        return Ok{};
      }
      const int step = one_by_one_ ? 1 : n;
      for (int i = 0; i < n; i += step) run_rows(i, step, tensors.input.data, outputs);
      return Ok{};
    } catch (const Ort::Exception& exception) {
      return ErrorInfo{ErrorCode::engine_failure, std::format("{}: ONNX Runtime: {}", origin_, exception.what())};
    } catch (...) {
      return current_error();
    }
  }

 private:
  struct Lost {
    Ort::Session session;
    Lost* next;
  };

  static Ort::Session made_session(const std::string& model, const Ort::SessionOptions& options) {
    const FloatingPointScope floating_point;
    Ort::Env& environment = ort_environment();
    const EngineCall call;
    return {environment, model.data(), model.size(), options};
  }

  // A forked child has none of the session's threads: a run would wait for them, and so would the session's end.
  bool is_cut_off() const { return threads_ > 1 && made_in_ != process_generation(); }

  void run_rows(int first, int n, const float* all_input, const std::array<float*, 3>& all_outputs) const {
    const char* input_name = shape_.input_name.c_str();
    const Ort::Value input = bind(input_dims_, const_cast<float*>(all_input), first, n);
    std::array<Ort::Value, 3> outputs{Ort::Value(nullptr), Ort::Value(nullptr), Ort::Value(nullptr)};
    std::array<const char*, 3> names{};
    std::size_t count = 0;
    for (std::size_t k = 0; k < all_outputs.size(); ++k) {
      if (!all_outputs[k]) continue;
      names[count] = kOutputs[k].data();
      outputs[count++] = bind(output_dims_[k], all_outputs[k], first, n);
    }
    const EngineCall call;
    session_.Run(Ort::RunOptions{nullptr}, &input_name, &input, 1, names.data(), outputs.data(), count);
  }

  // A network of one batch size: in pieces of it, the last one filled up with zeros.
  void run_fixed(int n, const float* input, const std::array<float*, 3>& outputs) const {
    const int whole = n / fixed_batch_ * fixed_batch_, rest = n - whole;
    for (int i = 0; i < whole; i += fixed_batch_) run_rows(i, fixed_batch_, input, outputs);
    if (rest == 0) return;
    const std::array<int, 3> widths{shape_.classes, shape_.feature_width, shape_.carry_size};
    std::vector<float> padded(static_cast<std::size_t>(fixed_batch_) * shape_.input_size);
    std::array<std::vector<float>, 3> made;
    std::array<float*, 3> to{};
    const auto at = [](int row, int width) { return static_cast<std::ptrdiff_t>(row) * width; };
    std::copy_n(input + at(whole, shape_.input_size), at(rest, shape_.input_size), padded.begin());
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!outputs[k]) continue;
      made[k].resize(static_cast<std::size_t>(fixed_batch_) * widths[k]);
      to[k] = made[k].data();
    }
    run_rows(0, fixed_batch_, padded.data(), to);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (outputs[k]) std::copy_n(made[k].begin(), at(rest, widths[k]), outputs[k] + at(whole, widths[k]));
    }
  }

  void read_output(std::size_t index, const Ort::AllocatorWithDefaultOptions& allocator) {
    const std::string name = session_.GetOutputNameAllocated(index, allocator).get();
    const auto k = static_cast<std::size_t>(std::ranges::find(kOutputs, name) - kOutputs.begin());
    const std::string what = std::format("{}: output '{}'", origin_, name);
    std::vector<std::int64_t>& dims = output_dims_[k] = check_tensor(session_.GetOutputTypeInfo(index), what);
    if (std::max<std::int64_t>(dims[0], 0) != fixed_batch_) {
      fail_with(ErrorCode::damaged, "{}: found shape {}, expected a batch as the input has it", what, text(dims));
    }
    dims.erase(dims.begin());
    if (k < 2 && output_dims_[k].size() != 1) {
      fail_with(ErrorCode::damaged, "{}: found shape {} behind the batch, expected one dimension", what,
                text(output_dims_[k]));
    }
    (k == 0 ? shape_.classes : k == 1 ? shape_.feature_width : shape_.carry_size) = product(output_dims_[k], what);
  }

  // A view of rows [first, first + n) of the caller's memory, [n, image_dims].
  Ort::Value bind(const std::vector<std::int64_t>& image_dims, float* data, int first, int n) const {
    std::array<std::int64_t, kMaxRank> dims{n};
    std::ranges::copy(image_dims, dims.begin() + 1);
    std::size_t size = 1;
    for (std::int64_t dim : image_dims) size *= static_cast<std::size_t>(dim);
    return Ort::Value::CreateTensor<float>(memory_, data + first * size, n * size, dims.data(), image_dims.size() + 1);
  }

  std::string origin_;
  int threads_;
  unsigned made_in_;              // process_generation()
  mutable Ort::Session session_;  // Run() is thread-safe, its wrapper is not const
  Ort::MemoryInfo memory_;
  bool one_by_one_;      // OnnxProvider::one_by_one
  int fixed_batch_ = 0;  // 0: any batch size
  SessionInfo shape_;
  std::vector<std::int64_t> input_dims_;                  // without the batch
  std::array<std::vector<std::int64_t>, 3> output_dims_;  // as kOutputs; empty: the stage has no such output
};

}  // namespace

// Never destroyed: sessions in static objects may outlive any order we could choose.
Ort::Env& ort_environment() {
  static Ort::Env* const env = [] {
    watch_forks();
    const EngineCall call;
    const RegistryAside aside;
    return new Ort::Env(ORT_LOGGING_LEVEL_ERROR, "triage");
  }();
  return *env;
}

std::unique_ptr<Session> make_onnx_session(std::string model, const std::string& origin, const OnnxOptions& options) {
  model = trim_model(model, kOutputs, origin);
  try {
    return std::make_unique<OnnxSession>(model, origin, options);
  } catch (const Ort::Exception& exception) {
    fail_with(ErrorCode::damaged, "{}: ONNX Runtime refuses the model: {}", origin, exception.what());
  }
}

Result<std::unique_ptr<Session>> open_onnx(const std::string& file, const OnnxOptions& options) {
  try {
    return make_onnx_session(read_stage_file(file, options.sha256), file, options);
  } catch (...) {
    return current_error();
  }
}

std::string onnx_runtime_version() { return Ort::GetVersionString(); }

}  // namespace triage::engine
