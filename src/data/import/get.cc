#include "core/error.h"
#include "core/files/temporary.h"
#include "core/text.h"
#include "data/import/archive.h"
#include "data/import/download.h"
#include "data/import/import.h"

namespace triage::data {
namespace {

struct Official {
  const char* name;
  DownloadSource source;
  const char* folder;  // in the archive
  RawDataset (*import)(const fs::path& directory);
};

const Official kOfficial[] = {
    {"cifar10",
     {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"},
     "cifar-10-batches-bin",
     import_cifar10},
    {"cifar100",
     {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "md5:03b5dce01913d631647c71ecec9e9cb8"},
     "cifar-100-binary",
     import_cifar100},
};

const Official& find(const std::string& name) {
  for (const Official& official : kOfficial) {
    if (official.name == name) return official;
  }
  throw UsageError(
      std::format("no data set '{}' to download, expected one of: {}", name, joined(kOfficial, &Official::name)));
}

}  // namespace

DownloadSource official_source(const std::string& name) { return find(name).source; }

void get_dataset(const std::string& name, const DownloadSource& source, const fs::path& out,
                 const DownloadOptions& options) {
  const Official& official = find(name);
  const fs::path archive = out.string() + ".tar.gz";
  download_file(source, archive, options);
  {
    const TemporaryDirectory files(out.parent_path(), out.filename().string() + ".unpacked");
    unpack_tar_gz(archive, files.path());
    RawDataset raw = official.import(files.path() / official.folder);
    raw.info.source = source.url;
    write_dataset(raw, out);
  }
  fs::remove(archive);
}

}  // namespace triage::data
