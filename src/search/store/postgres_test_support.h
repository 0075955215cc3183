// A PostgreSQL server for one test program: a cluster of its own in a temporary directory, reachable through a socket
// in there only. It ends with the program, also with one that crashes.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "core/test_support.h"
#include "search/store/sql.h"

namespace triage::search {

class PostgresServer {
 public:
  // Started at the first call. Throws Error when that fails.
  static PostgresServer& get() {
    static PostgresServer server;
    return server;
  }

  // An empty database.
  std::string new_database() {
    const std::string name = std::format("test{}", ++databases_);
    open_database(location("postgres"))->run("CREATE DATABASE " + name);
    return location(name);
  }
  // `user`: with a password if you like; the server lets everybody in.
  std::string location(const std::string& database, const std::string& user = "triage") const {
    std::string host;
    for (const char c : directory_.path().string()) host += c == '/' ? std::string("%2F") : std::string(1, c);
    return std::format("postgresql://{}@{}/{}", user, host, database);
  }

 private:
  PostgresServer() : programs_(find_programs()) {
    if (::getuid() == 0) {  // which PostgreSQL refuses to run as
      user_ = ::getpwnam("postgres");
      if (!user_) fail("user postgres: not found; scripts/setup installs postgresql, which makes it");
      if (::chown(directory_.path().c_str(), user_->pw_uid, user_->pw_gid) != 0)
        fail("{}: chown", directory_.path().string());
    }
    const std::string directory = directory_.path().string(), data = directory + "/data";
    const pid_t initdb = start({"initdb", "-D", data, "-U", "triage", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"});
    int status = 0;
    if (::waitpid(initdb, &status, 0) != initdb || status != 0) fail("initdb: {}", log());
    server_ = start({"postgres", "-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories=" + directory,
                     "-c", "fsync=off", "-c", "shared_buffers=16MB"});
    for (int tries = 0;; ++tries) {
      const std::string error = error_of([&] { open_database(location("postgres")); });
      if (error == "no error") return;
      if (tries == 300 || ::waitpid(server_, nullptr, WNOHANG) != 0) {
        stop();
        fail("postgres: {}\n{}", error, log());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  ~PostgresServer() { stop(); }

  static std::string find_programs() {
    std::error_code none;
    for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none)) {
      const fs::path bin = version.path() / "bin";
      if (fs::exists(bin / "initdb") && fs::exists(bin / "postgres")) return bin.string();
    }
    fail("/usr/lib/postgresql/*/bin: expected initdb and postgres, found none; scripts/setup installs them");
  }

  // As the user who may, with its output in the log.
  pid_t start(std::vector<std::string> arguments) const {
    const std::string program = programs_ + "/" + arguments[0], log = (directory_ / "log").string();
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (user_ && (::initgroups(user_->pw_name, user_->pw_gid) != 0 || ::setgid(user_->pw_gid) != 0 ||
                  ::setuid(user_->pw_uid) != 0)) {
      ::_exit(126);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGINT);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    if (::chdir(directory_.path().c_str()) == 0) ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  void stop() {
    if (server_ > 0 && ::kill(server_, SIGINT) == 0) ::waitpid(server_, nullptr, 0);
    server_ = 0;
  }
  std::string log() const { return fs::exists(directory_ / "log") ? read_file(directory_ / "log") : ""; }

  TempDir directory_;
  std::string programs_;
  const passwd* user_ = nullptr;
  pid_t server_ = 0;
  int databases_ = 0;
};

}  // namespace triage::search
