// Any bytes as an infer request: refused with a ProtocolError, or images that lie in the bytes and an answer that can
// be written. The first byte says how the rest is sent.
#include <cstdlib>

#include "core/json.h"
#include "serving/http/infer_response.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace triage;
  using namespace triage::serving;
  if (size < 3) return 0;
  const InferShape shape = (data[0] & 1) != 0 ? InferShape{.channels = 3, .max_images = 8}
                                              : InferShape{.height = 2, .width = 2, .channels = 3, .max_images = 8};
  InferBody body{.bytes = {data + 3, size - 3}};
  if ((data[0] & 2) != 0) body.json_length = std::to_string(data[1] + 256 * data[2]);
  if ((data[0] & 4) != 0) body.content_type = "application/octet-stream";
  if ((data[0] & 8) != 0) body.content_type = "image/jpeg";
  InferRequest request;
  try {
    request = parse_infer_request(body, shape);
  } catch (const ProtocolError& error) {
    if (error.status < 400 || error.status > 499) std::abort();
    return 0;
  }
  if (request.images() == 0 || request.images() > shape.max_images) std::abort();
  unsigned sum = 0;
  for (const ImageView& image : request.pixels) {
    const std::size_t bytes = std::size_t(image.height) * std::size_t(image.width) * std::size_t(image.channels);
    sum += image.pixels[0] + image.pixels[bytes - 1];
  }
  for (const EncodedImage& image : request.encoded) {
    if (image.size > 0) sum += image.bytes[0] + image.bytes[image.size - 1];
  }
  const std::vector<std::string> classes{"a\"", "b"};
  const std::vector<Answer> answers(
      request.images(),
      Answer{
          .outcome = {.label = static_cast<int>(sum & 1)}, .visits = {{}}, .logits = {1, 2}, .probabilities = {0, 1}});
  const InferResponse response = write_infer_response(
      request, {.model = "m", .version = "1", .classes = &classes, .stages = 2, .answers = answers});
  const std::string_view text =
      std::string_view(response.body).substr(0, response.json_bytes.value_or(std::string::npos));
  parse_json(text, "answer");  // an exception from here on ends the process
  return 0;
}
