#include <tiffio.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include "data/image/codec.h"

namespace triage::data {
namespace {

struct TiffSource {
  ByteSpan bytes;
  std::uint64_t at = 0;
  bool reading_pixels = false, lost_pixels = false;
  std::string error;  // the first
};

TiffSource& source_of(thandle_t handle) { return *static_cast<TiffSource*>(handle); }

tmsize_t read_tiff(thandle_t handle, void* to, tmsize_t count) {
  TiffSource& source = source_of(handle);
  if (count <= 0 || source.at >= source.bytes.size()) return 0;
  const std::size_t got = std::min<std::size_t>(source.bytes.size() - source.at, static_cast<std::size_t>(count));
  std::memcpy(to, source.bytes.data() + source.at, got);
  source.at += got;
  return static_cast<tmsize_t>(got);
}

tmsize_t write_tiff(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek_tiff(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = source_of(handle);
  if (whence == SEEK_CUR) offset += source.at;
  if (whence == SEEK_END) offset += source.bytes.size();
  return source.at = offset;
}

int close_tiff(thandle_t) { return 0; }
toff_t size_of_tiff(thandle_t handle) { return source_of(handle).bytes.size(); }

int on_tiff_error(TIFF*, void* user, const char*, const char* format, std::va_list arguments) {
  auto* source = static_cast<TiffSource*>(user);
  if (source->error.empty()) {
    char text[200];
    std::vsnprintf(text, sizeof text, format, arguments);
    source->error = text;
  }
  return 1;  // handled: nothing is printed
}

// Unknown tags are nothing to us. JPEG data inside a TIFF that is cut or corrupt comes as a warning too.
int on_tiff_warning(TIFF*, void* user, const char* module, const char* format, std::va_list arguments) {
  auto* source = static_cast<TiffSource*>(user);
  if (!source->reading_pixels || module == nullptr || std::string_view(module) != "JPEGLib") return 1;
  char text[200];
  std::vsnprintf(text, sizeof text, format, arguments);
  if (std::strstr(text, "extraneous") != nullptr) return 1;
  source->lost_pixels = true;
  if (source->error.empty()) source->error = text;
  return 1;
}

struct EndImage {
  TIFFRGBAImage* image;
  ~EndImage() { TIFFRGBAImageEnd(image); }
};

using TiffOptions = std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)>;
using TiffFile = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

TiffFile open_tiff(TiffSource& source, const DecodeOptions& options) {
  constexpr double kBytesPerPixel = 16, kLeast = 1 << 26;
  const TiffOptions open_options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  if (!open_options) throw std::bad_alloc();
  const double bytes = std::clamp(options.max_megapixels * (1 << 20) * kBytesPerPixel, kLeast, 1e15);
  TIFFOpenOptionsSetMaxSingleMemAlloc(open_options.get(), static_cast<tmsize_t>(bytes));
  TIFFOpenOptionsSetMaxCumulatedMemAlloc(open_options.get(), static_cast<tmsize_t>(2 * bytes));
  TIFFOpenOptionsSetErrorHandlerExtR(open_options.get(), on_tiff_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(open_options.get(), on_tiff_warning, &source);
  return {TIFFClientOpenExt("", "rm", &source, read_tiff, write_tiff, seek_tiff, close_tiff, size_of_tiff, nullptr,
                            nullptr, open_options.get()),
          TIFFClose};
}

}  // namespace

Raw decode_tiff(ByteSpan bytes, const DecodeOptions& options) {
  TiffSource source{bytes};
  const TiffFile tiff = open_tiff(source, options);
  const auto refuse = [&](DecodeFailure failure, const char* fallback) {
    give_up(failure, "{}", source.error.empty() ? fallback : source.error.c_str());
  };
  if (!tiff) refuse(DecodeFailure::damaged, "no directory");
  std::uint32_t height = 0, width = 0;
  if (!TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height) ||
      !TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width)) {
    refuse(DecodeFailure::damaged, "no image size");
  }
  check_size(height, width, options);
  std::uint16_t orientation = ORIENTATION_TOPLEFT, extra_count = 0, photometric = 0, samples = 1;
  std::uint16_t* extra = nullptr;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_EXTRASAMPLES, &extra_count, &extra);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &photometric);

  char message[1024] = "";
  TIFFRGBAImage reader{};
  if (!TIFFRGBAImageOK(tiff.get(), message)) give_up(DecodeFailure::unsupported, "{}", message);
  if (!TIFFRGBAImageBegin(&reader, tiff.get(), 1, message)) refuse(DecodeFailure::unsupported, message);
  const EndImage end{&reader};
  reader.req_orientation = reader.orientation;  // rows as they lie in the file; turned later, as all formats are
  std::vector<std::uint32_t> raster(std::size_t{height} * width);
  source.reading_pixels = true;
  source.error.clear();
  if (!TIFFRGBAImageGet(&reader, raster.data(), width, height) || source.lost_pixels) {
    refuse(DecodeFailure::damaged, "corrupt data");
  }

  const bool grey =
      samples == extra_count + 1 && (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE);
  const bool alpha = reader.alpha != 0 && (extra_count == 0 || extra[0] != EXTRASAMPLE_UNSPECIFIED);
  const bool straight =
      grey && reader.alpha == EXTRASAMPLE_UNASSALPHA;  // libtiff multiplies colours by alpha, not grey
  Raw raw{{static_cast<int>(height), static_cast<int>(width), grey ? 1 : 3, {}},
          orientation >= 1 && orientation <= 8 ? orientation : 1};
  raw.image.pixels.reserve(raster.size() * raw.image.channels);
  for (const std::uint32_t pixel : raster) {
    const std::uint32_t opacity = alpha ? TIFFGetA(pixel) : 255;
    const auto put = [&](std::uint32_t value) {
      if (straight) value = (value * opacity + 127) / 255;
      raw.image.pixels.push_back(static_cast<std::uint8_t>(std::min(value + 255 - opacity, 255u)));
    };
    put(TIFFGetR(pixel));
    if (grey) continue;
    put(TIFFGetG(pixel));
    put(TIFFGetB(pixel));
  }
  return raw;
}

}  // namespace triage::data
