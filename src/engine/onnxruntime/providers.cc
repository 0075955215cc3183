#include "engine/onnxruntime/providers.h"

#include <dnnl_provider_options.h>
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <format>

#include "core/text.h"
#include "engine/names.h"
#include "engine/onnxruntime/onnx_session.h"

namespace triage::engine {
namespace {

void append_cpu(Ort::SessionOptions&, const OnnxOptions&) {}  // is always there, last

void append_xnnpack(Ort::SessionOptions& session, const OnnxOptions& options) {
  // It has threads of its own; the session's would only compete.
  session.AppendExecutionProvider("XNNPACK", {{"intra_op_num_threads", std::to_string(options.threads)}});
  session.SetIntraOpNumThreads(1);
}

void append_dnnl(Ort::SessionOptions& session, const OnnxOptions&) {
  session.AppendExecutionProvider_Dnnl(OrtDnnlProviderOptions{.use_arena = 1, .threadpool_args = nullptr});
}

constexpr OnnxProvider kProviders[] = {
    {kCpu, "CPUExecutionProvider", append_cpu},
    // Its Gemm takes a free batch dimension for 1 (onnxruntime issue 31153).
    {kXnnpack, "XnnpackExecutionProvider", append_xnnpack, /*one_by_one=*/true},
    {kDnnl, "DnnlExecutionProvider", append_dnnl},
};

}  // namespace

std::vector<std::string> onnx_providers() {
  const std::vector<std::string> available = Ort::GetAvailableProviders();
  std::vector<std::string> names;
  for (const OnnxProvider& provider : kProviders) {
    if (std::ranges::find(available, provider.full_name) != available.end()) names.emplace_back(provider.name);
  }
  return names;
}

std::optional<std::string> why_not_provider(std::string_view name) {
  const std::vector<std::string> ours = onnx_providers();
  if (std::ranges::find(ours, name) != ours.end()) return {};
  std::string expected;
  for (const OnnxProvider& provider : kProviders) {
    const bool last = &provider == std::end(kProviders) - 1;
    expected += std::format("{}{}", expected.empty() ? "" : last ? " or " : ", ", provider.name);
  }
  return std::format("provider: found '{}', expected {}; this ONNX Runtime has {}", name, expected,
                     joined(Ort::GetAvailableProviders()));
}

const OnnxProvider& find_provider(std::string_view name) {
  return *std::ranges::find(kProviders, name, &OnnxProvider::name);
}

}  // namespace triage::engine
