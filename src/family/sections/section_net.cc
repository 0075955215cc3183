#include "family/sections/section_net.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "core/error.h"
#include "plan/arch.h"

namespace triage::family {
namespace {

using plan::kMaxLayers, plan::kMaxSide, plan::kMaxWidth;

class Parser {
 public:
  Parser(std::string_view text, const Grammar& grammar) : text_(text), grammar_(grammar) {}

  SectionNet parse() {
    SectionNet net;
    net.stem = range(kMaxWidth, "the stem's width");
    if (take('k')) net.stem_kernel = odd_kernel().low;
    net.stem_hard_swish = take('h');
    if (take('/')) net.stem_stride = stem_stride();
    while (take('-')) {
      if (grammar_.tails && peek() == 'c' && !net.convolution.there() && !net.linear.there())
        net.convolution = tail();
      else if (grammar_.tails && peek() == 'f' && !net.linear.there())
        net.linear = tail();
      else if (net.convolution.there() || net.linear.there())
        refuse("a tail, '@SIDE' or the end");
      else
        net.sections.push_back(section());
    }
    if (take('@')) net.side = range(kMaxSide, "a side in pixels");
    if (at_ < text_.size()) refuse(net.sections.empty() ? "'-' and a section" : "',', '-', '/', '@' or the end");
    if (net.sections.empty()) refuse("'-' and a section");
    return net;
  }

 private:
  [[noreturn]] void refuse(std::string_view expected) const {
    const std::string found = at_ < text_.size() ? std::format("'{}'", text_.substr(at_, 12)) : "the end";
    fail("{} net '{}': at byte {}: expected {}, found {}", grammar_.family, text_.substr(0, 200), at_, expected, found);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  int number(int most, std::string_view what) {
    int value = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc{} || value < 1 || value > most || *begin == '-' || *begin == '0')
      refuse(std::format("{} from 1 to {}", what, most));
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }
  Range range(int most, std::string_view what) {
    const std::size_t begin = at_;
    Range range = only(number(most, what));
    if (!take(':')) return range;
    range.high = number(most, what);
    if (!take(':')) refuse("':' and the step of LOW:HIGH:STEP");
    range.step = number(most, what);
    if (range.low > range.high || (range.high - range.low) % range.step != 0) {
      at_ = begin;
      refuse("LOW:HIGH:STEP with HIGH as LOW and a number of STEPs");
    }
    if (range.one()) range.step = 1;
    return range;
  }
  Range odd_kernel() {
    const std::size_t begin = at_;
    const Range kernel = range(7, "a kernel");
    if (kernel.low < 3 || kernel.low % 2 == 0 || (kernel.high - kernel.low) % 2 != 0 ||
        (!kernel.one() && kernel.step % 2 != 0)) {
      at_ = begin;
      refuse("kernels of 3, 5 and 7");
    }
    return kernel;
  }
  int stem_stride() {
    const std::size_t begin = at_;
    const int stride = number(4, "a stride");
    if (std::ranges::find(grammar_.stem_strides, stride) == grammar_.stem_strides.end()) {
      at_ = begin;
      refuse("a stride of the stem that the family has");
    }
    return stride;
  }
  Tail tail() {
    ++at_;
    Tail tail{.width = range(kMaxWidth, "a tail's width")};
    tail.hard_swish = take('h');
    return tail;
  }

  SectionBlock block() {
    SectionBlock block;
    if (take('k')) block.kernel = odd_kernel();
    const char letter = peek();
    const std::size_t begin = at_;
    if (letter == 'e' || letter == 'm' || letter == 'b') {
      if (grammar_.middles.find(letter) == std::string_view::npos) refuse("a block as the family has it");
      ++at_;
      block.middle = letter == 'e' ? Middle::ratio : letter == 'm' ? Middle::number : Middle::bottleneck;
      block.size = range(letter == 'e' ? 16 : kMaxWidth, letter == 'e' ? "a ratio" : "channels of the middle");
      if (letter == 'e' && block.size.low == 1 && !block.size.one()) {
        at_ = begin;
        refuse("a ratio of 1 alone (no expansion) or from 2 on");
      }
    } else if (grammar_.needs_middle) {
      refuse("eRATIO or mMIDDLE");
    }
    if (take('s')) block.squeeze = number(64, "a reduction");
    block.hard_swish = take('h');
    return block;
  }

