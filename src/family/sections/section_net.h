// SectionNet: what a text of the families residual and mbconv says, an architecture or a space: the same, with ranges.
//
//   STEM-SECTION-SECTION...[-cWIDTH][-fWIDTH][@SIDE]
//   STEM     WIDTH[kKERNEL][h][/STRIDE]             a convolution; 3x3 and stride 1 where it says nothing
//   SECTION  WIDTH BLOCKS[/STRIDE]                  blocks of one width; the first has the stride
//   BLOCKS   BLOCK,BLOCK,...                        each [kKERNEL][eRATIO | mMIDDLE |
//   bMIDDLE][sREDUCTION][h][xCOUNT][?] cWIDTH[h], fWIDTH[h]                            mbconv: a 1x1 convolution before
//   the last pool, a linear layer behind
//   @SIDE                                           the net sees its image at SIDE x SIDE
// k: kernel of the block's 3x3 or depthwise convolution; e: its channels as a multiple of what the block reads, or m:
// as a number; b: a bottleneck of so many; s: squeeze-and-excite with 1/REDUCTION of the channels; h: hard-swish, not
// ReLU; xCOUNT: so many alike; ?: subnets may leave out these blocks and those behind them in the section. Each number
// in capitals but REDUCTION, COUNT and STRIDE may be a range LOW:HIGH:STEP.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace triage::family {

struct Range {  // low, low + step, ... high
  int low = 0, high = 0, step = 1;
  int choices() const { return (high - low) / step + 1; }
  bool has(int value) const { return value >= low && value <= high && (value - low) % step == 0; }
  bool one() const { return low == high; }
  bool operator==(const Range&) const = default;
};
inline Range only(int value) { return {value, value, 1}; }

enum class Middle { width, number, ratio, bottleneck };  // the section's width; m, e, b

struct SectionBlock {
  Range kernel = only(3);
  Middle middle = Middle::width;
  Range size;       // of the middle; not read where it is the width
  int squeeze = 0;  // REDUCTION; 0: none
  bool hard_swish = false, optional = false;
  bool operator==(const SectionBlock&) const = default;
};

struct Section {
  Range width;
  int stride = 1;
  std::vector<SectionBlock> blocks;
  std::size_t min_depth() const;  // blocks that every subnet has
  bool operator==(const Section&) const = default;
};

struct Tail {
  Range width = only(0);  // 0: there is none
  bool hard_swish = false;
  bool there() const { return width.high > 0; }
  bool operator==(const Tail&) const = default;
};

// What a family's texts may have.
struct Grammar {
  std::string_view family;
  std::string_view middles;  // letters of e, m and b
  bool tails = false, needs_middle = false;
  std::vector<int> stem_strides;
};

std::string text_of(const Section& section);  // as a net's text has it behind '-'

struct SectionNet {
  Range stem;
  int stem_kernel = 3, stem_stride = 1;
  bool stem_hard_swish = false;
  std::vector<Section> sections;
  Tail convolution, linear;  // c, f
  Range side = only(0);      // 0: as the image comes

  static SectionNet parse(std::string_view body, const Grammar& grammar);  // Error: the text, where, expected, found
  std::string text() const;                                                // without the family's prefix
  bool one() const;                                                        // no ranges, nothing optional
  bool operator==(const SectionNet&) const = default;
};

}  // namespace triage::family
