#include "core/text.h"

#include <gtest/gtest.h>

namespace triage {
namespace {

TEST(Printable, KeepsTextAndShowsBytes) {
  EXPECT_EQ(printable("milk 3.5% “ß” 中 🙂"), "milk 3.5% “ß” 中 🙂");
  EXPECT_EQ(printable("red\x1b[31m\n\tx\x7f"), "red\\x1b[31m\\x0a\\x09x\\x7f");
  EXPECT_EQ(printable("a\xff\xc3"), "a\\xff\\xc3");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // CSI in one character of C1
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "gnp"),
            "\\xe2\\x80\\xaegnp");  // turns the line round
}

TEST(Utf8, RefusesWhatIsNone) {
  for (const std::string text : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4\xb8", "\x80", "\xe0\x80\x80"})
    EXPECT_EQ(utf8_at(text, 0).code, -1) << printable(text);
  EXPECT_EQ(utf8_at("中", 0).code, 0x4e2d);
  EXPECT_EQ(utf8_at("🙂", 0).code, 0x1f642);
  EXPECT_EQ(utf8_at("é", 0).bytes, 2u);
}

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("中文"), 4u);
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);  // e and a combining acute
  EXPECT_EQ(padded("中", 4), "中  ");
  EXPECT_EQ(padded("long", 2), "long");
}

TEST(ShellWord, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_word("runs/a-b_1.toml"), "runs/a-b_1.toml");
  EXPECT_EQ(shell_word("my photos"), "'my photos'");
  EXPECT_EQ(shell_word("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_word("~x"), "'~x'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace triage