  Section section() {
    Section section;
    section.width = range(kMaxWidth, "a section's width");
    for (bool first = true; first || take(','); first = false) {
      const std::size_t begin = at_;
      SectionBlock one = block();
      const int count = take('x') ? number(kMaxLayers, "a count of blocks") : 1;
      if (!first && at_ == begin) refuse("a block");
      one.optional = take('?');
      if (section.blocks.empty() ? one.optional : section.blocks.back().optional && !one.optional) {
        at_ = begin;
        refuse(section.blocks.empty() ? "a first block of a section that is not optional"
                                      : "an optional block behind an optional one");
      }
      blocks_ += count;
      if (blocks_ > kMaxLayers) refuse(std::format("at most {} blocks", kMaxLayers));
      section.blocks.insert(section.blocks.end(), static_cast<std::size_t>(count), one);
    }
    if (take('/')) section.stride = number(2, "a stride");
    return section;
  }

  std::string_view text_;
  const Grammar& grammar_;
  std::size_t at_ = 0;
  int blocks_ = 0;
};

std::string text_of(const Range& range) {
  return range.one() ? std::to_string(range.low) : std::format("{}:{}:{}", range.low, range.high, range.step);
}

std::string text_of(const SectionBlock& block) {
  std::string text;
  if (block.kernel != only(3)) text += "k" + text_of(block.kernel);
  if (block.middle == Middle::ratio) text += "e" + text_of(block.size);
  if (block.middle == Middle::number) text += "m" + text_of(block.size);
  if (block.middle == Middle::bottleneck) text += "b" + text_of(block.size);
  if (block.squeeze > 0) text += std::format("s{}", block.squeeze);
  return block.hard_swish ? text + "h" : text;
}

}  // namespace

std::string text_of(const Section& section) {
  std::string text = text_of(section.width);
  for (std::size_t i = 0, end = 0; i < section.blocks.size(); i = end) {
    end = i + 1;
    while (end < section.blocks.size() && section.blocks[end] == section.blocks[i]) ++end;
    const std::string one = text_of(section.blocks[i]);
    if (i > 0) text += ",";
    text += one;
    if (end - i > 1 || (i > 0 && one.empty())) text += std::format("x{}", end - i);
    if (section.blocks[i].optional) text += "?";
  }
  return section.stride > 1 ? text + std::format("/{}", section.stride) : text;
}

std::size_t Section::min_depth() const {
  return static_cast<std::size_t>(std::ranges::find_if(blocks, &SectionBlock::optional) - blocks.begin());
}

SectionNet SectionNet::parse(std::string_view body, const Grammar& grammar) {
  if (body.size() > std::size_t{kMaxLayers} * 32) {
    fail("{} net: expected at most {} blocks, found a text of {} bytes", grammar.family, kMaxLayers, body.size());
  }
  return Parser(body, grammar).parse();
}

std::string SectionNet::text() const {
  std::string text = text_of(stem);
  if (stem_kernel != 3) text += std::format("k{}", stem_kernel);
  if (stem_hard_swish) text += "h";
  if (stem_stride > 1) text += std::format("/{}", stem_stride);
  for (const Section& section : sections) text += "-" + text_of(section);
  if (convolution.there()) text += "-c" + text_of(convolution.width) + (convolution.hard_swish ? "h" : "");
  if (linear.there()) text += "-f" + text_of(linear.width) + (linear.hard_swish ? "h" : "");
  return side.low > 0 ? text + "@" + text_of(side) : text;
}

bool SectionNet::one() const {
  const auto fixed = [](const Section& section) {
    return section.width.one() && std::ranges::all_of(section.blocks, [](const SectionBlock& block) {
             return block.kernel.one() && block.size.one() && !block.optional;
           });
  };
  return stem.one() && convolution.width.one() && linear.width.one() && side.one() &&
         std::ranges::all_of(sections, fixed);
}

}  // namespace triage::family
