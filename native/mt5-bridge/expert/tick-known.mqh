// The ticks of all symbols that have been delivered and can be met again when the tick base is read once more: of each
// symbol a list by time, in blocks that all symbols take from one pool. So the memory is bounded for all together, and a
// busy symbol has what quiet ones do not need.
#ifndef TROUPE_TICK_KNOWN_MQH
#define TROUPE_TICK_KNOWN_MQH

#include "messages.mqh"

#define KNOWN_BLOCK 32
// 1,048,576 ticks in whole blocks, and one block for each tick of a reading, which late ones may need.
#define KNOWN_BLOCKS 36864
// Blocks of a symbol that is quiet: of those nothing is forgotten for want of room.
#define KNOWN_FEW 8

struct KnownBlock {
  int previous;  // -1: none
  int next;
  int count;  // never 0 in a list
  // `symbol` is the number of the reading in which the tick was met last.
  WireTick tick[KNOWN_BLOCK];
};

struct KnownTicks {
  int first;  // -1: none
  int last;
  int blocks;
};

// Before tick `index` of a block. Settled: not at the end of a block that another one follows.
struct KnownPlace {
  int block;  // -1: nowhere
  int index;
};

KnownBlock g_known[KNOWN_BLOCKS];
int g_known_free = -1;  // blocks that were given back, by `next`
int g_known_free_count = 0;
int g_known_fresh = 0;  // from here on never used

void KnownReset() {
  g_known_free = -1;
  g_known_free_count = 0;
  g_known_fresh = 0;
}

int KnownRoom() { return KNOWN_BLOCKS - g_known_fresh + g_known_free_count; }

void KnownClear(KnownTicks &known) {
  known.first = -1;
  known.last = -1;
  known.blocks = 0;
}

// An empty block behind another one, or as the only one. There must be room.
int KnownAddBlock(KnownTicks &known, int after) {
  int block = g_known_fresh;
  if (g_known_free >= 0) {
    block = g_known_free;
    g_known_free = g_known[block].next;
    g_known_free_count--;
  } else {
    g_known_fresh++;
  }
  const int next = after >= 0 ? g_known[after].next : -1;
  g_known[block].previous = after;
  g_known[block].next = next;
  g_known[block].count = 0;
  if (after >= 0) g_known[after].next = block;
  if (after < 0) known.first = block;
  if (next >= 0) g_known[next].previous = block;
  if (next < 0) known.last = block;
  known.blocks++;
  return block;
}

void KnownDropFirst(KnownTicks &known) {
  const int block = known.first;
  known.first = g_known[block].next;
  if (known.first >= 0) g_known[known.first].previous = -1;
  if (known.first < 0) known.last = -1;
  known.blocks--;
  g_known[block].next = g_known_free;
  g_known_free = block;
  g_known_free_count++;
}

long KnownBlockEnd(int block) { return g_known[block].tick[g_known[block].count - 1].time_ms; }

// The newest tick's time, `otherwise` without one.
long KnownNewest(const KnownTicks &known, long otherwise) {
  return known.last < 0 ? otherwise : KnownBlockEnd(known.last);
}

void KnownSettle(KnownPlace &place) {
  if (place.block < 0 || place.index < g_known[place.block].count || g_known[place.block].next < 0) return;
  place.block = g_known[place.block].next;
  place.index = 0;
}

bool KnownAtEnd(const KnownPlace &place) {
  return place.block < 0 || place.index >= g_known[place.block].count;
}

void KnownAdvance(KnownPlace &place) {
  place.index++;
  KnownSettle(place);
}

// To the first tick that is not older, from where the place is; from the nearer end when it is nowhere.
void KnownSeek(const KnownTicks &known, KnownPlace &place, long time_ms) {
  place.index = 0;
  if (known.first < 0) {
    place.block = -1;
    return;
  }
  if (time_ms >= g_known[known.last].tick[0].time_ms) place.block = known.last;
  if (place.block < 0) {
    const bool near_end = KnownBlockEnd(known.last) - time_ms < time_ms - g_known[known.first].tick[0].time_ms;
    place.block = near_end ? known.last : known.first;
  }
  while (g_known[place.block].previous >= 0 && g_known[place.block].tick[0].time_ms >= time_ms)
    place.block = g_known[place.block].previous;
  while (g_known[place.block].next >= 0 && KnownBlockEnd(place.block) < time_ms)
    place.block = g_known[place.block].next;
  while (place.index < g_known[place.block].count && g_known[place.block].tick[place.index].time_ms < time_ms)
    place.index++;
  KnownSettle(place);
}

// Before the place, which is then the tick's.
void KnownInsert(KnownTicks &known, KnownPlace &place, const WireTick &tick) {
  if (place.block < 0) {
    place.block = KnownAddBlock(known, known.last);
    place.index = 0;
  }
  const int full = place.block;
  if (g_known[full].count == KNOWN_BLOCK && place.index == KNOWN_BLOCK) {
    place.block = KnownAddBlock(known, full);
    place.index = 0;
  } else if (g_known[full].count == KNOWN_BLOCK) {
    const int half = KNOWN_BLOCK / 2;
    const int upper = KnownAddBlock(known, full);
    for (int i = half; i < KNOWN_BLOCK; i++) g_known[upper].tick[i - half] = g_known[full].tick[i];
    g_known[upper].count = KNOWN_BLOCK - half;
    g_known[full].count = half;
    if (place.index > half) {
      place.block = upper;
      place.index -= half;
    }
  }
  const int block = place.block;
  for (int i = g_known[block].count; i > place.index; i--) g_known[block].tick[i] = g_known[block].tick[i - 1];
  g_known[block].tick[place.index] = tick;
  g_known[block].count++;
}

// Gives back the blocks in which everything is older.
void KnownForget(KnownTicks &known, long time_ms) {
  while (known.first >= 0 && KnownBlockEnd(known.first) < time_ms) KnownDropFirst(known);
}

// For want of room: an eighth of a busy symbol's blocks, the oldest. What is older than the time that comes back is not
// known any more.
long KnownForgetSome(KnownTicks &known, long time_ms) {
  long floor_ms = time_ms;
  for (int n = known.blocks < KNOWN_FEW ? 0 : known.blocks / KNOWN_FEW; n > 0; n--) {
    const long end_ms = KnownBlockEnd(known.first) + 1;
    if (end_ms > floor_ms) floor_ms = end_ms;
    KnownDropFirst(known);
  }
  return floor_ms;
}

#endif
