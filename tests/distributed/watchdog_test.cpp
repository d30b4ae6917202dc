// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "distributed/watchdog/diagnosis.h"
#include "distributed/watchdog/link.h"
#include "distributed/watchdog/table.h"

namespace tessera::distributed::watchdog {
namespace {

constexpr uint64_t kWorld = 0;

RankView computing() {
  RankView view;
  view.slot.presence = Presence::alive;
  view.slot.pid = 4711;
  view.slot.step = 37;
  store_text(view.slot.phase, "backward of quantum 5");
  return view;
}

void enter(RankView& view, uint64_t communicator, uint64_t sequence) {
  for (Progress& progress : view.slot.communicators) {
    if (progress.submitted > 0 && progress.communicator != communicator) continue;
    progress = {communicator, sequence};
    return;
  }
}

RankView waiting_in(uint64_t communicator, uint64_t sequence, double seconds) {
  RankView view = computing();
  enter(view, communicator, sequence);
  view.slot.open = {.communicator = communicator, .sequence = sequence, .peer = -1, .exists = 1, .outstanding_s = seconds, .text = {}};
  store_text(view.slot.open.text, "all_reduce #" + std::to_string(sequence) + " of world (gradient bucket 3)");
  view.slot.waiting_s = seconds;
  return view;
}

const std::vector<std::string> kHosts{"a", "a", "b", "b"};

TEST(Diagnosis, NamesTheRankThatHasStopped) {
  std::vector<RankView> ranks{waiting_in(kWorld, 412, 1.2), waiting_in(kWorld, 412, 1.2), computing(), waiting_in(kWorld, 412, 1.2)};
  ranks[2].silent_s = 1.4;
  const auto diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(report_line(ranks, kHosts, *diagnosis),
            "tessera: waiting 1.2 s for rank 2 on host b (pid 4711): stuck at step 37, it has not entered all_reduce #412 of world "
            "(gradient bucket 3); last seen 1.4 s ago in backward of quantum 5");
  EXPECT_TRUE(should_report(ranks, 0, *diagnosis));
  EXPECT_FALSE(should_report(ranks, 1, *diagnosis));
  EXPECT_FALSE(diagnose(ranks, 2)) << "who is not in a collective does not complain";
}

TEST(Diagnosis, TheFirstThatLivesReports) {
  std::vector<RankView> ranks{computing(), waiting_in(kWorld, 7, 1.2), waiting_in(kWorld, 7, 1.2)};
  ranks[0].silent_s = 1.4;
  const auto diagnosis = diagnose(ranks, 1);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->culprits, std::vector<int>{0});
  EXPECT_TRUE(should_report(ranks, 1, *diagnosis));
  EXPECT_FALSE(should_report(ranks, 2, *diagnosis));
  ranks[2].slot.reporting = 0;
  EXPECT_FALSE(should_report(ranks, 1, *diagnosis)) << "somebody already has";
}

TEST(Diagnosis, StoppedWithinTheCollective) {
  std::vector<RankView> ranks{waiting_in(kWorld, 7, 1.5), waiting_in(kWorld, 7, 0.1)};
  ranks[1].silent_s = 1.4;
  const auto diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->trouble, Trouble::stuck);
  EXPECT_NE(report_line(ranks, kHosts, *diagnosis).find("it has entered but not completed"), std::string::npos);
}

TEST(Diagnosis, SlowRanksAreGivenTime) {
  std::vector<RankView> ranks{waiting_in(kWorld, 7, 9.0), computing()};
  EXPECT_FALSE(diagnose(ranks, 0));
  ranks[0] = waiting_in(kWorld, 7, 10.5);
  auto diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->trouble, Trouble::slow);
  // A collective that is open while its rank computes on delays nobody.
  ranks[0].slot.waiting_s = 0;
  EXPECT_FALSE(diagnose(ranks, 0));
  ranks[0] = waiting_in(kWorld, 7, 5.5);
  ranks[1].idle_s = 5.2;
  diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->trouble, Trouble::idle);
}

TEST(Diagnosis, FollowsWhoWaitsForWhom) {
  constexpr uint64_t kPair = 99;
  std::vector<RankView> ranks{waiting_in(kWorld, 7, 2.0), waiting_in(kPair, 3, 2.0), computing()};
  enter(ranks[1], kWorld, 6);
  enter(ranks[2], kWorld, 7);
  enter(ranks[2], kPair, 2);
  std::swap(ranks[1].slot.communicators[0], ranks[1].slot.communicators[1]);
  ranks[2].silent_s = 2.0;
  const auto diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->culprits, std::vector<int>{2});
  EXPECT_EQ(diagnosis->collective.communicator, kPair);
}

