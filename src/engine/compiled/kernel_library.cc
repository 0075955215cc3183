#include "engine/compiled/kernel_library.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/system/cpu.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

#if defined(__x86_64__)
constexpr const char* kArchitecture = "x86_64";
#elif defined(__aarch64__)
constexpr const char* kArchitecture = "aarch64";
#else
constexpr const char* kArchitecture = "another one";
#endif

std::string loader_error() {
  const char* const text = ::dlerror();
  return text ? text : "unknown error";
}

void write_all(int fd, const std::string& bytes, const fs::path& origin) {
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno != EINTR) {
      fail_with(ErrorCode::unsupported, "{}: cannot be loaded: its copy of {} bytes in memory: {}", origin.string(),
                bytes.size(), std::strerror(errno));
    }
    if (n > 0) written += static_cast<std::size_t>(n);
  }
}

// The loader takes a path that it knows for the library that it once opened there, loaded or not: no path twice, though
// descriptors come again. Each bit of a count is one of two ways to go nowhere.
std::string path_of_descriptor(int fd) {
  static std::atomic<unsigned> count{0};
  std::string path = "/proc/self/fd/";
  for (unsigned bits = ++count; bits > 0; bits >>= 1) path += bits & 1 ? "./" : "/";
  return path + std::to_string(fd);
}

// Bytes under a path of our own, while this lives: in memory, sealed, where the system has that and /proc; else in a
// file of the temporary directory that only this user can open.
class PrivateCopy {
 public:
  PrivateCopy(const std::string& bytes, const fs::path& origin) {
    try {
      if (in_memory(bytes, origin)) return;
      std::error_code error;
      std::string name = (fs::temp_directory_path(error) / "triage-kernels-XXXXXX").string();
      fd_ = ::mkostemp(name.data(), O_CLOEXEC);
      if (fd_ < 0) {
        fail_with(ErrorCode::unsupported, "{}: cannot be loaded: no memfd with /proc, and {}: {}", origin.string(),
                  name, std::strerror(errno));
      }
      temporary_ = path_ = name;
      write_all(fd_, bytes, origin);
    } catch (...) {
      close();
      throw;
    }
  }
  ~PrivateCopy() { close(); }
  PrivateCopy(const PrivateCopy&) = delete;
  PrivateCopy& operator=(const PrivateCopy&) = delete;
  const std::string& path() const { return path_; }

 private:
  bool in_memory(const std::string& bytes, const fs::path& origin) {
#ifdef MFD_ALLOW_SEALING
    fd_ = ::memfd_create("kernels", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd_ < 0) return false;
    path_ = path_of_descriptor(fd_);
    if (::access(path_.c_str(), R_OK) != 0) {
      ::close(std::exchange(fd_, -1));
      return false;
    }
    write_all(fd_, bytes, origin);
    ::fcntl(fd_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return true;
#else
    return false;
#endif
  }
  void close() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    if (fd_ >= 0) ::close(fd_);
  }

  int fd_ = -1;
  std::string path_, temporary_;
};

}  // namespace

void check_cpu(const StageProgram& program, const std::string& origin) {
  if (program.architecture != kArchitecture) {
    fail_with(ErrorCode::unsupported, "{}: compiled for architecture '{}', this process is '{}'", origin,
              program.architecture, kArchitecture);
  }
  const std::vector<std::string> here = cpu_features().names();
  std::string missing, needed;
  for (const std::string& feature : program.features) {
    needed += " " + feature;
    if (!std::ranges::binary_search(here, feature)) missing += " " + feature;
  }
  if (missing.empty()) return;
  fail_with(ErrorCode::unsupported, "{}: compiled for a CPU with{}, this one ({}) has no{}", origin, needed, cpu_name(),
            missing);
}

KernelLibrary::KernelLibrary(const fs::path& file, const std::string& sha256)
    : file_(fs::absolute(file)), sha256_(sha256) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) fail_with(ErrorCode::not_found, "{}: no such file", file_.string());
  const std::string bytes = read_file(file);
  if (const std::string found = sha256_hex(bytes); found != sha256) {
    fail_with(ErrorCode::damaged, "{}: sha256: found {}, expected {}", file_.string(), found, sha256);
  }
  const PrivateCopy copy(bytes, file_);
  handle_ = ::dlopen(copy.path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) fail_with(ErrorCode::damaged, "{}: cannot be loaded: {}", file_.string(), loader_error());
}

KernelLibrary::~KernelLibrary() { ::dlclose(handle_); }

Kernel KernelLibrary::kernel(const std::string& symbol) const {
  void* const address = ::dlsym(handle_, symbol.c_str());
  if (!address) fail_with(ErrorCode::damaged, "{}: kernel '{}': not found", file_.string(), symbol);
  return reinterpret_cast<Kernel>(address);
}

void KernelLibrary::take_scratch() const {
  const auto take = reinterpret_cast<void* (*)(void*, unsigned long)>(::dlsym(handle_, "halide_malloc"));
  const auto give = reinterpret_cast<void (*)(void*, void*)>(::dlsym(handle_, "halide_free"));
  if (take && give) give(nullptr, take(nullptr, 1));
}

std::shared_ptr<const KernelLibrary> KernelLibraries::open(const fs::path& file, const std::string& sha256) {
  const auto same = [&](const auto& library) { return library->sha256() == sha256; };
  const auto found = std::ranges::find_if(open_, same);
  if (found != open_.end()) return *found;
  return open_.emplace_back(std::make_shared<const KernelLibrary>(file, sha256));
}

}  // namespace triage::engine
