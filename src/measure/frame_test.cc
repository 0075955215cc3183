#include "measure/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "core/test_support.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

std::vector<Frame> read_all(FrameReader& reader) {
  std::vector<Frame> frames;
  while (auto frame = reader.next("pi5")) frames.push_back(*frame);
  return frames;
}

TEST(Frame, ComesThroughChatterAndInAnyPieces) {
  const std::string stream = "Welcome!\n" + to_text({"progress", "{}"}) + "triage-frame is a word\n" +
                             to_text({"result", std::string("a\0b\nc", 5)}) + to_text({"empty", ""});
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(std::string_view(stream).substr(at, piece));
      for (Frame& frame : read_all(reader)) frames.push_back(std::move(frame));
    }
    ASSERT_EQ(frames.size(), 3u) << piece;
    EXPECT_EQ(frames[0].kind, "progress");
    EXPECT_EQ(frames[1].payload, std::string("a\0b\nc", 5));
    EXPECT_EQ(frames[2].payload, "");
    EXPECT_FALSE(reader.inside());
  }
}

TEST(Frame, HalfAMessageIsNoMessage) {
  const std::string text = to_text({"result", std::string(1000, 'x')});
  for (std::size_t size = 0; size < text.size(); ++size) {
    FrameReader reader;
    reader.feed(std::string_view(text).substr(0, size));
    EXPECT_TRUE(read_all(reader).empty()) << size;
    if (size > 13) {
      EXPECT_TRUE(reader.inside()) << size;
    }
  }
}

TEST(Frame, DamageIsRefused) {
  std::string text = to_text({"result", "payload"});
  text[text.size() - 3] ^= 1;
  FrameReader reader;
  reader.feed(text);
  EXPECT_THAT(error_of([&] { reader.next("pi5"); }), HasSubstr("pi5: a message's checksum: found"));
  FrameReader huge;
  huge.feed("triage-frame result 99999999999 " + std::string(64, '0') + "\n");
  EXPECT_THAT(error_of([&] { huge.next("pi5"); }), HasSubstr("a message of 99999999999 bytes"));
}

// Whatever is changed on the way: what is read was sent, or an error is thrown.
TEST(Frame, ChangedBytesNeverMakeAnotherMessage) {
  const std::string payload = R"({"entries": [1, 2, 3]})";
  const std::string text = to_text({"progress", "1"}) + to_text({"result", payload});
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    std::string changed = text;
    for (std::uint64_t i = 0; i <= rng.below(3); ++i) {
      const std::size_t at = rng.below(changed.size());
      if (rng.below(2) == 0)
        changed[at] = static_cast<char>(rng.below(256));
      else
        changed.erase(at, rng.below(8));
    }
    FrameReader reader;
    reader.feed(changed);
    try {
      for (const Frame& frame : read_all(reader)) {
        EXPECT_TRUE(frame.payload == "1" || frame.payload == payload) << frame.payload;
      }
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace triage::measure
