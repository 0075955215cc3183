#include "report/draw/picture_text.h"

#include <fontconfig/fontconfig.h>

#include <format>
#include <memory>

#include "core/text.h"
#include "report/draw/gnuplot.h"

namespace triage::report {
namespace {

using FontCharacters = std::unique_ptr<FcCharSet, decltype(&FcCharSetDestroy)>;

// Every character that some installed font has: text drawn by pango falls back from font to font.
FontCharacters characters_of_fonts() {
  FontCharacters all(FcCharSetCreate(), FcCharSetDestroy);
  const std::unique_ptr<FcPattern, decltype(&FcPatternDestroy)> any(FcPatternCreate(), FcPatternDestroy);
  const std::unique_ptr<FcObjectSet, decltype(&FcObjectSetDestroy)> wanted(FcObjectSetBuild(FC_CHARSET, nullptr),
                                                                           FcObjectSetDestroy);
  const std::unique_ptr<FcFontSet, decltype(&FcFontSetDestroy)> fonts(FcFontList(nullptr, any.get(), wanted.get()),
                                                                      FcFontSetDestroy);
  for (int i = 0; fonts && i < fonts->nfont; ++i) {
    FcCharSet* characters = nullptr;
    if (FcPatternGetCharSet(fonts->fonts[i], FC_CHARSET, 0, &characters) == FcResultMatch)
      FcCharSetMerge(all.get(), characters, nullptr);
  }
  return all;
}

}  // namespace

std::string drawable(std::string_view text) {
  static const FontCharacters all = characters_of_fonts();
  const std::string clean = printable_line(text);
  std::string out;
  for (std::size_t i = 0; i < clean.size();) {
    const Utf8Character c = utf8_at(clean, i);
    const bool drawn = c.code < 0x80 || FcCharSetHasChar(all.get(), static_cast<FcChar32>(c.code));
    out += drawn ? clean.substr(i, c.bytes) : std::format("U+{:04X}", c.code);
    i += c.bytes;
  }
  return out;
}

std::string words(std::string_view text) { return literal(drawable(text)); }

std::string tic_words(std::string_view text) {
  std::string format;
  for (const char c : drawable(text)) format += c == '%' ? std::string("%%") : std::string(1, c);
  return literal(format);
}

}  // namespace triage::report