TEST(Diagnosis, ReceivesAndCirclesAndSilence) {
  std::vector<RankView> ranks{waiting_in(kWorld, 1, 11.0), computing()};
  ranks[0].slot.open.peer = 1;
  auto diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->culprits, std::vector<int>{1});
  EXPECT_NE(report_line(ranks, kHosts, *diagnosis).find("it has not answered"), std::string::npos);

  ranks = {waiting_in(kWorld, 7, 11.0), waiting_in(kWorld, 7, 11.0)};
  diagnosis = diagnose(ranks, 1);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->trouble, Trouble::no_data);

  constexpr uint64_t kOther = 5;
  ranks = {waiting_in(kWorld, 7, 11.0), waiting_in(kOther, 1, 11.0)};
  enter(ranks[0], kOther, 0);
  ranks[0].slot.communicators[1] = {kOther, 0};
  std::swap(ranks[1].slot.communicators[0], ranks[1].slot.communicators[1]);
  diagnosis = diagnose(ranks, 0);
  ASSERT_TRUE(diagnosis);
  EXPECT_EQ(diagnosis->trouble, Trouble::circle);
}

TEST(Diagnosis, OtherHostsAreHeardOfLater) {
  std::vector<RankView> ranks{waiting_in(kWorld, 7, 1.3), computing()};
  ranks[1].silent_s = 1.3;
  ranks[1].remote = true;
  EXPECT_FALSE(diagnose(ranks, 0));
  ranks[1].silent_s = 1.6;
  EXPECT_TRUE(diagnose(ranks, 0));
}

TEST(Table, IsSharedAndLeavesNothingBehind) {
  const std::string name = "/tessera-test-" + std::to_string(getpid());
  SlotTable first(name, 2, true);
  SlotTable second(name, 2, false);
  first.unlink();
  EXPECT_NE(access(("/dev/shm" + name).c_str(), F_OK), 0);
  EXPECT_EQ(second.read(1).presence, Presence::unknown);
  RankSlot slot;
  slot.presence = Presence::alive;
  slot.step = 12;
  first.write(1, slot);
  EXPECT_EQ(second.read(1).step, 12);
  EXPECT_EQ(second.read(0).presence, Presence::unknown);
}

TEST(Link, PassesSlotsBetweenThreeHosts) {
  const uint64_t nonce = 0x1234;
  const std::vector<int> leaders{0, 1, 2};
  auto listener = std::make_unique<HubListener>();
  const HubAddress address{listener->address().port, {"127.0.0.1"}};
  EXPECT_EQ(HubAddress::parse(address.text()).addresses, address.addresses);
  const auto hub = make_hub(std::move(listener), nonce, leaders, 0);
  const auto leaf_one = make_leaf(address, nonce, leaders, 1);
  const auto leaf_two = make_leaf(address, nonce, leaders, 2);
  const auto stranger = make_leaf(address, nonce + 1, leaders, 2);
  const std::string name = "/tessera-test-link-" + std::to_string(getpid()) + "-";
  std::vector<std::unique_ptr<SlotTable>> tables;
  for (int host = 0; host < 4; ++host) {
    tables.push_back(std::make_unique<SlotTable>(name + std::to_string(host), 3, true));
    tables.back()->unlink();
    RankSlot slot;
    slot.presence = Presence::alive;
    slot.rank = host < 3 ? host : 2;
    slot.step = host < 3 ? 100 + host : 666;
    slot.heartbeat = 1;
    tables.back()->write(slot.rank, slot);
  }
  const auto complete = [&](SlotTable& table) {
    for (int rank = 0; rank < 3; ++rank) {
      if (table.read(rank).step != 100 + rank) return false;
    }
    return true;
  };
  while (!(complete(*tables[0]) && complete(*tables[1]) && complete(*tables[2]))) {  // ctest ends it otherwise
    hub->step(*tables[0]);
    leaf_one->step(*tables[1]);
    leaf_two->step(*tables[2]);
    stranger->step(*tables[3]);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(tables[3]->read(0).presence, Presence::unknown) << "another job's watchdog gets nothing";
}

TEST(Link, OldSlotsDoNotReplaceNewOnes) {
  const uint64_t nonce = 0x99;
  const std::vector<int> leaders{0, 1};
  auto listener = std::make_unique<HubListener>();
  const HubAddress address{listener->address().port, {"127.0.0.1"}};
  const auto hub = make_hub(std::move(listener), nonce, leaders, 0);
  const auto leaf = make_leaf(address, nonce, leaders, 1);
  const std::string name = "/tessera-test-old-" + std::to_string(getpid()) + "-";
  SlotTable of_hub(name + "0", 2, true);
  SlotTable of_leaf(name + "1", 2, true);
  of_hub.unlink();
  of_leaf.unlink();
  RankSlot slot;
  slot.presence = Presence::alive;
  slot.rank = 1;
  slot.heartbeat = 50;
  of_hub.write(1, slot);  // came by another way
  slot.heartbeat = 49;
  of_leaf.write(1, slot);
  slot.rank = 0;
  slot.heartbeat = 7;
  of_hub.write(0, slot);
  while (of_leaf.read(0).heartbeat != 7) {  // the leaf sends before it gets; ctest ends it otherwise
    hub->step(of_hub);
    leaf->step(of_leaf);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(of_hub.read(1).heartbeat, 50u);
}

}  // namespace
}  // namespace tessera::distributed::watchdog
