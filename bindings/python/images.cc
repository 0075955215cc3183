#include "bindings/python/images.h"

#include <format>

#include "core/files/file.h"
#include "data/image/resize.h"
#include "engine/status.h"

namespace triage::python {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 31;  // of an encoded image

// "uint8 [480, 640, 3]", as numpy would say it.
std::string describe(nb::handle object, const Py_buffer& view) {
  std::string text = nb::hasattr(object, "dtype") ? nb::str(nb::object(object.attr("dtype"))).c_str() : view.format;
  for (int d = 0; d < view.ndim; ++d) text += std::format("{}{}", d == 0 ? " [" : ", ", view.shape[d]);
  return text + (view.ndim == 0 ? " []" : "]");
}

int side(Py_ssize_t extent, const std::string& where) {
  if (!std::in_range<int>(extent)) {
    engine::fail_with(ErrorCode::bad_input, "{}: a side of {} pixels, expected at most 65535", where, extent);
  }
  return static_cast<int>(extent);
}

Item take_buffer(nb::handle object, const std::string& where) {
  Item item{.buffer = Buffer(object)};
  const Py_buffer& view = item.buffer.view();
  const bool bytes = view.itemsize == 1 && std::string_view(view.format) == "B";
  if (!bytes || view.ndim < 1 || view.ndim > 4) {
    throw nb::type_error(
        std::format("{}: found {}, expected uint8 [height, width, channels] or [images, height, width, channels], or "
                    "the bytes of an image file",
                    where, describe(object, view))
            .c_str());
  }
  if (PyBuffer_IsContiguous(&view, 'C') == 0) {
    return take_buffer(nb::module_::import_("numpy").attr("ascontiguousarray")(object), where);
  }
  item.data = static_cast<const std::uint8_t*>(view.buf);
  const Py_ssize_t* shape = view.shape;
  if (view.ndim == 1) {
    item.kind = Item::Kind::bytes;
    item.count = static_cast<std::size_t>(shape[0]);
    return item;
  }
  if (view.ndim == 4) {
    item.kind = Item::Kind::stack;
    item.count = static_cast<std::size_t>(*shape++);
  }
  item.height = side(shape[0], where);
  item.width = side(shape[1], where);
  item.channels = view.ndim == 2 ? 1 : side(shape[2], where);
  return item;
}

// Photographs come in any size: as a file would, they are brought to the plan's.
void fit(Item& item, const ClassifierInfo& info) {
  if (info.height == 0 || (item.height == info.height && item.width == info.width)) return;
  const ImageView image = item.image(0);
  const std::size_t bytes = static_cast<std::size_t>(image.height) * image.width * image.channels;
  const data::Image whole{image.height, image.width, image.channels, {image.pixels, image.pixels + bytes}};
  data::Image small = data::resize(whole, info.height, info.width, fit_from_name(info.fit).value_or(Fit::squash));
  item.fitted = std::move(small.pixels);
  item.data = item.fitted.data();
  item.height = info.height;
  item.width = info.width;
  item.buffer = {};
}

class ItemDecoder : public ImageDecoder {
 public:
  Result<DecodedImage> decode(const EncodedImage& image, const DecodeRequest& request) const override {
    const Item& item = *reinterpret_cast<const Item*>(image.bytes);
    if (item.kind == Item::Kind::bytes) return image_decoder().decode({item.data, item.count}, request);
    try {
      const std::string bytes = content(item.path);
      Result<DecodedImage> decoded =
          image_decoder().decode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, request);
      if (!decoded) engine::fail_with(decoded.error().code, "{}: {}", item.path, decoded.error().message);
      return decoded;
    } catch (...) {
      return engine::current_error();
    }
  }

 private:
  static std::string content(const std::string& path) {
    try {
      return read_file(path, {.bytes = kMaxFile});
    } catch (const FileError&) {
      throw;
    } catch (const Error& error) {  // a directory, a device
      throw engine::Failure(ErrorCode::unreadable, error.what());
    }
  }
};

}  // namespace

Buffer::Buffer(nb::handle object) {
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_FULL_RO) != 0) throw nb::python_error();
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(view_, other.view_);
  return *this;
}

std::string path_of(nb::handle path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), static_cast<void*>(&bytes)) == 0) throw nb::python_error();
  const nb::object owner = nb::steal(bytes);
  return {PyBytes_AsString(bytes), static_cast<std::size_t>(PyBytes_Size(bytes))};
}

Item take_item(nb::handle object, const ClassifierInfo& info, const std::string& where) {
  if (PyObject_CheckBuffer(object.ptr()) != 0) return take_buffer(object, where);
  if (PyUnicode_Check(object.ptr()) || nb::hasattr(object, "__fspath__")) {
    return {.kind = Item::Kind::path, .path = path_of(object)};
  }
  const auto [array, photograph] = nb::cast<std::pair<nb::object, bool>>(
      nb::module_::import_("triage._images").attr("pixels_of")(object, info.channels, where));
  Item item = take_buffer(array, where);
  if (photograph) fit(item, info);
  return item;
}

const ImageDecoder& item_decoder() {
  static const ItemDecoder decoder;
  return decoder;
}

}  // namespace triage::python
