// A warm runtime allocates nothing. In a program of its own: it replaces operator new.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "core/test_support.h"
#include "engine/compiled/compiled_session.h"
#include "engine/testing/test_program.h"
#include "runtime/executor_test_support.h"

namespace {
std::atomic<bool> counting = false;
std::atomic<int> allocations = 0;

void* counted(std::size_t bytes, std::size_t alignment = 0) {
  if (counting) ++allocations;
  void* memory = alignment ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                           : std::malloc(bytes ? bytes : 1);
  if (!memory) throw std::bad_alloc();
  return memory;
}
}  // namespace

// Every allocation of this test program goes through here (the engine alone uses the kind that does not throw).
void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void* operator new(std::size_t bytes, std::align_val_t a) { return counted(bytes, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t bytes, std::align_val_t a) { return counted(bytes, static_cast<std::size_t>(a)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace triage::runtime {
namespace {

using namespace testing_executor;

TEST(Allocation, ExecutorNoneOnceWarm) {
  Fixture mixed = make({{-1, 7}, {0, 0}, {-1, 0}});
  Images images(150);
  const auto classify = [&](std::size_t n) {
    allocations = 0;
    counting = true;
    const bool ok = static_cast<bool>(
        mixed.executor->classify(std::span(images.views).first(n), std::span(images.outcomes).first(n)));
    counting = false;
    return ok ? allocations.load() : -1;
  };
  EXPECT_GT(classify(1), 0);  // the workspace; also proves that the counter counts
  for (int round = 0; round < 3; ++round) {
    for (std::size_t n : {1u, 2u, 64u, 150u}) EXPECT_EQ(classify(n), 0) << n << " images";
  }
  expect_routed(images, 3);
}

TEST(Allocation, CompiledSessionNoneOnceOpen) {
  const TempDir directory;
  fs::copy_file(TESTING_KERNELS, directory / "kernels.so");
  engine::save_program(directory / "p", engine::TestProgram{}.program(directory / "kernels.so"));
  for (const int threads : {1, 2}) {
    const auto opened = engine::open_compiled((directory / "p").string(), {.threads = threads});
    ASSERT_TRUE(opened) << opened.error().message;
    std::vector<float> input(24, 1), logits(24);
    allocations = 0;
    counting = true;
    const bool ok = static_cast<bool>((*opened)->run(2, {.input = input.data(), .logits = logits.data()}));
    counting = false;
    EXPECT_TRUE(ok);
    EXPECT_EQ(allocations, 0);
  }
}

}  // namespace
}  // namespace triage::runtime
