#include "core/text.h"

#include <gtest/gtest.h>

namespace triage {
namespace {

TEST(Printable, TextStaysAndControlCharactersAreSpelledOut) {
  EXPECT_EQ(printable("a line\n\tand \xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x88"),
            "a line\n\tand \xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x88");
  EXPECT_EQ(printable("\x1b[31mred\x07\r\x7f"), "\\x1b[31mred\\x07\\x0d\\x7f");
  EXPECT_EQ(printable({"a\0b", 3}), "a\\x00b");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b"
            "31m");  // an 8-bit ESC [
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "\\x9b"
            "31m");
}

TEST(Printable, WhatIsNoUtf8IsSpelledOut) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("a\xe2\x82"), "a\\xe2\\x82");  // it ends too early
  EXPECT_EQ(printable("\xe2\x82z"), "\\xe2\\x82z");  // it goes on with something else
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");    // longer than it needs to be
  EXPECT_EQ(printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Printable, PiecesMayBeCutAnywhere) {
  const std::string text = "\xc3\xa4\x1b[0m \xf0\x9f\x90\x88 \xff end\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    std::string pending;
    std::string shown = printable_piece(text.substr(0, cut), pending);
    shown += printable_piece(text.substr(cut), pending);
    EXPECT_EQ(shown, printable(text)) << cut;
    EXPECT_EQ(pending, "");
  }
}

TEST(PrintableLine, KeepsTextAndShowsBytes) {
  EXPECT_EQ(printable_line("milk 3.5% “ß” 中 🙂"), "milk 3.5% “ß” 中 🙂");
  EXPECT_EQ(printable_line("red\x1b[31m\n\tx\x7f"), "red\\x1b[31m\\x0a\\x09x\\x7f");
  EXPECT_EQ(printable_line("a\xff\xc3"), "a\\xff\\xc3");
  EXPECT_EQ(printable_line("\xc2\x9b"
                           "31m"),
            "\\xc2\\x9b31m");  // CSI in one character of C1
  EXPECT_EQ(printable_line("\xe2\x80\xae"
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
