// Messages in a stream that may hold other text as well (what a login shell prints) and may end anywhere:
//   "triage-frame KIND BYTES SHA256\n", BYTES bytes, "\n"
// Only a message that is all there and has its checksum is seen.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace triage::measure {

struct Frame {
  std::string kind, payload;
};
std::string to_text(const Frame& frame);  // kind: letters, digits, '-', '_'

class FrameReader {
 public:
  void feed(std::string_view bytes) { text_ += bytes; }

  // The next message, or nothing before more bytes came. Throws Error naming `origin` when a message's checksum is not
  // that of its bytes or its length is absurd.
  std::optional<Frame> next(const std::string& origin);

  // Whether the stream stopped inside a message.
  bool inside() const { return inside_; }

 private:
  std::string text_;  // not used up
  bool inside_ = false;
};

}  // namespace triage::measure
