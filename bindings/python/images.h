// What Python hands to classify(), in the form that the runtime takes. Nothing is copied that is contiguous.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bindings/python/nanobind.h"
#include "triage/classifier.h"

namespace triage::python {

// The memory of a Python object (buffer protocol), which stays where it is while this lives. Made and destroyed with
// the GIL held.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(nb::handle object);
  Buffer(Buffer&& other) noexcept : view_(other.view_) { other.view_.obj = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() { PyBuffer_Release(&view_); }

  const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
};

// An argument of classify(), or an element of a list.
struct Item {
  enum class Kind { image, stack, bytes, path };
  Kind kind = Kind::image;
  Buffer buffer;                     // of an array or of bytes
  std::vector<std::uint8_t> fitted;  // pixels of our own: a PIL image that was brought to the plan's size
  std::string path;
  const std::uint8_t* data = nullptr;
  std::size_t count = 1;  // images of a stack, bytes of a file
  int height = 0, width = 0, channels = 0;

  bool is_file() const { return kind == Kind::bytes || kind == Kind::path; }
  ImageView image(std::size_t i) const {
    return {data + i * static_cast<std::size_t>(height) * width * channels, height, width, channels};
  }
  EncodedImage file() const { return {reinterpret_cast<const std::uint8_t*>(this), sizeof *this}; }
};

// where: what errors call the object, such as "images[3]".
Item take_item(nb::handle object, const ClassifierInfo& info, const std::string& where);

// The decoder of Item::file(), whose bytes are the item itself: so the files of a list of paths are read when their
// turn comes, and errors name them.
const ImageDecoder& item_decoder();

std::string path_of(nb::handle path);  // str, bytes or os.PathLike, as the file system has it

}  // namespace triage::python
