// The body of an infer request of the Open Inference Protocol v2, from its bytes to images: JSON tensors, the binary
// tensor extension, and images as files. Knows nothing of sockets; one pure function, which is what is fuzzed.
//
// The one input is called "image":
//   UINT8 [N, height, width, channels]  pixels: numbers in JSON, flat or nested, or bytes behind the JSON
//   BYTES [N]                           JPEG, PNG, ...: base64 in JSON, or behind it, each after its length (4 bytes)
// Without JSON (Inference-Header-Content-Length: 0, or Content-Type: image/...) the body is one image as a file, or the
// pixels of any number where the plan has one size and the content type is application/octet-stream.
//
// Sources: github.com/kserve/open-inference-protocol (inference_rest.md), Triton's extensions binary_tensor_data,
// classification and parameters (timeout), MLServer's content_type "base64".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "triage/classifier.h"

namespace triage::serving {

// What a client did wrong, or what it cannot have now: the answer is {"error": what()} with this status.
struct ProtocolError : Error {
  ProtocolError(int http_status, const std::string& message) : Error(message), status(http_status) {}
  int status;
};

enum class OutputKind { label, class_name, probability, exit, score, logits, probabilities, scores, microseconds };

struct RequestedOutput {
  OutputKind kind = OutputKind::label;
  bool binary = false;
  int classification = 0;  // of logits and probabilities: instead, so many of the largest as "value:index:class"
};

struct InferRequest {
  std::string id;
  std::vector<ImageView> pixels;  // one of both is empty
  std::vector<EncodedImage> encoded;
  std::vector<RequestedOutput> outputs;
  double timeout_seconds = 0;                      // 0: the server's
  std::vector<std::vector<std::uint8_t>> decoded;  // what came as JSON; else the images are views of the body

  std::size_t images() const { return pixels.size() + encoded.size(); }
};

struct InferShape {                         // what a plan takes
  int height = 0, width = 0, channels = 0;  // height and width 0: any
  std::size_t max_images = 256;             // of one request
  bool operator==(const InferShape&) const = default;
};

struct InferBody {
  std::span<const std::uint8_t> bytes;
  std::optional<std::string> json_length;  // header Inference-Header-Content-Length
  std::string content_type;
};

// Of the body, what is JSON, from its beginning. Throws ProtocolError.
std::size_t infer_json_bytes(const InferBody& body);

// Throws ProtocolError. The body must outlive the request.
InferRequest parse_infer_request(const InferBody& body, const InferShape& shape);

// The same, of one request after the other: where the JSON is that of the last one and pixels stand behind it, it is
// not parsed again. Of one thread.
class InferReader {
 public:
  InferRequest read(const InferBody& body, const InferShape& shape);

 private:
  std::string json_;  // of the last one; empty: it was not of that kind
  std::size_t body_bytes_ = 0;
  InferShape shape_;
  InferRequest request_;
};

struct OutputType {
  std::string_view name, datatype;
};
// In the order of OutputKind. Shapes: [N]; logits and probabilities [N, classes]; scores [N, stages], -1 of a stage
// that the image did not come to.
std::span<const OutputType> output_types();
inline const OutputType& output_type(OutputKind kind) { return output_types()[static_cast<std::size_t>(kind)]; }

}  // namespace triage::serving
