// Downloads from a server on loopback, with interruptions, and the archives they bring.
#include "data/import/download.h"

#include <httplib.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "data/data_test_support.h"
#include "data/import/archive.h"

namespace triage::data {
namespace {

std::string digest(const std::string& content, const char* algorithm) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_Digest(content.data(), content.size(), bytes, &length, EVP_get_digestbyname(algorithm), nullptr);
  std::string hex = std::string(algorithm) + ":";
  for (unsigned int i = 0; i < length; ++i) hex += std::format("{:02x}", bytes[i]);
  return hex;
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 131 + i / 509);
  return text;
}

DownloadOptions attempts(int count) {
  DownloadOptions options;
  options.attempts = count;
  options.retry_delay_ms = 1;
  options.connect_timeout_s = options.stall_timeout_s = 10;
  return options;
}

class DownloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Get("/file", [this](const httplib::Request& request, httplib::Response& response) {
      note(request);
      response.set_content(content_, "application/octet-stream");  // httplib answers ranges by itself
    });
    // Promises everything and hangs up after `stop_after_` bytes of what is asked for.
    server_.Get("/broken", [this](const httplib::Request& request, httplib::Response& response) {
      note(request);
      response.set_content_provider(content_.size(), "application/octet-stream",
                                    [this, begin = std::size_t{0}, sent = std::size_t{0}](
                                        std::size_t offset, std::size_t length, httplib::DataSink& sink) mutable {
                                      if (sent >= stop_after_) return false;
                                      const std::size_t count =
                                          std::min({length, stop_after_ - sent, std::size_t{1000}});
                                      sink.write(content_.data() + offset, count);
                                      sent += count;
                                      return true;
                                    });
    });
    server_.Get("/no-ranges", [this](httplib::Request const& request, httplib::Response& response) {
      note(request);
      const_cast<httplib::Request&>(request).ranges.clear();
      response.set_content(content_, "application/octet-stream");
    });
    server_.Get("/busy", [this](const httplib::Request& request, httplib::Response& response) {
      note(request);
      response.status = requests().size() < 3 ? 503 : 200;
      if (response.status == 200) response.set_content(content_, "application/octet-stream");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    ASSERT_GT(port_, 0);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  void TearDown() override {
    server_.stop();
    thread_.join();
  }

  std::string url(const std::string& path) const { return std::format("http://127.0.0.1:{}{}", port_, path); }
  void note(const httplib::Request& request) {
    const std::lock_guard lock(mutex_);
    ranges_.push_back(request.get_header_value("Range"));
  }
  std::vector<std::string> requests() {  // their Range headers
    const std::lock_guard lock(mutex_);
    return ranges_;
  }

  TempDir dir_;
  const fs::path target_ = dir_ / "sub" / "archive", part_ = dir_ / "sub" / "archive.part";
  std::string content_ = pattern(300'000);
  std::atomic<std::size_t> stop_after_ = 0;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> ranges_;
};

TEST_F(DownloadTest, WholeFileWithEitherChecksum) {
  download_file({url("/file"), digest(content_, "md5")}, target_, attempts(1));
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_FALSE(fs::exists(part_));
  download_file({url("/file"), digest(content_, "sha256")}, target_, attempts(1));
  EXPECT_EQ(requests().size(), 1u);  // it was there already
}

TEST_F(DownloadTest, AnInterruptedTransferIsResumedByTheNextCall) {
  stop_after_ = 100'000;
  const DownloadSource source{url("/broken"), digest(content_, "md5")};
  const std::string error = error_of([&] { download_file(source, target_, attempts(1)); });
  EXPECT_THAT(error, AllOf(HasSubstr(url("/broken")), HasSubstr("after 100000 of 300000 bytes"),
                           HasSubstr("the same command goes on from there")));
  EXPECT_FALSE(fs::exists(target_));
  EXPECT_EQ(read_file(part_), content_.substr(0, 100'000));
  stop_after_ = 1'000'000;
  download_file(source, target_, attempts(1));
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_FALSE(fs::exists(part_));
  EXPECT_EQ(requests(), (std::vector<std::string>{"", "bytes=100000-"}));
}

TEST_F(DownloadTest, AStopKeepsWhatIsThereAndTheNextCallGoesOn) {
  content_ = pattern(8 << 20);
  stop_after_ = content_.size();
  const DownloadSource source{url("/broken"), digest(content_, "md5")};
  RecordingSink sink;
  sink.stop_at(3);  // MB
  DownloadOptions options = attempts(1);
  options.context = sink.context();
  EXPECT_THROW(download_file(source, target_, options), Interrupted);
  EXPECT_EQ(sink.said().back().substr(0, 16), "gave up download");
  const std::uintmax_t kept = fs::file_size(part_);
  EXPECT_GE(kept, std::uintmax_t{2} << 20);
  EXPECT_LT(kept, content_.size());
  download_file(source, target_, attempts(1));
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(requests().back(), std::format("bytes={}-", kept));
}

TEST_F(DownloadTest, AttemptsCountOnlyWhenNothingMoves) {
  stop_after_ = 70'000;
  download_file({url("/broken"), digest(content_, "md5")}, target_, attempts(2));
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(requests(),
            (std::vector<std::string>{"", "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-"}));
}

TEST_F(DownloadTest, BusyServersAreAskedAgain) {
  download_file({url("/busy"), ""}, target_, attempts(3));
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(requests().size(), 3u);
}

TEST_F(DownloadTest, AServerWithoutRangesIsReadFromTheStart) {
  write_bytes(part_, Bytes(5000, 'x'));
  download_file({url("/no-ranges"), digest(content_, "md5")}, target_, attempts(1));
  EXPECT_EQ(read_file(target_), content_);
  EXPECT_EQ(requests().size(), 2u);
}

TEST_F(DownloadTest, APartThatIsWholeAlreadyIsTaken) {
  write_bytes(part_, {content_.begin(), content_.end()});
  download_file({url("/file"), digest(content_, "md5")}, target_, attempts(1));
  EXPECT_EQ(read_file(target_), content_);
}

TEST_F(DownloadTest, AWrongChecksumRemovesTheFileAndNamesIt) {
  const std::string wrong = "md5:" + std::string(32, '0');
  EXPECT_EQ(error_of([&] { download_file({url("/file"), wrong}, target_, attempts(3)); }),
            std::format("{}: md5 is {}, expected {}; the file was removed", part_.string(),
                        digest(content_, "md5").substr(4), std::string(32, '0')));
  EXPECT_EQ(entries(dir_ / "sub"), 0u);
  EXPECT_EQ(requests().size(), 1u);
  write_bytes(part_, Bytes(5000, 'x'));  // a part of something else: resumed, found out, gone
  EXPECT_THAT(error_of([&] { download_file({url("/file"), digest(content_, "md5")}, target_, attempts(1)); }),
              HasSubstr("the file was removed"));
  EXPECT_EQ(entries(dir_ / "sub"), 0u);
}

TEST_F(DownloadTest, MissingFilesAndBadArguments) {
  EXPECT_EQ(error_of([&] { download_file({url("/none"), ""}, target_, attempts(3)); }),
            url("/none") + ": HTTP status 404, expected 200");
  EXPECT_EQ(entries(dir_ / "sub"), 0u);
  EXPECT_THAT(error_of([&] { download_file({"file:///etc/hostname", ""}, target_, attempts(1)); }),
              HasSubstr("expected an http or https address"));
  EXPECT_THAT(error_of([&] { download_file({url("/file"), "md5:12"}, target_, attempts(1)); }),
              HasSubstr("checksum 'md5:12': expected md5: with 32 or sha256: with 64 hexadecimal digits"));
  EXPECT_THAT(error_of([] { official_source("mnist"); }), HasSubstr("expected one of: cifar10, cifar100"));
  EXPECT_THROW(official_source("mnist"), UsageError);
}

TEST_F(DownloadTest, AServerThatIsNotThere) {
  const std::string dead = url("/file");
  server_.stop();
  EXPECT_THAT(error_of([&] { download_file({dead, ""}, target_, attempts(2)); }), HasSubstr(dead));
  EXPECT_EQ(entries(dir_ / "sub"), 0u);
}

// --- archives

struct Member {
  std::string name, content;
  char type = '0';
};

std::string octal(std::uint64_t value, int digits) { return std::format("{:0{}o}", value, digits); }

std::string tar(const std::vector<Member>& members) {
  std::string out;
  for (const Member& member : members) {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    put(0, member.name);
    put(100, "0000644");
    put(124, octal(member.content.size(), 11));
    put(148, "        ");
    header[156] = member.type;
    put(257, std::string("ustar\0"
                         "00",
                         8));
    std::uint64_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + std::string("\0 ", 2));
    out += header + member.content + std::string((512 - member.content.size() % 512) % 512, '\0');
  }
  return out + std::string(1024, '\0');
}

std::string write_gz(const fs::path& path, const std::string& content) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
  gzclose(file);
  return read_file(path);
}

TEST(Archive, UnpacksFilesAndFolders) {
  const TempDir dir;
  const std::string big = pattern(200'001);
  write_gz(dir / "a.tar.gz", tar({{"pax", "18 comment=hello\n", 'x'},
                                  {"top/", "", '5'},
                                  {"top/one", "1"},
                                  {"./top/deep/two", big},
                                  {"top/none", ""}}));
  fs::create_directories(dir / "out");
  unpack_tar_gz(dir / "a.tar.gz", dir / "out");
  EXPECT_EQ(read_file(dir / "out/top/one"), "1");
  EXPECT_EQ(read_file(dir / "out/top/deep/two"), big);
  EXPECT_EQ(read_file(dir / "out/top/none"), "");
  EXPECT_EQ(entries(dir / "out"), 1u);
}

TEST(Archive, BadOnesAreRefused) {
  const TempDir dir;
  const fs::path path = dir / "a.tar.gz";
  fs::create_directories(dir / "out");
  const auto error = [&] { return error_of([&] { unpack_tar_gz(path, dir / "out"); }); };
  for (const char* name : {"../evil", "/evil", "a/../../evil", ""}) {
    write_gz(path, tar({{name, "x"}}));
    EXPECT_THAT(error(), HasSubstr(std::format("member '{}' leads out of the archive", name)));
  }
  write_gz(path, tar({{"link", "", '2'}}));
  EXPECT_THAT(error(), HasSubstr("member 'link' is of type '2', expected plain files and directories"));
  std::string bytes = tar({{"a", "hello"}});
  bytes[0] = 'b';
  write_gz(path, bytes);
  EXPECT_THAT(error(), HasSubstr("at unpacked offset 0, expected"));
  bytes = tar({{"a", "hello"}});
  write_gz(path, bytes.substr(0, 700));
  EXPECT_THAT(error(), HasSubstr("truncated archive: ends at unpacked offset 700, expected 324 more bytes"));
  write_gz(path, bytes.substr(0, 1024));
  EXPECT_THAT(error(), HasSubstr("truncated archive: no end mark at unpacked offset 1024"));
  const std::string packed = write_gz(path, tar({{"a", pattern(100'000)}}));
  write_file_atomic(path, packed.substr(0, packed.size() / 2));
  EXPECT_THAT(error(), HasSubstr("damaged or truncated archive at unpacked offset"));
  write_file_atomic(path, "no gzip at all");
  EXPECT_THAT(error(), HasSubstr("a.tar.gz: not a gzip file"));
}

// The whole of `triage data get`, with an archive whose one file is damaged: the message is the importer's, nothing is
// written, what was downloaded stays. A good archive of the official size is not made here: it has 180 MB.
TEST_F(DownloadTest, GetNamesWhatIsWrongInTheArchive) {
  content_ = write_gz(dir_ / "server.tar.gz",
                      tar({{"cifar-100-binary/train.bin", "short"}, {"cifar-100-binary/test.bin", "short"}}));
  const fs::path out = dir_ / "sub" / "c.tds";
  fs::create_directories(dir_ / "sub");
  EXPECT_THAT(error_of([&] { get_dataset("cifar100", {url("/file"), digest(content_, "md5")}, out, attempts(1)); }),
              HasSubstr("cifar-100-binary/train.bin: truncated: 5 bytes, expected 153700000"));
  EXPECT_TRUE(fs::exists(dir_ / "sub" / "c.tds.tar.gz"));
  EXPECT_EQ(entries(dir_ / "sub"), 1u);
}

}  // namespace
}  // namespace triage::data
