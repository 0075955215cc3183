#include "serving/http/infer_response.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "core/json.h"

namespace triage::serving {
namespace {

static_assert(std::endian::native == std::endian::little, "the protocol's bytes are little-endian");

std::string json_text(std::string_view text) { return dump_json(Json(valid_utf8(text))); }

template <class T>
void append_bytes(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append_bytes(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// The values of one output, one after the other, to either form.
class OutputWriter {
 public:
  OutputWriter(const RequestedOutput& output, const InferAnswer& answer) : output_(output), answer_(answer) {}

  std::size_t columns() const {  // 0: a value per image
    if (output_.kind == OutputKind::scores) return answer_.stages;
    if (output_.kind != OutputKind::logits && output_.kind != OutputKind::probabilities) return 0;
    const std::size_t classes = answer_.classes->size();
    return output_.classification > 0 ? std::min(classes, static_cast<std::size_t>(output_.classification)) : classes;
  }

  // put(value): an int, a float or a text.
  template <class Put>
  void each(Put put) const {
    for (const Answer& answer : answer_.answers) {
      const Outcome& outcome = answer.outcome;
      switch (output_.kind) {
        case OutputKind::label:
          put(static_cast<std::int32_t>(outcome.label));
          break;
        case OutputKind::class_name:
          put(std::string_view((*answer_.classes)[static_cast<std::size_t>(outcome.label)]));
          break;
        case OutputKind::probability:
          put(outcome.probability);
          break;
        case OutputKind::exit:
          put(static_cast<std::int32_t>(outcome.exit));
          break;
        case OutputKind::score:
          put(outcome.score);
          break;
        case OutputKind::logits:
          row(answer.logits, put);
          break;
        case OutputKind::probabilities:
          row(answer.probabilities, put);
          break;
        case OutputKind::scores:
          for (std::size_t i = 0; i < answer_.stages; ++i)
            put(i < answer.visits.size() ? answer.visits[i].score : -1.0F);
          break;
        case OutputKind::microseconds:
          put(static_cast<float>(outcome.microseconds));
          break;
      }
    }
  }

 private:
  template <class Put>
  void row(std::span<const float> values, Put put) const {
    if (output_.classification == 0) {
      for (const float value : values) put(value);
      return;
    }
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::partial_sort(
        order, order.begin() + static_cast<std::ptrdiff_t>(columns()),
        [&](std::size_t a, std::size_t b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
    for (std::size_t i = 0; i < columns(); ++i)
      put(std::string_view(std::format("{:f}:{}:{}", values[order[i]], order[i], (*answer_.classes)[order[i]])));
  }

  const RequestedOutput& output_;
  const InferAnswer& answer_;
};

struct PutBytes {
  std::string& out;
  void operator()(std::string_view text) const { append_text(out, text); }
  template <class T>
  void operator()(T value) const {
    append_bytes(out, value);
  }
};

struct PutJson {
  std::string& out;
  void operator()(std::string_view text) const { separated(json_text(text)); }
  void operator()(std::int32_t value) const { separated(std::to_string(value)); }
  void operator()(float value) const { separated(std::format("{}", value)); }  // the shortest that reads back the same
  void separated(const std::string& text) const {
    if (out.back() != '[') out += ',';
    out += text;
  }
};

}  // namespace

InferResponse write_infer_response(const InferRequest& request, const InferAnswer& answer) {
  InferResponse response;
  std::string binary, &json = response.body;
  json = std::format(R"({{"model_name":{},"model_version":"{}")", json_text(answer.model), answer.version);
  if (!request.id.empty()) json += R"(,"id":)" + json_text(request.id);
  json += R"(,"outputs":[)";
  bool any_binary = false;
  for (const RequestedOutput& output : request.outputs) {
    const OutputWriter writer(output, answer);
    const std::string columns = writer.columns() > 0 ? std::format(",{}", writer.columns()) : "";
    if (json.back() != '[') json += ',';
    json += std::format(R"({{"name":"{}","datatype":"{}","shape":[{}{}],)", output_type(output.kind).name,
                        output.classification > 0 ? "BYTES" : output_type(output.kind).datatype, answer.answers.size(),
                        columns);
    if (output.binary) {
      any_binary = true;
      const std::size_t before = binary.size();
      writer.each(PutBytes{binary});
      json += std::format(R"("parameters":{{"binary_data_size":{}}}}})", binary.size() - before);
    } else {
      json += R"("data":[)";
      writer.each(PutJson{json});
      json += "]}";
    }
  }
  json += "]}";
  if (any_binary) {
    response.json_bytes = json.size();
    json += binary;
  }
  return response;
}

bool needs(const InferRequest& request, OutputKind kind) {
  return std::ranges::find(request.outputs, kind, &RequestedOutput::kind) != request.outputs.end();
}

}  // namespace triage::serving
