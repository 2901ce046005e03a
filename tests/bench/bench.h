// SPDX-License-Identifier: MIT
// A measurement is a function that performs `count` operations. The harness chooses the count and prints the median of several rounds.
#pragma once

#include <stdint.h>

namespace bench {

struct Benchmark {
  const char* name;
  void (*run)(long count);
  long count;         // operations per round
  void (*setup)();    // may be null
  void (*teardown)();  // may be null
  Benchmark* next;
};

// Benchmarks register themselves, in order of definition within a file.
struct Registration {
  explicit Registration(Benchmark& benchmark);
};

uint64_t now_ns();
// Prints a message and ends the program: a benchmark that cannot run must not print a figure.
[[noreturn]] void give_up(const char* what);
inline void require(bool condition, const char* what) {
  if (!condition) give_up(what);
}

}  // namespace bench

#define BENCHMARK(id, name, count, run, setup, teardown)                            \
  static bench::Benchmark benchmark_##id{name, run, count, setup, teardown, nullptr}; \
  static const bench::Registration registration_##id{benchmark_##id};
