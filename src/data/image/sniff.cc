// What a file is, by its first bytes.
#include <algorithm>
#include <cctype>

#include "data/image/codec.h"

namespace triage::data {
namespace {

using namespace std::string_view_literals;

std::string_view text_of(ByteSpan bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// A netpbm header goes on with white space, comments and a number: a text that begins with "P3" is none.
bool starts_as_pnm(std::string_view text) {
  if (text.size() < 4 || text[0] != 'P' || text[1] < '1' || text[1] > '6') return false;
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  if (!is_space(text[2]) && text[2] != '#') return false;
  for (std::size_t i = 2; i < text.size();) {
    if (text[i] == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (is_space(text[i])) {
      ++i;
    } else {
      return std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    }
  }
  return false;
}

bool starts_as_bmp(std::string_view text) {
  if (text.size() < 18 || !text.starts_with("BM")) return false;
  static constexpr unsigned char kHeaderSizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
  return text.substr(15, 3) == "\0\0\0"sv &&
         std::ranges::find(kHeaderSizes, static_cast<unsigned char>(text[14])) != std::end(kHeaderSizes);
}

struct Known {
  std::size_t at;
  std::string_view magic, what;
  bool image;
};
constexpr Known kKnown[] = {
    {4, "ftypheic"sv, "a HEIC image", true},
    {4, "ftypheix"sv, "a HEIC image", true},
    {4, "ftypmif1"sv, "a HEIF image", true},
    {4, "ftypmsf1"sv, "a HEIF image", true},
    {4, "ftypavif"sv, "an AVIF image", true},
    {4, "ftypavis"sv, "an AVIF image", true},
    {4, "ftyp"sv, "a video", false},
    {0, "\0\0\0\x0cjP  "sv, "a JPEG 2000 image", true},
    {0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 image", true},
    {0, "\0\0\0\x0cJXL "sv, "a JPEG XL image", true},
    {0, "\xff\x0a"sv, "a JPEG XL image", true},
    {0, "8BPS"sv, "a Photoshop image", true},
    {0, "\0\0\1\0"sv, "an icon", true},
    {0, "P7\n"sv, "a PAM image", true},
    {0, "PF\n"sv, "a PFM image", true},
    {0, "Pf\n"sv, "a PFM image", true},
    {0, "qoif"sv, "a QOI image", true},
    {0, "\x76\x2f\x31\x01"sv, "an OpenEXR image", true},
    {0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "a thumbnails database", false},
    {0, "CMMM"sv, "a thumbnails database", false},
    {0, "\0\0\0\1Bud1"sv, "a folder's settings (.DS_Store)", false},
    {0, "\0\5\x16\7"sv, "an AppleDouble file", false},
    {0, "SQLite format 3\0"sv, "a database", false},
    {0, "%PDF-"sv, "a PDF document", false},
    {0, "PK\3\4"sv, "a ZIP archive", false},
    {0, "\x1f\x8b"sv, "a gzip file", false},
    {0, "\x93NUMPY"sv, "a NumPy array", false},
};

// Text in any encoding that has no control bytes: enough to call a file a text.
bool looks_like_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 ? byte != 0x7f : byte == '\n' || byte == '\r' || byte == '\t' || byte == '\f';
  });
}

}  // namespace

std::string_view format_name(ImageFormat format) {
  static constexpr std::string_view kNames[] = {"JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "PNM"};
  return kNames[static_cast<std::size_t>(format)];
}

std::optional<ImageFormat> sniff(ByteSpan bytes) {
  const std::string_view text = text_of(bytes.first(std::min<std::size_t>(bytes.size(), 4096)));
  if (text.starts_with("\xff\xd8\xff")) return ImageFormat::jpeg;
  if (text.starts_with("\x89PNG")) return ImageFormat::png;
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP") return ImageFormat::webp;
  if (text.starts_with("GIF87a") || text.starts_with("GIF89a")) return ImageFormat::gif;
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (text.starts_with(magic)) return ImageFormat::tiff;
  }
  if (starts_as_bmp(text)) return ImageFormat::bmp;
  if (starts_as_pnm(text)) return ImageFormat::pnm;
  return std::nullopt;
}

Content describe_content(ByteSpan bytes) {
  if (bytes.empty()) return {"an empty file"};
  const std::string_view text = text_of(bytes.first(std::min<std::size_t>(bytes.size(), 512)));
  for (const Known& known : kKnown) {
    if (text.size() >= known.at && text.substr(known.at).starts_with(known.magic)) {
      return {std::string(known.what), known.image};
    }
  }
  if (std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; })) return {"zero bytes only"};
  if (looks_like_text(text)) {
    if (text.find("<svg") != std::string_view::npos) return {"an SVG drawing", true};
    return {"a text"};
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) return {"a text"};  // UTF-16
  std::string found;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(4, bytes.size()))) {
    found += std::format("{}{:02x}", found.empty() ? "" : " ", byte);
  }
  return {"a file that starts with bytes " + found};
}

}  // namespace triage::data
