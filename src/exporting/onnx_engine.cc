#include "exporting/onnx_engine.h"

#include <onnxruntime_cxx_api.h>

#include "core/error.h"
#include "engine/onnxruntime/onnx_session.h"

namespace triage::exporting {
namespace {

class OnnxEngine {
 public:
  OnnxEngine(std::string name, const std::string& bytes, int threads)
      : name_(std::move(name)),
        session_(engine::ort_environment(), bytes.data(), bytes.size(), options(threads)),
        memory_(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault)) {
    const Ort::AllocatorWithDefaultOptions allocator;
    if (session_.GetInputCount() != 1) fail("{}: found {} inputs, expected 1", name_, session_.GetInputCount());
    input_ = session_.GetInputNameAllocated(0, allocator).get();
    shape_ = session_.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape();
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i)
      outputs_.push_back(session_.GetOutputNameAllocated(i, allocator).get());
  }

  NamedOutputs run_image(const ImageView& image) {
    const std::vector<std::int64_t> shape{image.height, image.width, image.channels};
    const auto size = static_cast<std::size_t>(image.height) * image.width * image.channels;
    NamedOutputs outputs;
    run_value(Ort::Value::CreateTensor<std::uint8_t>(memory_, const_cast<std::uint8_t*>(image.pixels), size,
                                                     shape.data(), shape.size()),
              outputs);
    return outputs;
  }

  NamedOutputs run(std::span<const float> images, int n) {
    const int batch = shape_.at(0) == 1 ? 1 : n;
    const std::size_t size = images.size() / n;
    NamedOutputs outputs;
    for (int first = 0; first < n; first += batch)
      run_batch(images.subspan(first * size, batch * size), batch, outputs);
    return outputs;
  }

 private:
  static Ort::SessionOptions options(int threads) {
    Ort::SessionOptions session;
    session.SetIntraOpNumThreads(threads);
    session.SetInterOpNumThreads(1);
    session.AddConfigEntry(engine::kExactProducts, "1");
    return session;
  }

  void run_batch(std::span<const float> images, int n, NamedOutputs& outputs) {
    auto shape = shape_;
    shape[0] = n;
    run_value(Ort::Value::CreateTensor<float>(memory_, const_cast<float*>(images.data()), images.size(), shape.data(),
                                              shape.size()),
              outputs);
  }

  void run_value(const Ort::Value& value, NamedOutputs& outputs) {
    const char* input = input_.c_str();
    std::vector<const char*> names;
    for (const auto& name : outputs_) names.push_back(name.c_str());
    const auto results = session_.Run(Ort::RunOptions{nullptr}, &input, &value, 1, names.data(), names.size());
    for (std::size_t i = 0; i < results.size(); ++i) append(results[i], outputs[outputs_[i]]);
  }

  void append(const Ort::Value& value, std::vector<float>& to) const {
    const auto info = value.GetTensorTypeAndShapeInfo();
    const std::size_t count = info.GetElementCount();
    switch (info.GetElementType()) {
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: {
        const float* data = value.GetTensorData<float>();
        to.insert(to.end(), data, data + count);
        return;
      }
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: {
        const std::int64_t* data = value.GetTensorData<std::int64_t>();
        for (std::size_t i = 0; i < count; ++i) to.push_back(static_cast<float>(data[i]));
        return;
      }
      default:
        fail("{}: found an output that is neither float32 nor int64", name_);
    }
  }

  std::string name_;
  Ort::Session session_;
  Ort::MemoryInfo memory_;
  std::string input_;
  std::vector<std::int64_t> shape_;
  std::vector<std::string> outputs_;
};

// What ONNX Runtime throws, as Error.
template <class Run>
auto named_errors(const std::string& name, const char* what, Run&& run) {
  try {
    return run();
  } catch (const Ort::Exception& error) {
    fail("{}: {}: {}", name, what, error.what());
  }
}

std::shared_ptr<OnnxEngine> opened(const std::string& name, const onnx::ModelProto& model, int threads) {
  return named_errors(name, "ONNX Runtime refuses the model",
                      [&] { return std::make_shared<OnnxEngine>(name, model.SerializeAsString(), threads); });
}

}  // namespace

Engine onnx_engine(const std::string& name, const onnx::ModelProto& model, int threads) {
  return {name, [name, engine = opened(name, model, threads)](std::span<const float> images, int n) {
            return named_errors(name, "ONNX Runtime", [&] { return engine->run(images, n); });
          }};
}

ImageEngine onnx_image_engine(const std::string& name, const onnx::ModelProto& model, int threads) {
  return {name, [name, engine = opened(name, model, threads)](const ImageView& image) {
            return named_errors(name, "ONNX Runtime", [&] { return engine->run_image(image); });
          }};
}

}  // namespace triage::exporting
