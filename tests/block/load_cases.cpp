// SPDX-License-Identifier: MIT
// Many requests at once from all processors, with the driver killed meanwhile.
#include <random>

#include "runtime/executor.h"
#include "runtime/log.h"
#include "tests/block/cases.h"

namespace hati::block_tests {
namespace {

// Each task owns a region of the disk and writes and reads there at random, remembering what each piece must hold.
constexpr u32 kTasksPerWorker = 4, kTasksMax = 16;
constexpr u64 kRegionSector = 65536, kPieces = 16, kPieceBytes = 32768;
constexpr u64 kPieceSectors = kPieceBytes / block::kSectorBytes, kRegionSectors = kPieces * kPieceSectors;

struct Load {
  block::Disk& disk;
  u32 rounds;
  std::string trouble;  // of the first task that has any
  Guarded<int> lock{0};
  std::atomic<u64> done{0};
  std::atomic<bool> over{false};
  u32 kills_min = 0;  // it goes on until the driver has been killed so often
  std::atomic<u32> kills{0};

  void complain(std::string what) {
    lock.with([&](int&) {
      if (trouble.empty()) trouble = std::move(what);
    });
  }
};

Task<Result<void>> churn(Load& load, u32 number, Buffer& buffer) {
  std::mt19937_64 random(number + 1);
  std::array<u64, kPieces> versions{};
  const u64 region = kRegionSector + number * kRegionSectors;
  for (u32 round = 0; round < load.rounds || load.kills.load() < load.kills_min; ++round) {
    const u64 piece = round < kPieces ? round : random() % kPieces;
    const u64 sector = region + piece * kPieceSectors, offset = piece % 2 * kPieceBytes;
    const auto data = buffer.bytes().subspan(offset, kPieceBytes);
    if (versions[piece] != 0) {
      std::memset(data.data(), 0, data.size());
      CO_TRY(co_await load.disk.read(*buffer.attachment, offset, sector, kPieceBytes));
      if (!holds(data, sector, versions[piece])) co_return fail(Error::kBadData);
    }
    fill(data, sector, versions[piece] = 1000 + round);
    CO_TRY(co_await load.disk.write(*buffer.attachment, offset, sector, kPieceBytes));
    if (random() % 8 == 0) CO_TRY(co_await load.disk.flush());
    ++load.done;
  }
  // At last a version that the host knows.
  for (u64 piece = 0; piece < kPieces; ++piece) {
    const u64 sector = region + piece * kPieceSectors;
    fill(buffer.bytes().first(kPieceBytes), sector, 5);
    CO_TRY(co_await load.disk.write(*buffer.attachment, 0, sector, kPieceBytes));
  }
  co_return Result<void>();
}

Task<void> churn_task(Load& load, u32 number) {
  auto buffer = co_await make_buffer(load.disk, 2 * kPieceBytes);
  if (!buffer) {
    load.complain(std::string("no buffer: ") + error_name(buffer.error()));
    co_return;
  }
  if (auto result = co_await churn(load, number, *buffer); !result)
    load.complain(std::string("task ") + std::to_string(number) + ": " + error_name(result.error()));
  co_await load.disk.detach(buffer->attachment);
}

Task<void> churn_all(Load& load) {
  Scope scope;
  const u32 workers = Runtime::worker_count();
  for (u32 i = 0; i < std::min(workers * kTasksPerWorker, kTasksMax); ++i)
    scope.start_on(Runtime::worker(i % workers), churn_task(load, i));
  co_await scope.join();
  load.over.store(true);
}

Task<Verdict> parallel(Fixture& f) {
  Load load{.disk = f.scratch, .rounds = 100};
  co_await churn_all(load);
  EXPECT(co_await f.scratch.flush());
  co_return load.trouble;
}

Task<void> kill_repeatedly(Fixture& f, Load& load) {
  constexpr u64 kPauseNs = 300 * kNsPerMs;
  constexpr u32 kKillsMax = 12;
  while (!load.over.load() && load.kills.load() < kKillsMax) {
    (void)co_await sleep_for(kPauseNs);
    if (load.over.load()) break;
    const auto ended = co_await f.init.call(system::EndServerRequest{.name = "virtio-block"});
    if (ended)
      ++load.kills;
    else if (ended.error() != Error::kNotFound)
      load.complain(std::string("cannot kill the driver: ") + error_name(ended.error()));
  }
}

Task<Verdict> driver_dies(Fixture& f) {
  Load load{.disk = f.scratch, .rounds = 400, .kills_min = 3};
  Scope scope;
  scope.start(kill_repeatedly(f, load));
  co_await churn_all(load);
  co_await scope.join();
  log_info("the driver was killed {} times during {} rounds", load.kills.load(), load.done.load());
  EXPECT(co_await f.scratch.flush());
  co_return load.trouble;
}

Task<Verdict> other_servers_are_safe(Fixture& f) {
  EXPECT((co_await f.init.call(system::EndServerRequest{.name = "tests"})).error() == Error::kNoRight);
  EXPECT((co_await f.init.call(system::DeviceQuietRequest{})).error() == Error::kNoRight);
  co_return "";
}

}  // namespace

std::span<const Case> load_cases() {
  static constexpr Case kCases[] = {{"parallel", parallel},
                                    {"driver_dies", driver_dies},
                                    {"parallel_afterwards", parallel},
                                    {"other_servers_are_safe", other_servers_are_safe}};
  return kCases;
}

}  // namespace hati::block_tests
