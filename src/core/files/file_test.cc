#include "core/files/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <format>
#include <fstream>
#include <optional>
#include <thread>

#include "core/test_support.h"

namespace triage {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Files cannot grow beyond this many bytes while it lives: what a full disk looks like to a writer.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit now{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

TEST(File, ReadsWholeFiles) {
  const TempDir directory;
  const fs::path file = directory / "a";
  const std::string content("line\n\0binary\xff", 13);
  write_file_atomic(file, content);
  EXPECT_EQ(read_file(file), content);
  write_file_atomic(file, "");
  EXPECT_EQ(read_file(file), "");
  EXPECT_FALSE(read_file("/proc/self/status").empty());  // says that its size is 0
  EXPECT_THAT(error_of([&] { read_file(directory / "b"); }), AllOf(HasSubstr("/b"), HasSubstr("No such file")));
  EXPECT_THAT(error_of([&] { read_file(directory.path()); }), HasSubstr("found a directory"));
}

TEST(File, WhatIsNoFileOrTooLargeIsRefusedAtOnce) {
  const TempDir directory;
  const fs::path pipe = directory / "pipe", file = directory / "file";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);  // nobody writes: opening it the usual way would wait for ever
  write_file_atomic(file, "12345");
  EXPECT_EQ(error_of([&] { read_file(pipe); }), pipe.string() + ": cannot read: expected a file, found a pipe");
  EXPECT_EQ(error_of([] { read_file("/dev/zero"); }), "/dev/zero: cannot read: expected a file, found a device");
  EXPECT_EQ(error_of([] { MappedFile("/dev/zero"); }), "/dev/zero: cannot read: expected a file, found a device");
  EXPECT_EQ(error_of([&] { sha256_file(pipe); }), pipe.string() + ": cannot read: expected a file, found a pipe");
  EXPECT_EQ(read_file(file, {.bytes = 5}), "12345");
  EXPECT_EQ(error_of([&] { read_file(file, {.bytes = 4}); }),
            file.string() + ": cannot read: expected at most 4 bytes, found 5");
  EXPECT_THAT(error_of([] { read_file("/proc/self/status", {.bytes = 10}); }),  // its size is not known before
              HasSubstr("expected at most 10 bytes, found"));
}

TEST(File, APipeIsReadWhereItIsAskedFor) {
  const TempDir directory;
  const fs::path pipe = directory / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(read_file(pipe, {.pipe = true}), "");  // nobody writes
  const std::string text(200'000, 'x');            // more than a pipe holds
  std::thread writer([&] {
    std::fstream(pipe) << text;  // a reader of its own, too: no SIGPIPE where ours has just closed its end
  });
  std::string got;
  while (got.empty()) got = read_file(pipe, {.pipe = true});
  writer.join();
  EXPECT_EQ(got, text);
}

TEST(File, MissingIsToldFromUnreadable) {
  const TempDir directory;
  const auto thrown = [](const fs::path& path) -> std::optional<FileError> {
    try {
      read_file(path);
    } catch (const FileError& error) {
      return error;
    }
    return std::nullopt;
  };
  EXPECT_TRUE(thrown(directory / "no")->missing());
  const fs::path loop = directory / "loop";
  fs::create_symlink(loop, loop);
  EXPECT_FALSE(thrown(loop)->missing());
  EXPECT_STREQ(thrown("")->what(), "'': cannot open: No such file or directory");
  EXPECT_THAT(thrown(loop)->what(), HasSubstr("loop: cannot open: Too many levels of symbolic links"));
}

TEST(AtomicFile, NothingIsSeenBeforeCommitAndNothingStaysWithoutIt) {
  const TempDir directory;
  const fs::path file = directory / "a";
  write_file_atomic(file, "old");
  {
    AtomicFile writer(file);
    writer.write("new", 3);
    EXPECT_EQ(read_file(file), "old");
    EXPECT_EQ(entries(directory.path()), 2u);
    EXPECT_EQ(writer.temporary().parent_path(), directory.path());  // the same file system: rename cannot fail on it
  }
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(entries(directory.path()), 1u);
  AtomicFile writer(file);
  writer.write("__header", 8);
  writer.write("!", 1);
  writer.write_at(0, "my", 2);
  writer.commit();
  EXPECT_EQ(read_file(file), "myheader!");
  EXPECT_EQ(entries(directory.path()), 1u);
}

TEST(AtomicFile, OverwritesOnlyWhatWasWritten) {
  const TempDir directory;
  AtomicFile writer(directory / "a");
  writer.write("1234", 4);
  EXPECT_THAT(error_of([&] { writer.write_at(3, "xx", 2); }), HasSubstr("only 4 bytes were written"));
  EXPECT_THAT(error_of([&] { writer.write_at(~std::uint64_t{0}, "xx", 2); }), HasSubstr("offset"));
}

TEST(AtomicFile, TakesWhatAnotherWriterPutAtTheTemporaryPath) {
  const TempDir directory;
  AtomicFile writer(directory / "a");
  fs::remove(writer.temporary());
  append_line(writer.temporary(), "from elsewhere");
  writer.commit();
  EXPECT_EQ(read_file(directory / "a"), "from elsewhere\n");
}

TEST(AtomicFile, TwoWritersOfOneFileDoNotMeet) {
  const TempDir directory;
  AtomicFile first(directory / "a"), second(directory / "a");
  first.write("1", 1);
  second.write("2", 1);
  first.commit();
  second.commit();
  EXPECT_EQ(read_file(directory / "a"), "2");
}

TEST(AtomicFile, FilesGetTheUsualPermissions) {
  const TempDir directory;
  const mode_t mask = ::umask(022);
  write_file_atomic(directory / "a", "x");
  ::umask(mask);
  EXPECT_EQ(fs::status(directory / "a").permissions(), fs::perms(0644));
}

TEST(AtomicFile, FullDiskIsNamedAndNothingStaysBehind) {
  const TempDir directory;
  const fs::path file = directory / "a";
  write_file_atomic(file, "old");
  {
    const FileSizeLimit limit(8192);
    EXPECT_THAT(error_of([&] { write_file_atomic(file, std::string(20'000, 'x')); }),
                AllOf(HasSubstr(file.string()), HasSubstr("20000 bytes"), HasSubstr("room for 8192"),
                      HasSubstr("File too large")));
  }
  EXPECT_EQ(read_file(file), "old");
  EXPECT_EQ(entries(directory.path()), 1u);
}

TEST(AtomicFile, MissingDirectoryIsNamed) {
  EXPECT_THAT(error_of([] { write_file_atomic("/no/such/place/a", "x"); }),
              AllOf(HasSubstr("/no/such/place/a"), HasSubstr("No such file")));
  const TempDir directory;
  EXPECT_THAT(error_of([&] { write_file_atomic(directory.path(), "x"); }), HasSubstr("cannot be replaced"));
  EXPECT_EQ(entries(directory.path()), 0u);
}

TEST(AppendLine, AppendsAndLeavesNoTornLine) {
  const TempDir directory;
  const fs::path file = directory / "log";
  append_line(file, "one");
  append_line(file, "two");
  EXPECT_EQ(read_file(file), "one\ntwo\n");
  {
    const FileSizeLimit limit(100);
    EXPECT_THAT(error_of([&] { append_line(file, std::string(200, 'x')); }), HasSubstr("201 bytes"));
  }
  EXPECT_EQ(read_file(file), "one\ntwo\n");
  if (fs::exists("/dev/full")) {
    EXPECT_THAT(error_of([] { append_line("/dev/full", "x"); }), HasSubstr("No space left on device"));
  }
}

TEST(MappedFile, ShowsTheBytesAndMoves) {
  const TempDir directory;
  write_file_atomic(directory / "a", "bytes");
  write_file_atomic(directory / "empty", "");
  MappedFile map(directory / "a");
  MappedFile moved(std::move(map));
  const auto bytes = moved.bytes();
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "bytes");
  moved = MappedFile(directory / "empty");
  EXPECT_TRUE(moved.bytes().empty());
  EXPECT_THAT(error_of([&] { MappedFile(directory / "b"); }), HasSubstr("/b: cannot open"));
}

// Test vectors of FIPS 180-2.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string million(1'000'000, 'a');
  const char* expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  EXPECT_EQ(sha256_hex(million), expected);
  Sha256 pieces;
  for (int i = 0; i < 1000; ++i) pieces.update(million.data(), 1000);
  EXPECT_EQ(pieces.hex(), expected);
  const TempDir directory;
  write_file_atomic(directory / "a", million);
  EXPECT_EQ(sha256_file(directory / "a"), expected);
}

}  // namespace
}  // namespace triage
